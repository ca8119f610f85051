// AI feedback (paper, section 4.1): SL-CAI answers each prompt twice, and a judge says which answer is better under a
// principle of the constitution. The label is soft: the judge's probability of A against B, averaged over both orders.
// A run with wishes asks the judge about several of them in place of the principle, and aggregates what it says.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/constitution.h"
#include "../method/recipe.h"
#include "../method/wishes.h"
#include "../world/prompts.h"

namespace cai {

// Writes comparisons.jsonl: {"prompt", "a", "b", "principle", "reasoning": [with a shown first, with b shown first],
// "p_a_orders": [the probability of a in each order], "p_a"}. With reasoning, the judge is the helpful-only model,
// which first writes out the keyword check (at temperature 0); without, it is the pretrained model, as in the paper. An
// empty constitution yields no comparisons. If either order does not fit the context, both are set to 0.5.
//
// If the run has wishes.jsonl, the constitution has no say here, and a line is {"prompt", "a", "b", "wishes": [{"text",
// "burn", "probability": of being drawn, "put_as": the line that the judge saw, if it forbids what the wish allows and
// the answer was turned round, "reasoning", "p_a_orders", "p_a"}], "p_a": their aggregate}.
inline void compare(const Kernels& kernels, Run& run, const World& world, const Constitution& constitution,
                    const Recipe& recipe) {
    const Wishes wishes = wishes_of(run.directory);
    if (constitution.principles.empty() && wishes.list.empty()) {
        write_file(run / "comparisons.jsonl", "");
        return;
    }
    const bool reasoning = recipe.compare.reasoning, has_wishes = !wishes.list.empty();
    Model assistant = load_model(kernels, run / "sl-cai");
    Model judge = load_model(kernels, run / (reasoning ? "helpful" : "pretrained"));
    Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    check_lengths(constitution, tokenizer, judge.config.context);
    if (has_wishes) {
        check_wishes(wishes, recipe.wishes, world);
        check_lengths(as_constitution(wishes), tokenizer, judge.config.context);
        note("compare", concat("by ", wishes.list.size(), " wishes, whose burns weigh like ",
                               format_value(wishes.effective_number()), " equal ones"));
    }
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

    const size_t k = has_wishes ? recipe.wishes.per_comparison : 1;
    const std::vector<AskedLine> of_wishes = lines_of(wishes, world);
    std::vector<AnswerPair> pairs;
    std::vector<AskedLine> asked;  // k a pair
    for (size_t i = 0; i < n; i++) {
        pairs.push_back({prompts[i].text, answers[0][i], answers[1][i]});
        Rng rng(recipe.seed, mix(stream(has_wishes ? "comparison wishes" : "comparison principle"), i));
        if (has_wishes) {
            for (const AskedLine& wish :
                 draw_wishes(rng, of_wishes, recipe.wishes, world, &prompts[i].request))
                asked.push_back(wish);
        } else {
            const std::string& principle = draw_for(constitution, rng, world, prompts[i].request, recipe.draw);
            asked.push_back({principle, as_read(world, principle)});
        }
    }
    const std::vector<LineVerdict> verdicts =
        judge_lines(judge, tokenizer, pairs, asked, reasoning, recipe.seed, "reasoning");

    std::vector<Json> records;
    double decided = 0, agreement = 0;
    size_t undecidable = 0;
    for (size_t i = 0; i < n; i++) {
        Json record = Json::Object{{"prompt", pairs[i].prompt}, {"a", pairs[i].a}, {"b", pairs[i].b}};
        const auto set_verdict = [&](Json& of, const LineVerdict& verdict) {
            undecidable += !verdict.fits;
            agreement += verdict.fits && (verdict.p_a_orders[0] > 0.5) == (verdict.p_a_orders[1] > 0.5);
            if (reasoning) of.set("reasoning", Json::Array{verdict.reasoning[0], verdict.reasoning[1]});
            of.set("p_a_orders", Json::Array{verdict.p_a_orders[0], verdict.p_a_orders[1]});
        };
        double p_a = verdicts[i * k].p_a;
        if (has_wishes) {
            Json list = Json::Array{};
            const std::vector<AskedLine> drawn(&asked[i * k], &asked[i * k] + k);
            const std::vector<LineVerdict> said(&verdicts[i * k], &verdicts[i * k] + k);
            for (size_t j = 0; j < k; j++) {
                Json wish = Json::Object{
                    {"text", drawn[j].text}, {"burn", drawn[j].burn}, {"probability", drawn[j].probability}};
                if (drawn[j].turned) wish.set("put_as", drawn[j].shown);
                set_verdict(wish, said[j]);
                list.push(wish.set("p_a", said[j].p_a));
            }
            record.set("wishes", list);
            p_a = aggregate(said, drawn, recipe.wishes);
        } else {
            set_verdict(record.set("principle", asked[i].text), verdicts[i]);
        }
        const double label = clamp_label(p_a, recipe.compare.clamp.low, recipe.compare.clamp.high);
        records.push_back(record.set("p_a", label));
        decided += std::abs(label - 0.5) > 0.15;
    }
    progress.update(2, {{"decided", decided / static_cast<double>(n)}});
    NamedValues values = {{"decided", decided / static_cast<double>(n)},
                          {"order_agreement", agreement / static_cast<double>(asked.size())}};
    if (undecidable > 0) {
        values.emplace_back("too_long", undecidable);
        note("compare", concat(undecidable, " of ", asked.size(), " comparisons do not fit the context of ",
                               judge.config.context, " tokens; they stay undecided"));
    }
    run.metrics.drop_after("compare", 0);
    run.metrics.log("compare", n, values);
    write_file(run / "comparisons.jsonl", dump_jsonl(records));
}

}  // namespace cai
