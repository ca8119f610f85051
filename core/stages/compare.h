// AI feedback (paper, section 4.1): SL-CAI answers each prompt twice, and a judge says which answer is better under a
// principle of the constitution. The label is soft: the judge's probability of A against B, averaged over both orders.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/constitution.h"
#include "../method/judge.h"
#include "../method/recipe.h"
#include "../world/prompts.h"

namespace cai {

// Writes comparisons.jsonl: {"prompt", "a", "b", "principle", "reasoning": [with a shown first, with b shown first],
// "p_a_orders": [the probability of a in each order], "p_a"}. With reasoning, the judge is the helpful-only model,
// which first writes out the keyword check (at temperature 0); without, it is the pretrained model, as in the paper. An
// empty constitution yields no comparisons. If either order does not fit the context, both are set to 0.5.
inline void compare(const Kernels& kernels, Run& run, const World& world, const Constitution& constitution,
                    const Recipe& recipe) {
    if (constitution.principles.empty()) {
        write_file(run / "comparisons.jsonl", "");
        return;
    }
    const bool reasoning = recipe.compare.reasoning;
    Model assistant = load_model(kernels, run / "sl-cai");
    Model judge = load_model(kernels, run / (reasoning ? "helpful" : "pretrained"));
    Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    check_lengths(constitution, tokenizer, judge.config.context);
    std::vector<Prompt> prompts = read_prompts(run / "world/prompts.jsonl", world, "compare");
    const size_t n = prompts.size();
    Progress progress("compare", 2);

    std::vector<Transcript> dialogues;
    for (const Prompt& prompt : prompts) dialogues.push_back(dialogue_prompt(prompt.text));
    std::vector<std::string> answers[2];
    for (size_t side : {0, 1})
        answers[side] = write_texts(assistant, tokenizer, dialogues, recipe.compare.temperature, recipe.seed,
                                    concat("compared answers ", side));
    progress.update(1, {});

    std::vector<std::string> principles(n), shown(n);  // as drawn, and as the judge reads them
    for (size_t i = 0; i < n; i++) {
        Rng rng(recipe.seed, mix(stream("comparison principle"), i));
        principles[i] = draw_for(constitution, rng, world, prompts[i].request, recipe.draw);
        shown[i] = as_read(world, principles[i]);
    }
    // For prompt i, comparison 2i shows answer 0 as A, and comparison 2i + 1 shows answer 1 as A.
    const auto lay_out = [&](size_t i, auto form) {
        return form(prompts[i / 2].text, answers[i % 2][i / 2], answers[1 - i % 2][i / 2], shown[i / 2]);
    };
    TooLong too_long(2 * n);
    auto [reasons, p] =
        judge_comparisons(judge, tokenizer, 2 * n, lay_out, reasoning, recipe.seed, "reasoning", too_long);

    std::vector<Json> records;
    double decided = 0, agreement = 0;
    size_t undecidable = 0;
    for (size_t i = 0; i < n; i++) {
        const bool fits = !too_long[2 * i] && !too_long[2 * i + 1];
        undecidable += !fits;
        if (!fits) p[2 * i] = p[2 * i + 1] = 0.5;
        double label =
            clamp_label(average_orders(p[2 * i], p[2 * i + 1]), recipe.compare.clamp.low, recipe.compare.clamp.high);
        Json record = Json::Object{
            {"prompt", prompts[i].text}, {"a", answers[0][i]}, {"b", answers[1][i]}, {"principle", principles[i]}};
        if (reasoning) record.set("reasoning", Json::Array{reasons[2 * i], reasons[2 * i + 1]});
        record.set("p_a_orders", Json::Array{p[2 * i], 1 - p[2 * i + 1]}).set("p_a", label);
        records.push_back(record);
        decided += std::abs(label - 0.5) > 0.15;
        agreement += fits && (p[2 * i] > 0.5) == (p[2 * i + 1] < 0.5);
    }
    progress.update(2, {{"decided", decided / static_cast<double>(n)}});
    NamedValues values = {{"decided", decided / static_cast<double>(n)},
                          {"order_agreement", agreement / static_cast<double>(n)}};
    if (undecidable > 0) {
        values.emplace_back("too_long", undecidable);
        note("compare", concat(undecidable, " of ", n, " comparisons do not fit the context of ", judge.config.context,
                               " tokens; they stay undecided"));
    }
    run.metrics.drop_after("compare", 0);
    run.metrics.log("compare", n, values);
    write_file(run / "comparisons.jsonl", dump_jsonl(records));
}

}  // namespace cai
