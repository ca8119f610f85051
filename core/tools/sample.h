// cai sample: text from one model.
#pragma once
#include <algorithm>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../lm/prompting.h"
#include "../session.h"
#include "verb.h"

namespace cai {

// A completion as one JSON object. ids and logprobs include the token that ended it, text does not.
inline Json completion_json(const std::vector<Token>& prompt, const Completion& completion, const std::string& text,
                            size_t context) {
    Json::Array logprobs;
    for (float logprob : completion.logprobs) logprobs.push_back(real(logprob));
    const char* why = completion.stopped                                    ? "stop token"
                      : prompt.size() + completion.tokens.size() == context ? "context"
                                                                            : "length";
    return Json::Object{{"prompt_ids", Json::Array(prompt.begin(), prompt.end())},
                        {"ids", Json::Array(completion.tokens.begin(), completion.tokens.end())},
                        {"logprobs", std::move(logprobs)},
                        {"text", text},
                        {"stopped_by", why}};
}

inline int run_sample(Arguments& arguments, const std::filesystem::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    std::string directory = arguments.positional(0, "the folder or file of a model, such as runs/story/rl-cai");
    bool plain = arguments.has("text");
    if (plain && arguments.has("prompt")) fail(kUsage, "--prompt asks and --text goes on: give one of them");
    std::string text = plain ? arguments.string("text", "") : arguments.string("prompt", "");
    GenerateOptions options;
    options.sampling.temperature = arguments.number("temperature", options.sampling.temperature, 0, 100);
    const int64_t top_k = arguments.integer("top-k", 0, 0);
    options.sampling.top_k = static_cast<int>(std::min<int64_t>(top_k, std::numeric_limits<int>::max()));
    options.sampling.top_p = arguments.number("top-p", options.sampling.top_p, 0, 1);
    options.max_new_tokens = static_cast<int>(arguments.integer("max-new-tokens", 80, 1, 1 << 20));
    options.seed = static_cast<uint64_t>(arguments.integer("seed", 1, 0));
    size_t count = static_cast<size_t>(arguments.integer("count", 1, 1, 1 << 20));
    const std::string tokenizer_path = arguments.string("tokenizer", "");
    const bool json = arguments.flag("json");
    arguments.finish();
    if (!plain && text.empty()) fail(kUsage, "cai sample needs --prompt \"a question\" or --text \"a beginning\"");
    const ModelSource source = open_model(directory, tokenizer_path);
    expect_writer(source.config, directory);
    const Tokenizer tokenizer = load_tokenizer(source);
    const Prompting prompting(tokenizer, source.generation, directory);
    const std::vector<Token> prompt = plain ? prompting.text(text) : prompting.conversation({{"user", text}});
    prompting.set(options);
    const size_t context = static_cast<size_t>(source.config.context);
    expects(prompt.size() < context, plain ? "--text" : "--prompt", " has ", prompt.size(),
            " tokens, and the model's context of ", context, " must hold what follows too; shorten it");
    const Model model = load_model(kernels, source, Use::inference);
    const std::vector<std::vector<Token>> prompts(count, prompt);
    for (const Completion& completion : generate(model, prompts, options)) {
        const std::string answer = plain ? prompting.continuation(prompt, completion) : text_of(tokenizer, completion);
        if (json) {
            std::cout << dump(completion_json(prompt, completion, answer, context)) << "\n";
        } else {
            std::cout << repair_utf8((plain ? text : "") + answer) << "\n";
        }
    }
    return kDone;
}

inline Verb sample_verb() {
    return {"sample",
            "text from one model",
            "cai sample runs/story/rl-cai --prompt \"How do I brush the goat?\" --temperature 0",
            {kPrompt,
             {"text", "TEXT", "a beginning to go on from, instead of a prompt"},
             {"count", "N", "how many samples (1)"},
             {"max-new-tokens", "N", "the longest answer (80)"},
             {"temperature", "T", "of the draws; 0 takes the likeliest token (1)"},
             {"top-k", "K", "draw from the K likeliest tokens (0: from all)"},
             {"top-p", "P", "draw from the likeliest tokens that hold the share P (1: from all)"},
             {"seed", "N", "of the draws (1)"},
             kTokenizer,
             {"json", "", "a JSON object a sample: ids, log-probabilities, text, what ended it"},
             kThreads,
             kDevice,
             kPrecision},
            run_sample,
            false};
}

}  // namespace cai
