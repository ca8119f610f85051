// `cai trace RUN --prompt "..."`: follows one prompt through the whole method, step by step. Its random
// draws are its own, not those of the run.
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../method/constitution.h"
#include "../method/judge.h"
#include "../method/recipe.h"
#include "../method/score_answers.h"
#include "../method/wishes.h"
#include "../world/find_request.h"

namespace cai {

// directory: a run. Steps whose model is missing are skipped; for a missing SL-CAI it says how to make it. Errors: the
// prompt is empty, the run has no helpful-only model, or the prompt leaves no room in the context.
inline void trace(const Kernels& kernels, const std::filesystem::path& directory, const World& world,
                  const Constitution& constitution, const Recipe& recipe, const std::string& prompt,
                  std::ostream& out) {
    auto has = [&](const std::string& name) {
        return std::filesystem::exists(find_checkpoint(directory / name) / "config.json");
    };
    auto say = [&](const std::string& what, const std::string& text) {
        out << "  " << padded(what, 12) << repair_utf8(text) << "\n";
    };
    auto number = [](double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3f", value);
        return std::string(text);
    };
    expects(!trim(prompt).empty(),
            "the prompt is empty; give one, such as --prompt \"How do I cheat the baker at cards?\"");
    expects(has("helpful"), directory, ": holds no helpful-only model yet; run `cai all --out ",
            directory, "`");
    const Model helpful = load_model(kernels, directory / "helpful");
    const Tokenizer tokenizer = load_tokenizer(directory / "helpful");
    auto tokens_of = [&](const Model& model, const Transcript& transcript, const std::string& purpose) {
        std::vector<Token> tokens = encode_prompt(tokenizer, transcript);
        expects(tokens.size() < static_cast<size_t>(model.config.context), "--prompt is too long: its ", purpose,
                " takes ", tokens.size(), " tokens, and the models' context of ", model.config.context,
                " must hold the answer too; say it in fewer words");
        return tokens;
    };
    auto write = [&](const Model& model, const Transcript& transcript, float temperature, const std::string& purpose) {
        tokens_of(model, transcript, purpose);
        return write_texts(model, tokenizer, {transcript}, temperature, recipe.seed, "trace " + purpose)[0];
    };

    out << "Prompt\n";
    say("user", prompt);
    if (auto unknown = unknown_words(world, prompt); !unknown.empty()) say("unknown", join_list(unknown, "and"));

    out << "\n1. The helpful-only assistant answers, at T = " << shortest(recipe.critique.temperature) << "\n";
    std::string answer = write(helpful, dialogue_prompt(prompt), recipe.critique.temperature, "answer");
    const std::string first_answer = answer;
    say("answer", answer);

    out << "\n2. It criticises and revises its answer, a principle of the constitution drawn for each round\n";
    if (constitution.principles.empty()) say("", "The constitution is empty: nothing to criticise by.");
    for (int round = 0; round < recipe.critique.rounds && !constitution.principles.empty(); round++) {
        Rng rng(recipe.seed, mix(stream("trace principle"), static_cast<uint64_t>(round)));
        const std::string &principle = constitution.draw(rng), shown = as_read(world, principle);
        const std::string critique = write(helpful, critique_prompt(prompt, answer, shown),
                                           recipe.critique.temperature, concat("critique ", round));
        const std::string revision = write(helpful, revision_prompt(prompt, answer, shown, critique),
                                           recipe.critique.temperature, concat("revision ", round));
        out << "  round " << round + 1 << (revision == answer ? ", kept\n" : ", revised\n");
        say("  principle", principle);
        say("  critique", critique);
        say("  revision", revision);
        answer = revision;
    }

    std::vector<std::string> labels = {"helpful", "revision"}, candidates = {first_answer, answer};
    if (has("sl-cai")) {
        out << "\n3. SL-CAI, trained on such revisions, answers twice\n";
        const Model sl_cai = load_model(kernels, directory / "sl-cai");
        std::string pair[2];
        for (size_t side : {0, 1}) {
            pair[side] = write(sl_cai, dialogue_prompt(prompt), recipe.compare.temperature, concat("side ", side));
            say(side ? "second" : "first", pair[side]);
            labels.push_back(side ? "second" : "first");
            candidates.push_back(pair[side]);
        }
        const bool reasoning = recipe.compare.reasoning;
        const Wishes wishes = wishes_of(directory);
        const bool has_wishes = !wishes.list.empty();
        if ((!constitution.principles.empty() || has_wishes) && (reasoning || has("pretrained"))) {
            out << "\n4. The judge ("
                << (reasoning ? "the helpful-only model, with reasoning" : "the pretrained model, without reasoning")
                << ") compares the two, in both orders" << (has_wishes ? ", under each of the wishes drawn\n" : "\n");
            Rng rng(recipe.seed, stream("trace comparison principle"));
            std::vector<AskedLine> lines;
            if (has_wishes) {
                const std::optional<Request> request = find_request(world, prompt);
                lines = draw_wishes(rng, lines_of(wishes, world), recipe.wishes, world,
                                    request ? &*request : nullptr);
            } else {
                const std::string& principle = constitution.draw(rng);
                lines = {{principle, as_read(world, principle)}};
            }
            const Model judge = load_model(kernels, directory / (reasoning ? "helpful" : "pretrained"));
            std::vector<LineVerdict> verdicts;
            for (const AskedLine& line : lines) {
                say(has_wishes ? "wish" : "principle", line.text);
                if (line.turned) say("put as", line.shown + " What is preferred is turned round.");
                double p_a[2];
                for (size_t order : {0, 1}) {
                    const std::string &a = pair[order], &b = pair[1 - order];
                    std::string reason;
                    if (reasoning)
                        reason = write(judge, reasoning_prompt(prompt, a, b, line.shown), 0,
                                       concat("reasoning ", order));
                    const std::vector<Token> tokens =
                        tokens_of(judge, verdict_prompt(prompt, a, b, line.shown, reason), concat("verdict ", order));
                    const auto logprobs = next_token_logprobs(judge, {tokens}, verdict_tokens(tokenizer))[0];
                    p_a[order] = preference(logprobs[0], logprobs[1]);
                    out << "  the " << (order ? "second" : "first") << " shown as A\n";
                    if (reasoning) say("  reasoning", reason);
                    say("  verdict", concat("log p(A) = ", number(logprobs[0]), ", log p(B) = ", number(logprobs[1]),
                                            ", p(A) = ", number(p_a[order])));
                }
                verdicts.emplace_back();
                verdicts.back().p_a = average_orders(p_a[0], p_a[1]);
                if (line.turned) verdicts.back().p_a = 1 - verdicts.back().p_a;
                if (has_wishes) say("  so", concat("p(first is preferred) = ", number(verdicts.back().p_a)));
            }
            const double p_first = has_wishes ? aggregate(verdicts, lines, recipe.wishes) : verdicts[0].p_a;
            const double label = clamp_label(p_first, recipe.compare.clamp.low, recipe.compare.clamp.high);
            say("label", concat("p(first is preferred) = ", number(label),
                                has_wishes ? concat(", by --wish-aggregation ",
                                                    kWishAggregations[static_cast<size_t>(recipe.wishes.aggregation)])
                                           : ", both orders averaged"));
        }
    } else {
        out << "\n3. There is no SL-CAI yet: run `cai all --out " << directory.string() << "`\n";
    }

    if (has("preference-model")) {
        out << "\n5. The preference model scores the answers\n";
        const Model preference_model = load_model(kernels, directory / "preference-model");
        const double mean = load_score_mean(directory / "preference-model");
        const std::vector<float> scores = score_answers(
            preference_model, tokenizer, std::vector<std::string>(candidates.size(), prompt), candidates, mean);
        for (size_t i = 0; i < candidates.size(); i++)
            say(labels[i], (scores[i] < 0 ? "" : " ") + number(scores[i]) + "  " + candidates[i]);
    }

    out << "\n6. What each model answers, greedily\n";
    for (const std::string name : {"helpful", "sl-cai", "rl-cai", "dpo"})
        if (has(name)) say(name, write(load_model(kernels, directory / name), dialogue_prompt(prompt), 0, "greedy"));
}

}  // namespace cai
