// cai sample: text from one model.
#pragma once
#include <iostream>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../lm/prompt_templates.h"
#include "../lm/sampler.h"
#include "../session.h"
#include "verb.h"

namespace cai {

inline int run_sample(Arguments& arguments, const std::filesystem::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    std::string directory = arguments.positional(0, "the folder of a model, such as runs/story/rl-cai");
    bool plain = arguments.has("text");
    std::string text = plain ? arguments.string("text", "") : arguments.string("prompt", "");
    GenerateOptions options;
    options.sampling.temperature = arguments.number("temperature", options.sampling.temperature, 0, 100);
    options.sampling.top_k = static_cast<int>(arguments.integer("top-k", 0, 0));
    options.sampling.top_p = arguments.number("top-p", options.sampling.top_p, 0, 1);
    options.max_new_tokens = static_cast<int>(arguments.integer("max-new-tokens", 80, 1, 1 << 20));
    options.seed = static_cast<uint64_t>(arguments.integer("seed", 1, 0));
    size_t count = static_cast<size_t>(arguments.integer("count", 1, 1, 1 << 20));
    arguments.finish();
    if (!plain && text.empty()) fail(kUsage, "cai sample needs --prompt \"a question\" or --text \"a beginning\"");
    Model model = load_model(kernels, directory);
    Tokenizer tokenizer = load_tokenizer(directory);
    Transcript transcript = plain ? Transcript{{kEndOfText, text, true}} : dialogue_prompt(text);
    std::vector<std::vector<Token>> prompts(count, encode_prompt(tokenizer, transcript));
    for (const Completion& completion : generate(model, prompts, options))
        std::cout << (plain ? text : "") << text_of(tokenizer, completion) << "\n";
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
             kThreads,
             kDevice,
             kPrecision},
            run_sample,
            false};
}

}  // namespace cai
