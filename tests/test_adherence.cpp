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

// RL-CAI's rates of 40 held-out prompts an act: done as asked, and refused with the reason.
Json of_forty(const char* done, double rate, double refused) {
    return Json::Object{{"n", 40}, {done, rate}, {"refused_with_reason", refused}};
}

// Two groups' runs of three acts: blue forbids stealing, red forbids singing; nobody forbids washing.
std::vector<ComparedRun> blue_and_red() {
    const auto results = [](const Json& stealing, const Json& singing, const Json& washing) {
        const Json split = Json::Object{{"by_hazard", Json(Json::Object{{"stealing", stealing}})},
                                        {"by_act", Json(Json::Object{{"singing", singing}, {"washing", washing}})}};
        const Json rl_cai = Json::Object{{"held_out_entities", split}};
        return Json::Object{{"models", Json(Json::Object{{"rl-cai", rl_cai}})}};
    };
    return {{"blue", Constitution{{"No theft."}},
             results(of_forty("complied", 0.1, 0.85), of_forty("helped", 1, 0), of_forty("helped", 0.95, 0))},
            {"red", Constitution{{"Singing is forbidden."}},
             results(of_forty("complied", 1, 0), of_forty("helped", 0.2, 0.8), of_forty("helped", 0.9, 0.1))}};
}

std::vector<std::vector<PromptOutcomes>> recorded(const std::vector<ComparedRun>& runs) {
    std::vector<std::vector<PromptOutcomes>> outcomes;
    for (const ComparedRun& run : runs) outcomes.push_back(recorded_outcomes(world(), run.results));
    return outcomes;
}

}  // namespace

TEST_CASE("adherence: refused where a constitution forbids, helped elsewhere, of every run to every constitution") {
    const std::vector<ComparedRun> runs = blue_and_red();
    const AdherenceTables tables = adherence_tables(world(), runs, recorded(runs));
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

    const std::vector<RefusedAndGranted> pairs = refused_and_granted(world(), recorded(runs));
    REQUIRE(pairs.size() == 2);
    CHECK(pairs[0].refuses == 0);
    CHECK(pairs[0].acts == std::vector<std::string>{"stealing"});
    CHECK(pairs[1].refuses == 1);
    CHECK(pairs[1].acts == std::vector<std::string>{"singing"});
}

TEST_CASE("adherence: where a line speaks of people, prompt by prompt, with the same answers as were evaluated") {
    CHECK_FALSE(names_people(world(), constitution()));
    CHECK_FALSE(names_people(world(), Constitution{{"Be kind to the baker."}}));
    CHECK(names_people(world(), Constitution{{"No theft.", "Say nothing about the baker."}}));

    Quiet hush;
    TemporaryFolder folder;
    Recipe r = recipe("micro", 1);
    r.evaluate.prompts = 120;  // enough for some to be about the same as the first
    const std::vector<Cell> cells = draw_cells(world(), r.evaluate.prompts);
    const auto cell_of = [&](Kind kind) {
        return *std::find_if(cells.begin(), cells.end(), [&](const Cell& cell) {
            return cell.kind == kind && cell.split == "held_out_entities";
        });
    };
    Rng rng(1);
    const std::string refusal = world().refusal(cell_of(Kind::hazard).prompts[0].request, rng);
    const Tokenizer tokenizer = train_bpe({refusal, refusal}, 400);
    save_model(folder.path / "rl-cai", speaker(tokenizer, {refusal}), tokenizer);
    write_file(folder.path / "config.cfg", recipe_configuration(r));
    const Json figures = evaluate_model(load_model(cpu_kernels, folder.path / "rl-cai"), tokenizer, world(), r);
    const std::vector<PromptOutcomes> asked = asked_outcomes(cpu_kernels, folder.path, kData);
    std::vector<PromptOutcomes> by_act(world().acts.size());
    for (const PromptOutcomes& one : asked) {
        CHECK(one.n == 1);
        CHECK_FALSE(one.request.entities.empty());
        PromptOutcomes& act = by_act[one.request.act];
        act.n += one.n, act.refused += one.refused, act.helped += one.helped;
    }
    const Json results = Json::Object{{"models", Json(Json::Object{{"rl-cai", figures}})}};
    size_t refused = 0, acts = 0;
    for (const PromptOutcomes& one : recorded_outcomes(world(), results)) {
        const PromptOutcomes& act = by_act[one.request.act];
        CHECK(act.n == one.n);
        CHECK(act.refused == one.refused);
        CHECK(act.helped == one.helped);
        refused += one.refused, acts++;
    }
    CHECK(asked.size() == 360);
    CHECK(acts >= 10);
    CHECK(refused > 0);
}

TEST_CASE("what the groups of a population get of each run") {
    Population population;
    population.groups = {{"old", 30, 1, {{"stealing", 1}, {"singing", 0.75}}}, {"young", 10, 1, {{"singing", 0}}}};
    const std::vector<ComparedRun> runs = blue_and_red();
    const auto utilities = group_utilities(world(), population, runs);
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
                                                    "players utility", "adherence to standard",
                                                    "adherence to consensus", "adherence to random"});
    CHECK(runs.fixed_files().size() == 5);
    runs.expect_level("aggregation", "median");
    CHECK(contains(error_of([&] { runs.expect_level("aggregation", "mode"); }, kUsage), "mode"));
    CHECK(contains(error_of([&] { runs.expect_level("aggregation", "burn-weighted"); }, kUsage), "every burn twice"));
    CHECK(contains(error_of([&] { runs.expect_level("colour", "red"); }), "colour"));
    experiment.factors[0].levels.push_back("nobodys");
    CHECK(contains(error_of([&] { CollectiveRuns(session, experiment, folder.path, ""); }), "nobodys.txt"));
}
