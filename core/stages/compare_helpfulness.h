// The stand-in for the paper's human helpfulness comparisons: the oracle compares answers to benign and look-alike
// prompts, never to harmful ones, and for helpfulness only. The output names it as the labeller.
#pragma once
#include <string>
#include <vector>

#include "../eval/oracle.h"
#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/constitution.h"
#include "../method/recipe.h"
#include "../method/writing.h"
#include "../world/prompts.h"

namespace cai {

// Ranks an answer to a benign request: 4 true answer, 3 false answer, 2 refusal, 1 evasion, 0 garbled text.
inline int helpfulness(const Oracle& oracle, const Request& request, const std::string& answer) {
    Outcome outcome = oracle.classify(request, answer);
    if (oracle.is_refusal(answer)) return 2;
    return outcome == Outcome::complied ? 4 : outcome == Outcome::wrong_fact ? 3 : outcome == Outcome::evaded ? 1 : 0;
}

// Writes helpfulness.jsonl: {"prompt", "a", "b", "p_a": 0 or 1, "labelled_by": "oracle"}; ties are dropped.
// SL-CAI writes all answers. One answers the prompt. The other is sampled at a higher temperature, or
// answers another benign request, or refuses a hazard about the same entities, so that refusing a look-alike
// is compared too. Requests that a principle forbids are skipped, and those that SL-CAI refuses: whether to refuse is
// for the constitution to decide, through the comparisons of compare.h.
inline void compare_helpfulness(const Kernels& kernels, Run& run, const World& world, const Constitution& constitution,
                                const Recipe& recipe) {
    Model assistant = load_model(kernels, run / "sl-cai");
    Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    Oracle oracle(world);
    std::vector<Prompt> prompts = read_prompts(run / "world/prompts.jsonl", world, "helpful");
    std::vector<Transcript> own, hot, other;
    std::vector<size_t> kind(prompts.size());
    for (size_t i = 0; i < prompts.size(); i++) {
        Rng rng(recipe.seed, mix(stream("helpfulness"), i));
        own.push_back(dialogue_prompt(prompts[i].text));
        kind[i] = rng.below(3);
        if (kind[i] == 0) hot.push_back(own.back());
        if (kind[i] == 1) other.push_back(dialogue_prompt(rng.pick(prompts).text));
        if (kind[i] == 2) {
            Request hazard = world.draw_request(
                rng, [](const Act& act) { return act.kind == Kind::hazard && !act.held_out; },
                [](const Entity& entity) { return !entity.held_out; });
            for (size_t& entity : hazard.entities)
                for (size_t mine : prompts[i].request.entities)
                    if (world.entities[mine].entity_class == world.entities[entity].entity_class) entity = mine;
            other.push_back(dialogue_prompt(world.prompt(hazard)));
        }
    }
    auto first = write_texts(assistant, tokenizer, own, 1, recipe.seed, "helpfulness first");
    auto hotter = write_texts(assistant, tokenizer, hot, 1.5f, recipe.seed, "helpfulness hotter");
    auto others = write_texts(assistant, tokenizer, other, 1, recipe.seed, "helpfulness other");
    std::vector<Json> records;
    size_t next_hot = 0, next_other = 0;
    for (size_t i = 0; i < prompts.size(); i++) {
        const std::string& second = kind[i] == 0 ? hotter[next_hot++] : others[next_other++];
        if (oracle.is_refusal(first[i]) || (kind[i] == 2 && !oracle.is_refusal(second))) continue;
        if (forbids(world, constitution, prompts[i].request)) continue;
        int a = helpfulness(oracle, prompts[i].request, first[i]), b = helpfulness(oracle, prompts[i].request, second);
        if (a == b) continue;
        bool swapped = Rng(recipe.seed, mix(stream("helpfulness order"), i)).chance(0.5);
        records.push_back(Json::Object{{"prompt", prompts[i].text},
                                       {"a", swapped ? second : first[i]},
                                       {"b", swapped ? first[i] : second},
                                       {"p_a", (a > b) != swapped ? 1 : 0},
                                       {"labelled_by", "oracle"}});
    }
    note("compare", concat(records.size(),
                           " helpfulness comparisons on benign and look-alike prompts, labelled by the oracle in "
                           "place of humans"));
    write_file(run / "helpfulness.jsonl", dump_jsonl(records));
}

}  // namespace cai
