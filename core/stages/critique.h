// Critique and revision (paper, section 3.1): the helpful-only model answers, critiques its answer under a principle of
// the constitution, and revises it. Each round draws a new principle, uniformly and independently of the prompt (unless
// --draw relevant says otherwise).
#pragma once
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/constitution.h"
#include "../method/recipe.h"
#include "../method/writing.h"
#include "../world/prompts.h"

namespace cai {

// Writes revisions.jsonl, the full trace: {"prompt", "answer", "rounds": [{"principle", "critique", "revision"}, ...]},
// and helpful-samples.jsonl: {"prompt", "answer"}. An empty constitution gives no rounds. If a critique or revision
// does not fit the context, the answer is kept as the revision.
inline void critique_and_revise(const Kernels& kernels, Run& run, const World& world, const Constitution& constitution,
                                const Recipe& recipe) {
    Model model = load_model(kernels, run / "helpful");
    Tokenizer tokenizer = load_tokenizer(run / "helpful");
    check_lengths(constitution, tokenizer, model.config.context);
    const float temperature = recipe.critique.temperature;
    std::vector<Prompt> prompts = read_prompts(run / "world/prompts.jsonl", world, "critique");
    std::vector<Prompt> helpful = read_prompts(run / "world/prompts.jsonl", world, "helpful");
    const size_t n = prompts.size();
    const int rounds = constitution.principles.empty() ? 0 : recipe.critique.rounds;
    if (rounds == 0)
        warn("the constitution is empty: no critiques and no revisions; the model stays as helpful as it is");
    Progress progress("critique", static_cast<size_t>(rounds) + 1);
    run.metrics.drop_after("critique", 0);

    auto answer_all = [&](const std::vector<Prompt>& to, const std::string& purpose) {
        std::vector<Transcript> transcripts;
        for (const Prompt& prompt : to) transcripts.push_back(dialogue_prompt(prompt.text));
        return write_texts(model, tokenizer, transcripts, temperature, recipe.seed, purpose);
    };
    std::vector<std::string> samples = answer_all(helpful, "helpful samples");
    std::vector<std::string> answers = answer_all(prompts, "answers");
    std::vector<Json> records(n), sample_records(helpful.size());
    for (size_t i = 0; i < n; i++)
        records[i].set("prompt", prompts[i].text).set("answer", answers[i]).set("rounds", Json::Array{});
    for (size_t i = 0; i < helpful.size(); i++)
        sample_records[i].set("prompt", helpful[i].text).set("answer", samples[i]);
    progress.update(1, {});

    std::vector<Json::Array> traces(n);
    size_t all_too_long = 0;
    for (int round = 0; round < rounds; round++) {
        std::vector<std::string> principles(n);
        std::vector<Transcript> transcripts(n);
        TooLong too_long(n);
        for (size_t i = 0; i < n; i++) {
            Rng rng(recipe.seed, mix(stream("principle"), i * 64 + static_cast<size_t>(round)));
            principles[i] = draw_for(constitution, rng, world, prompts[i].request, recipe.draw);
            transcripts[i] = critique_prompt(prompts[i].text, answers[i], as_read(world, principles[i]));
        }
        const auto revise = [&](size_t i, const std::string& critique) {
            return revision_prompt(prompts[i].text, answers[i], as_read(world, principles[i]), critique);
        };
        auto [critiques, revisions] = write_two_texts(model, tokenizer, transcripts, revise, temperature, recipe.seed,
                                                      concat("round ", round), too_long);
        size_t changed = 0;
        for (size_t i = 0; i < n; i++) {
            if (too_long[i]) revisions[i] = answers[i];
            traces[i].push_back(
                Json::Object{{"principle", principles[i]}, {"critique", critiques[i]}, {"revision", revisions[i]}});
            changed += revisions[i] != answers[i];
        }
        answers = revisions;
        double share = static_cast<double>(changed) / static_cast<double>(n);
        progress.update(static_cast<size_t>(round) + 2, {{"changed", share}});
        NamedValues values = {{"changed", share}};
        if (count(too_long) > 0) values.emplace_back("too_long", count(too_long));
        run.metrics.log("critique", static_cast<size_t>(round) + 1, values);
        all_too_long += count(too_long);
    }
    if (all_too_long > 0)
        note("critique",
             concat(all_too_long, " of ", n * static_cast<size_t>(rounds), " revisions do not fit the context of ",
                    model.config.context, " tokens; the answer stays as it is there"));
    for (size_t i = 0; i < n; i++) records[i].set("rounds", traces[i]);
    write_file(run / "revisions.jsonl", dump_jsonl(records));
    write_file(run / "helpful-samples.jsonl", dump_jsonl(sample_records));
}

}  // namespace cai
