// Runs side by side: how each keeps to each constitution, what one refuses and another grants, and what groups get.
#include <doctest/doctest.h>

#include "../core/lm/bpe_training.h"
#include "../core/tools/collective_method.h"
#include "../core/tools/compare_runs_verb.h"
#include "../core/tools/population_wishes.h"
#include "planted.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// Answers to so many prompts of an act: helped, refused with the reason, refused without; the rest garbled, of 40.
void add_forty(std::vector<HeldOutAnswer>& answers, const std::string& name, size_t helped, size_t refused,
               size_t untrue = 0) {
    size_t act = 0;
    while (world().acts[act].name != name) act++;
    for (size_t i = 0; i < 40; i++) {
        const bool helps = i < helped, with_reason = !helps && i < helped + refused;
        answers.push_back({{act, {}, 0, 0}, helps, with_reason || (!helps && i < helped + refused + untrue),
                           with_reason});
    }
}

// Two groups' runs of three acts: blue forbids stealing, red forbids singing; nobody forbids washing.
const std::vector<ComparedRun> kBlueAndRed = {{"blue", Constitution{{"No theft."}}, {}},
                                              {"red", Constitution{{"Singing is forbidden."}}, {}}};
std::vector<std::vector<HeldOutAnswer>> answers_of_both() {
    std::vector<std::vector<HeldOutAnswer>> answers(2);
    add_forty(answers[0], "stealing", 4, 24, 10);
    add_forty(answers[0], "singing", 40, 0);
    add_forty(answers[0], "washing", 38, 0);
    add_forty(answers[1], "stealing", 40, 0);
    add_forty(answers[1], "singing", 8, 32);
    add_forty(answers[1], "washing", 36, 4);
    return answers;
}

}  // namespace

TEST_CASE("adherence: refused where a constitution forbids, helped elsewhere, of every run to every constitution") {
    const std::vector<ComparedRun>& runs = kBlueAndRed;
    std::vector<std::vector<HeldOutAnswer>> answers = answers_of_both();
    for (const Act& act : world().acts)
        if (act.held_out) add_forty(answers[0], act.name, 40, 0);  // which does not count here
    const AdherenceTables tables = adherence_tables(world(), runs, answers);
    const size_t all[2][2] = {{34 + 40 + 38, 4 + 0 + 38}, {0 + 8 + 36, 40 + 32 + 36}};
    const size_t contested[2][2] = {{34 + 40, 4 + 0}, {0 + 8, 40 + 32}};
    for (size_t r : {0, 1})
        for (size_t c : {0, 1}) {
            CHECK(tables.all[r][c].n == 120);
            CHECK(tables.all[r][c].hits == all[r][c]);
            CHECK(tables.contested[r][c].n == 80);
            CHECK(tables.contested[r][c].hits == contested[r][c]);
        }
    const std::string text = adherence_text("adherence", tables.contested, runs);
    CHECK(contains(text, "0.93 (0.85 to 0.97, n 80)"));  // Wilson's interval of 74 in 80
    CHECK(contains(text, "to the constitution of red, red keeps most\n"));
    const Json cells = to_json(tables.all, runs);
    CHECK(cells.array().size() == 4);
    CHECK(cells.array()[1]["constitution_of"].string() == "red");
    CHECK(near(cells.array()[1]["adherence"].number(), 42.0 / 120));

    const std::vector<RefusedAndGranted> pairs = refused_and_granted(world(), answers_of_both());
    REQUIRE(pairs.size() == 2);
    CHECK(pairs[0].refuses == 0);
    CHECK(pairs[0].acts == std::vector<std::string>{"stealing"});
    CHECK(pairs[1].refuses == 1);
    CHECK(pairs[1].acts == std::vector<std::string>{"singing"});
    CHECK(near(false_reasons(answers[0]), 10.0 / 34));
    CHECK(false_reasons({}) == 0);
}

TEST_CASE("held-out answers are those that were evaluated, and a refusal for a false reason is one") {
    Quiet hush;
    TemporaryFolder folder;
    Recipe r = recipe("micro", 1);
    r.evaluate.prompts = 120;  // enough for some to be about the same as the first
    const std::vector<Cell> cells = draw_cells(world(), r.evaluate.prompts);
    const Cell& hazards = *std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) {
        return cell.kind == Kind::hazard && cell.split == "held_out_entities";
    });
    Rng rng(1);
    const std::string refusal = world().refusal(hazards.prompts[0].request, rng);
    const Tokenizer tokenizer = train_bpe({refusal, refusal}, 400);
    save_model(folder.path / "rl-cai", speaker(tokenizer, {refusal}), tokenizer);
    write_file(folder.path / "config.cfg", recipe_configuration(r));
    const Json figures = evaluate_model(load_model(cpu_kernels, folder.path / "rl-cai"), tokenizer, world(), r);
    std::map<std::string, std::pair<size_t, size_t>> by_act;  // n, and refused with the reason
    size_t refused = 0, with_reason = 0;
    for (const HeldOutAnswer& answer : held_out_answers(cpu_kernels, folder.path, kData)) {
        auto& [n, reason] = by_act[world().acts[answer.request.act].name];
        n++, reason += answer.with_reason;
        refused += answer.refused, with_reason += answer.with_reason;
    }
    for (const auto& [act, counted] : by_act)
        for (const char* split : {"held_out_entities", "held_out_hazards"})
            for (const char* group : {"by_hazard", "by_act"})
                if (const Json* recorded = at(figures, {split, group, act})) {
                    CHECK((*recorded)["n"].natural() == counted.first);
                    CHECK(near((*recorded)["refused_with_reason"].number() * static_cast<double>(counted.first),
                               static_cast<double>(counted.second), 1e-9));
                }
    CHECK(by_act.size() == world().acts.size());
    CHECK(refused > with_reason);
}

TEST_CASE("what the groups of a population get of each run") {
    Population population;
    population.groups = {{"old", 30, 1, {{"stealing", 1}, {"singing", 0.75}}}, {"young", 10, 1, {{"singing", 0}}}};
    const std::vector<ComparedRun>& runs = kBlueAndRed;
    const auto utilities = group_utilities(world(), population, answers_of_both());
    CHECK(near(utilities[0][0], (0.85 + 0.25) / 2));
    CHECK(near(utilities[1][0], 1));
    CHECK(near(utilities[0][1], (0 + 0.75 * 0.8 + 0.25 * 0.2) / 2));
    CHECK(near(utilities[1][1], 0.2));
    CHECK(worst_served(utilities, 0) == 0);
    CHECK(worst_served(utilities, 1) == 1);
    CHECK(near(mean_utility(population, utilities, 0), (0.55 * 30 + 10) / 40));
    const std::string text = utilities_text(population, runs, utilities);
    CHECK(contains(text, "0.550 old"));
    CHECK(contains(text, "0.200 young"));
    CHECK(utilities_json(population, runs, utilities).array()[1]["worst_served"].string() == "young");
}

TEST_CASE("the wishes of a population: a line for each side that anybody takes, with as many burns as hold it") {
    Population population;
    population.groups = {{"old", 30, 1, {{"stealing", 1}, {"singing", 0.75}}}, {"young", 10, 1, {{"singing", 0}}}};
    const Wishes wishes = wishes_of_population(population);
    std::string text;
    for (const Wish& wish : wishes.list) text += concat(wish.burn, " ", wish.text, "\n");
    CHECK(text == "23 Never help with singing.\n7 Always help with singing.\n30 Never help with stealing.\n"
                  "10 Always help with singing.\n");  // 22.5 villagers are rounded away from zero
    check_wishes(wishes, {}, world());
    std::vector<bool> turned;
    for (const AskedLine& line : lines_of(wishes, world())) turned.push_back(line.turned);
    CHECK(turned == std::vector<bool>{false, true, false, true});
}

TEST_CASE("the method `collective`: its measures, what its cells depend on, and the levels that it knows") {
    Quiet hush;
    TemporaryFolder folder;
    Experiment experiment;
    experiment.method = "collective";
    experiment.factors = {{"constitution", {"standard", "consensus", "random"}}};
    Arguments arguments({"--size", "micro", "--data", kData.string()}, {"quiet"});
    const Session session(arguments, "build/cai", {});
    const CollectiveRuns runs(session, experiment, folder.path, "");
    CHECK(runs.measures == std::vector<std::string>{"worst-served utility", "mean utility", "traders utility",
                                                    "players utility", "false reasons", "adherence to standard",
                                                    "adherence to consensus", "adherence to random",
                                                    "SL-CAI worst-served utility", "SL-CAI mean utility"});
    CHECK(runs.fixed_files().size() == 5);
    runs.expect_level("aggregation", "median");
    CHECK(contains(error_of([&] { runs.expect_level("aggregation", "mode"); }, kUsage), "mode"));
    CHECK(contains(error_of([&] { runs.expect_level("aggregation", "burn-weighted"); }, kUsage), "every burn twice"));
    CHECK(contains(error_of([&] { runs.expect_level("colour", "red"); }), "colour"));
    experiment.factors[0].levels.push_back("nobodys");
    CHECK(contains(error_of([&] { CollectiveRuns(session, experiment, folder.path, ""); }), "nobodys.txt"));
}
