// cai dump: every intermediate of a forward and a backward pass, or of a step of training, as a file.
#pragma once
#include <cmath>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "../base/table.h"
#include "../session.h"
#include "dump_steps.h"
#include "token_input.h"
#include "verb.h"

namespace cai {

// Forward, mean cross-entropy of each next token, and backward, on one sequence of T tokens. All T rows are computed;
// the last predicts nothing, so its target is -1, its log-probability and its part of the loss 0. Errors: fewer than
// two tokens, more than the context, or a score head.
inline void dump_pass(Dump& dump, Model& model, const std::vector<Token>& ids) {
    expects(!model.config.score_head,
            "this is a score model, which predicts no tokens: dump --step preference instead");
    expects(ids.size() >= 2, "there are ", ids.size(), " tokens, and a loss needs two: one predicts the next");
    Batch batch;
    std::vector<int32_t> rows;
    for (size_t t = 0; t < ids.size(); t++) rows.push_back(static_cast<int32_t>(t));
    batch.add_scored(ids.data(), ids.size(), rows);
    batch.targets.assign(ids.begin() + 1, ids.end());
    batch.targets.push_back(-1);
    dump.add_ids("input_ids", ids);
    dump.add_ids("targets", batch.targets);
    Gradients gradients(model);
    Activations activations;
    StepRecorder(dump.tensors, "").train_step(model, gradients, batch, activations, [&](const Outputs& outputs) {
        std::vector<float> logprobs = outputs.logprobs;
        logprobs.pop_back();
        double loss;
        std::vector<float> derivative = mean_cross_entropy(logprobs, loss);
        derivative.push_back(0);
        dump.add_scalar("loss", loss);
        return derivative;
    });
}

// The values of a tensor that typed_tensor() made.
inline std::vector<double> values_of(const TypedTensor& tensor) {
    const auto as = [&]<class T>(T) {
        std::vector<T> values(tensor.bytes.size() / sizeof(T));
        if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
        return std::vector<double>(values.begin(), values.end());
    };
    if (tensor.dtype == "F32") return as(float());
    if (tensor.dtype == "F64") return as(double());
    if (tensor.dtype == "I64") return as(int64_t());
    return as(int32_t());
}

// Name, type, shape, mean, standard deviation and the first three values of each tensor: as a table, or as JSON.
inline std::string describe(const std::vector<TypedTensor>& tensors, bool json) {
    std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape", "mean", "std", "first values"}};
    Json list = Json::Array{};
    const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(concat(x)); };
    for (const TypedTensor& tensor : tensors) {
        const std::vector<double> values = values_of(tensor);
        double mean = 0, squares = 0;
        for (double x : values) mean += x / static_cast<double>(values.size());
        for (double x : values) squares += (x - mean) * (x - mean) / static_cast<double>(values.size());
        std::string first;
        Json firsts = Json::Array{};
        for (size_t i = 0; i < std::min<size_t>(values.size(), 3); i++) {
            first += (i ? " " : "") + format_value(values[i]);
            firsts.push(number(values[i]));
        }
        rows.push_back({tensor.name, tensor.dtype, shape_text(tensor.shape), format_value(mean),
                        format_value(std::sqrt(squares)), first + (values.size() > 3 ? " ..." : "")});
        list.push(Json::Object{{"name", tensor.name},
                               {"dtype", tensor.dtype},
                               {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
                               {"mean", number(mean)},
                               {"std", number(std::sqrt(squares))},
                               {"first", firsts}});
    }
    return json ? cai::dump(list) + "\n" : format_table(rows);
}

inline int run_dump(Arguments& arguments, const std::filesystem::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    const std::string directory = arguments.positional(0, "the folder or file of a model, such as runs/story/rl-cai");
    const TokenArguments given(arguments);
    const std::string tokenizer_path = arguments.string("tokenizer", "");
    const std::string step = arguments.choice("step", {"sft", "preference", "ppo", "dpo", "adamw", "muon"}, "");
    const std::string out = arguments.string("out", "");
    const bool json = arguments.flag("json");
    StepOptions options;
    for (const char* name : {"like", "value"})
        if (arguments.has(name) && step != "ppo") fail(kUsage, "--", name, " is for --step ppo");
    if (arguments.has("beta") && step != "dpo") fail(kUsage, "--beta is for --step dpo");
    if (arguments.has("reference") && step != "ppo" && step != "dpo")
        fail(kUsage, "--reference is for --step ppo and --step dpo");
    options.beta = arguments.number("beta", options.beta, 0);
    if (arguments.has("learning-rate") && step.empty()) fail(kUsage, "--learning-rate is for --step");
    options.learning_rate = arguments.number("learning-rate", options.learning_rate, 0);
    options.ppo = like(arguments.string("like", "cai"));
    const std::string reference = arguments.string("reference", directory),
                      value = arguments.string("value", directory);
    arguments.finish();
    if (!step.empty() && given.given())
        fail(kUsage, "--step has a batch of its own: leave out --text, --prompt, --answer and --ids");

    Dump dump;
    dump.settings.set("model", directory).set("step", step.empty() ? "forward and backward" : step);
    dump.settings.set("kernels", kernels.name);
    if (step.empty()) {
        const ModelSource source = open_model(directory, tokenizer_path);
        const TokenInput input = given.encode(source);
        Model model = load_model(kernels, source);
        dump_pass(dump, model, input.ids);
    } else {
        Model model = load_model(kernels, directory);
        expects(step == "preference" || !model.config.score_head, directory, " is a score model: --step ", step,
                " needs a language model");
        if (step == "sft") dump_sft_step(dump, std::move(model), options);
        if (step == "adamw") dump_optimizer_steps(dump, std::move(model), MatrixUpdate::adamw, options);
        if (step == "muon") dump_optimizer_steps(dump, std::move(model), MatrixUpdate::muon, options);
        if (step == "preference") dump_preference_step(dump, std::move(model), options);
        if (step == "dpo") dump_dpo_step(dump, std::move(model), load_model(kernels, reference), options);
        if (step == "ppo")
            dump_ppo_step(dump, std::move(model), load_model(kernels, reference), load_model(kernels, value), options);
    }
    if (!out.empty()) write_typed_tensors(out, dump.tensors, dump.settings);
    std::cout << describe(dump.tensors, json);
    return kDone;
}

inline Verb dump_verb() {
    return {"dump",
            "every intermediate of forward and backward, or of a step of training, as a safetensors file",
            "cai dump runs/story/rl-cai --text \"The goat sleeps.\" --out pass.safetensors\n"
            "  cai dump runs/story/sl-cai --step ppo --like trl --out step.safetensors",
            {kText,
             kPrompt,
             kAnswer,
             kIds,
             kTokenizer,
             {"step", "NAME", "of training on a batch of its own instead: sft, preference, ppo, dpo, adamw or muon"},
             {"like", "NAME", "PPO's conventions, as for `cai ppo` (cai)"},
             {"reference", "DIR", "the reference of PPO or DPO (the model itself)"},
             {"beta", "X", "of DPO (0.1)"},
             {"value", "DIR", "PPO's value model; to a language model a score head is added (the model itself)"},
             {"learning-rate", "X", "of the step (0.001)"},
             {"out", "FILE", "the file; without it there is only the table"},
             kJson,
             kThreads,
             kDevice,
             kPrecision},
            run_dump,
            false};
}

}  // namespace cai
