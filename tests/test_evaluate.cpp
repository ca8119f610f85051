// The evaluation: which prompts it draws, how it counts, the shape of results.json, and that a model without a clue
// gets nothing. Chat and trace on the same models.
#include <doctest/doctest.h>

#include <functional>
#include <sstream>

#include "../core/lm/bpe_training.h"
#include "../core/stages/corpus.h"
#include "../core/stages/evaluate.h"
#include "../core/tools/chat.h"
#include "../core/tools/trace.h"
#include "figure.h"
#include "planted.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

Recipe small_recipe() {
    Recipe r = recipe("micro", 1);
    r.corpus = {60, 8, 8, 12, 12, 12, 12, 4, 4};
    r.evaluate = {12, 6};
    return r;
}

// A run whose models were never trained.
struct UntrainedRun {
    TemporaryFolder folder;
    const fs::path& path = folder.path;
    UntrainedRun() {
        Run run(path);
        write_corpus(run, world(), small_recipe().corpus);
        std::vector<std::string> texts;
        for (const Json& json : read_jsonl(path / "world/documents.jsonl"))
            for (const Segment& segment : segments_from_json(json)) texts.push_back(segment.text);
        const Tokenizer tokenizer = train_bpe(texts, 512);
        for (const char* name : {"pretrained", "helpful", "sl-cai", "rl-cai", "preference-model"}) {
            Config config = preset("micro", static_cast<int>(tokenizer.size()));
            config.score_head = name == std::string("preference-model");
            Model model(cpu_kernels, config);
            model.initialize(stream(name));
            save_model(path / name, model, tokenizer);
        }
        write_file(path / "preference-model/score.json", "{\"mean\": 0}");
    }
};

std::map<size_t, size_t> by_act(const Cell& cell) {
    std::map<size_t, size_t> counts;
    for (const Prompt& prompt : cell.prompts) counts[prompt.request.act]++;
    return counts;
}

Answer answer(const Request& request, const std::string& text) {
    static const Oracle oracle(world());
    return {text, oracle.classify(request, text), oracle.is_refusal(text)};
}

// Answers to every prompt by a function of the request.
Answers answers(const std::vector<Cell>& cells, const std::function<std::string(const Request&)>& speak) {
    Answers all;
    for (const Cell& cell : cells) {
        all.emplace_back();
        for (const Prompt& prompt : cell.prompts) all.back().push_back(answer(prompt.request, speak(prompt.request)));
    }
    return all;
}

const Act& seen_hazard() {
    return *std::find_if(world().acts.begin(), world().acts.end(),
                         [](const Act& act) { return act.kind == Kind::hazard && !act.held_out; });
}

}  // namespace

// Both stages of `cai evaluate`.
static Json evaluated(Run& run, const Constitution& constitution, const Recipe& recipe, int threads) {
    measure_skill(cpu_kernels, run, world(), recipe);
    return evaluate(cpu_kernels, run, world(), constitution, recipe, threads);
}

TEST_CASE("evaluation prompts are distinct, new, balanced, and keep to their split") {
    const std::vector<Cell> cells = draw_cells(world(), 1000);
    CHECK(cells.size() == 9);
    for (const Cell& cell : cells) {
        CAPTURE(cell.split);
        CAPTURE(cell_name(cell.kind));
        const bool act_held_out = cell.split == "held_out_hazards";
        if (act_held_out && cell.kind != Kind::hazard) {
            CHECK(cell.prompts.empty());
            continue;
        }
        CHECK(cell.prompts.size() >= 700);  // 1,000, or all there is
        std::set<std::string> texts;
        for (const Prompt& prompt : cell.prompts) {
            CHECK(prompt.text == world().prompt(prompt.request));
            CHECK(texts.insert(prompt.text).second);
            CHECK(world().kept_for_evaluation(prompt.request));
            CHECK(world().acts[prompt.request.act].kind == cell.kind);
            CHECK(world().acts[prompt.request.act].held_out == act_held_out);
            for (size_t entity : prompt.request.entities)
                CHECK(world().entities[entity].held_out == (cell.split == "held_out_entities"));
        }
        size_t acts = 0;
        for (const Act& act : world().acts) acts += act.kind == cell.kind && act.held_out == act_held_out;
        CHECK(by_act(cell).size() == acts);
        size_t most = 0;
        for (auto [act, count] : by_act(cell)) most = std::max(most, count);
        for (auto [act, count] : by_act(cell)) {
            const std::string& name = world().acts[act].name;
            CAPTURE(name);
            // All have the same number, but where an act has fewer requests than that.
            const size_t available = all_requests(world(), act, cell.split == "held_out_entities").size();
            CHECK(count >= 50);
            CHECK(count >= std::min(most - 1, available));
        }
    }
    // A prefix is balanced too, and the draw repeats itself.
    Cell few = draw_cell(world(), "seen", Kind::benign, 24),
         same = draw_cell(world(), "seen", Kind::benign, 24);
    for (auto [act, count] : by_act(few)) CHECK(count <= 24 / by_act(few).size() + 1);
    for (size_t i = 0; i < few.prompts.size(); i++) CHECK(few.prompts[i].text == same.prompts[i].text);
    // Where an act runs out, the others go on, and all there is is given.
    Cell all = draw_cell(world(), "held_out_entities", Kind::look_alike, 1000000);
    CHECK(by_act(all).size() > 4);
    CHECK(all.prompts.size() > 1000);
}

TEST_CASE("outcomes are counted by kind, and any refusal of a benign request counts") {
    const std::vector<Cell> cells = draw_cells(world(), 40);
    const Json refusing = outcomes(world(), cells, answers(cells, [](const Request& request) {
                                       Rng rng(1, request.act);
                                       return world().refusal(request, rng);
                                   }));
    const Json helping = outcomes(world(), cells, answers(cells, [](const Request& request) {
                                      Rng rng(1, request.act);
                                      return world().answer(request, rng);
                                  }));
    // A refusal for another entity's sake: a false reason, but a refusal.
    const Json falsely =
        outcomes(world(), cells, answers(cells, [](const Request& request) {
                     Request other = request;
                     for (size_t& entity : other.entities)
                         for (size_t member : world().classes[world().entities[entity].entity_class].members)
                             if (member != entity) {
                                 entity = member;
                                 break;
                             }
                     Rng rng(1, request.act);
                     return world().refusal(other, rng);
                 }));
    const Json mumbling = outcomes(world(), cells, answers(cells, [](const Request&) { return std::string("Mhm."); }));
    for (const std::string split : {"seen", "held_out_entities"}) {
        CHECK(figure(refusing, {split, "harmful", "n"}) == 40);
        CHECK(figure(refusing, {split, "harmful", "refused_with_reason"}) == 1);
        CHECK(figure(helping, {split, "harmful", "complied"}) == 1);
        CHECK(figure(mumbling, {split, "harmful", "garbled"}) == 1);
        CHECK(figure(falsely, {split, "harmful", "refused_with_reason"}) < 0.2);  // some reasons name no entity
        for (const std::string kind : {"benign", "look_alike"}) {
            CHECK(figure(refusing, {split, kind, "refused"}) == 1);
            CHECK(figure(falsely, {split, kind, "refused"}) == 1);
            CHECK(figure(falsely, {split, kind, "wrong_fact"}) == 0);
            CHECK(figure(helping, {split, kind, "helped"}) == 1);
            CHECK(figure(mumbling, {split, kind, "garbled"}) == 1);
        }
        CHECK(figure(refusing, {split, "by_act", "feeding", "refused_with_reason"}) == 1);
        CHECK(figure(helping, {split, "by_act", "feeding", "helped"}) == 1);
        double n = 0;
        for (const auto& [name, rates] : helping[split]["by_hazard"].object()) n += rates["n"].number();
        CHECK(n == 40);
    }
    CHECK(figure(refusing, {"held_out_hazards", "benign", "n"}) == 0);
    CHECK(figure(refusing, {"held_out_hazards", "benign", "helped"}) == 0);
}

TEST_CASE("Elo: the first model at 0, ties dropped, and the closed form of two models") {
    // 1 wins, 0 loses: 3 to 1, and two ties. One virtual draw adds half a win to each: 400 log10(3.5 / 1.5).
    const Json scale = elo_scale({"helpful", "sl-cai"}, {{0, 0, 0, 1, 2, 2}, {1, 3, 1, 0, 2, 2}});
    CHECK(figure(scale, {"elo", "helpful"}) == 0);
    CHECK(figure(scale, {"elo", "sl-cai"}) == doctest::Approx(400 * std::log10(3.5 / 1.5)).epsilon(1e-9));
    CHECK(figure(scale, {"games"}) == 4);

    const std::vector<Cell> cells = draw_cells(world(), 40);
    auto speaker = [&](bool refuses_hazards, bool evades) {
        return answers(cells, [=](const Request& request) {
            Rng rng(1, request.act);
            if (world().acts[request.act].kind != Kind::hazard || !refuses_hazards) return world().answer(request, rng);
            return evades ? world().phrases.evasions[0] : world().refusal(request, rng);
        });
    };
    const std::vector<Answers> three = {speaker(false, false), speaker(true, true), speaker(true, false)};
    const Json elo = elo_scales(world(), constitution(), cells, {"helpful", "sl-cai", "rl-cai"}, three);
    CHECK(figure(elo, {"helpfulness", "rl-cai"}) == doctest::Approx(0));
    CHECK(figure(elo, {"games", "helpfulness"}) == 0);
    CHECK(figure(elo, {"games", "harmlessness"}) == 120);
    CHECK(figure(elo, {"harmlessness", "sl-cai"}) > 100);
    CHECK(figure(elo, {"harmlessness", "rl-cai"}) > figure(elo, {"harmlessness", "sl-cai"}) + 100);
    const Json without = elo_scales(world(), Constitution(), cells, {"helpful", "sl-cai", "rl-cai"}, three);
    CHECK(figure(without, {"games", "harmlessness"}) == 0);
}

TEST_CASE("Goodhart monitors") {
    const Request request;
    std::vector<Answer> some;
    for (const char* text : {"One two three four.", "One two three!", "One two.", "Five, six, seven, eight"})
        some.push_back({text, Outcome::garbled, false});
    some.push_back(some[2]);
    const Json watched = monitors(some);
    CHECK(figure(watched, {"words"}) == doctest::Approx(15.0 / 5));
    CHECK(figure(watched, {"boilerplate"}) == doctest::Approx(2.0 / 5));
    CHECK(figure(watched, {"distinct"}) == doctest::Approx(4.0 / 5));
    CHECK(figure(monitors({}), {"words"}) == 0);
}

TEST_CASE("rates are of samples at temperature 1; greedy ones stand beside them") {
    Quiet hush;
    TemporaryFolder folder;
    const std::string evasion = "Maybe ask another day.", garble = "Hm";
    const Tokenizer tokenizer = train_bpe({evasion, garble, evasion, garble}, 400);
    save_model(folder.path / "sl-cai", speaker(tokenizer, {evasion, garble}), tokenizer);
    Run run(folder.path);
    Recipe r = small_recipe();
    r.evaluate.prompts = 60;
    const Json results = evaluated(run, constitution(), r, 1);
    for (const char* kind : {"harmful", "benign", "look_alike"}) {
        CHECK(figure(results, {"models", "sl-cai", "seen", kind, "evaded"}) > 0.2);  // of 60, half in the mean
        CHECK(figure(results, {"models", "sl-cai", "seen", kind, "evaded"}) < 0.8);
        const double greedy = figure(results, {"greedy", "sl-cai", "seen", kind, "evaded"});
        CHECK((greedy == 0 || greedy == 1));
    }
}

TEST_CASE("a run of untrained models: no skill, all garbled, and results.json in its shape") {
    UntrainedRun untrained;
    Run run(untrained.path);
    Quiet hush;
    const Recipe r = small_recipe();
    const Json results = evaluated(run, constitution(), r, 1);
    CHECK(results == read_json(untrained.path / "results.json"));
    CHECK(results["seed"].integer() == 1);
    CHECK(results["size"].string() == "micro");
    CHECK(results["threads"].integer() == 1);
    CHECK(results["seconds"]["total"].number() >= results["seconds"]["evaluate"].number());
    CHECK(figure(results, {"constitution", "lines"}) == constitution().principles.size());
    CHECK(figure(results, {"constitution", "coverage", seen_hazard().name}) >= 0.4);
    CHECK(figure(results, {"review_documents"}) ==
          figure(read_json(untrained.path / "world/world.json"), {"review_documents"}));
    for (const std::string temperature : {"models", "greedy"})
        for (const std::string model : {"helpful", "sl-cai", "rl-cai"})
            for (const std::string split : kSplits)
                for (Kind kind : kKinds) {
                    const bool empty = split == "held_out_hazards" && kind != Kind::hazard;
                    const Json& cell = results[temperature][model][split][cell_name(kind)];
                    CHECK(cell["n"].integer() == (empty ? 0 : 12));
                    CHECK(cell["garbled"].number() == (empty ? 0 : 1));
                    CHECK(cell[kind == Kind::hazard ? "complied" : "helped"].number() == 0);
                }
    for (const char* skill : {"critic", "judge", "judge_without_reasoning"})
        for (const char* split : kSkillSplits) {
            CHECK(figure(results, {skill, split, "n"}) == 6);
            CHECK(figure(results, {skill, split, "pairs"}) <=
                  0.5);  // an untrained judge may be lucky with one or two of six
        }
    CHECK(figure(results, {"judge", "seen", "ece"}) < 0.5);
    // With reasoning the helpful-only model judges, without it the pretrained one.
    for (auto [skill, judge, reasoning] :
         {std::tuple{"judge", "helpful", true}, {"judge_without_reasoning", "pretrained", false}})
        CHECK(results[skill]["seen"] ==
              judge_skill(load_model(cpu_kernels, untrained.path / judge), load_tokenizer(untrained.path / judge),
                          minimal_pairs(world(), "seen", 6), reasoning, 1));
    for (const char* split : kSplits) {
        CHECK(figure(results, {"preference_model", split, "n"}) > 0);
        CHECK(figure(results, {"preference_model", split, "accuracy"}) <= 1);
    }
    CHECK(figure(results, {"elo", "harmlessness", "rl-cai"}) == doctest::Approx(0));
    CHECK(figure(results, {"monitors", "rl-cai", "harmful", "distinct"}) > 0.9);

    SUBCASE("one model alone gives the same") {
        const Model model = load_model(cpu_kernels, untrained.path / "sl-cai");
        CHECK(evaluate_model(model, load_tokenizer(untrained.path / "sl-cai"), world(), r) ==
              results["models"]["sl-cai"]);
    }
    SUBCASE("tables") {
        const std::string table = results_table(results);
        for (const char* part : {"held_out_entities", "rl-cai", "complied, harmful", "1.00 (1.00)", "critic, pairs",
                                 "judge without reasoning", "preference model, accuracy", "Elo, harmlessness"}) {
            CAPTURE(part);
            CHECK(contains(table, part));
        }
        CHECK(contains(change_table(results, results), "+0.00"));
        CHECK(contains(change_table(results, results), "complied: " + seen_hazard().name));
        Json changed = parse_json(dump(results), "copy");
        for (auto& [key, value] : changed.object())
            if (key == "models")
                value = parse_json(
                    "{\"rl-cai\": {\"held_out_entities\": {\"by_act\": {\"feeding\": "
                    "{\"helped\": 0.75}}, \"harmful\": {\"garbled\": 0.25}}}}",
                    "planted");
        const std::string change = change_table(results, changed);
        CHECK(contains(change, "helped: feeding"));
        CHECK(contains(change, "+0.75"));
        CHECK(contains(change, "-0.75"));
        CHECK_FALSE(contains(change, "sl-cai"));
        CHECK(results_table(Json(Json::Object{})) == "");
    }
    SUBCASE("a policy of direct preference optimisation is one more column, and the other columns are the same") {
        CHECK_FALSE(at(results, {"kl_from_sl_cai"}));
        CHECK_FALSE(contains(results_table(results), "KL from SL-CAI"));
        fs::copy(untrained.path / "rl-cai", untrained.path / "dpo");
        const Json more = evaluated(run, constitution(), r, 1);
        for (const char* group : {"models", "greedy", "monitors"}) {
            CHECK(keys_of(at(more, {group})) == std::vector<std::string>{"helpful", "sl-cai", "rl-cai", "dpo"});
            CHECK(more[group]["dpo"] == more[group]["rl-cai"]);
            for (const char* model : {"helpful", "sl-cai", "rl-cai"})
                CHECK(more[group][model] == results[group][model]);
        }
        CHECK(more["preference_model"] == results["preference_model"]);
        CHECK(at(more, {"elo", "harmlessness", "dpo"}));
        // Two untrained models are strangers: the divergence of one from itself is 0, from the other much more.
        CHECK(figure(more, {"kl_from_sl_cai", "dpo"}) == figure(more, {"kl_from_sl_cai", "rl-cai"}));
        CHECK(figure(more, {"kl_from_sl_cai", "dpo"}) > 0.1);
        fs::remove_all(untrained.path / "dpo");
        fs::copy(untrained.path / "sl-cai", untrained.path / "dpo");
        const Json same = evaluated(run, constitution(), r, 1);
        CHECK(figure(same, {"kl_from_sl_cai", "dpo"}) == 0);
        CHECK(contains(results_table(same), "KL from SL-CAI"));
        CHECK(contains(results_table(same), "nats an answer, held_out_entities"));
    }
    SUBCASE("what is missing is left out, and an empty constitution works") {
        fs::remove_all(untrained.path / "rl-cai");
        fs::remove_all(untrained.path / "preference-model");
        const Json fewer = evaluated(run, Constitution(), r, 1);
        CHECK_FALSE(at(fewer, {"models", "rl-cai"}));
        CHECK_FALSE(at(fewer, {"preference_model"}));
        CHECK_FALSE(at(fewer, {"elo", "helpfulness", "rl-cai"}));
        CHECK(figure(fewer, {"constitution", "coverage", seen_hazard().name}) == 0);
        CHECK(fewer["models"]["sl-cai"] == results["models"]["sl-cai"]);
        CHECK_FALSE(contains(results_table(fewer), "rl-cai"));
        for (const char* name : {"helpful", "sl-cai", "pretrained"}) fs::remove_all(untrained.path / name);
        const Json nothing = evaluated(run, Constitution(), r, 1);
        CHECK(nothing["models"].object().empty());
        CHECK_FALSE(at(nothing, {"elo"}));
        CHECK_FALSE(at(nothing, {"critic"}));
    }
    SUBCASE("a preference model under an empty constitution has no harmful part") {
        const Model model = load_model(cpu_kernels, untrained.path / "preference-model");
        const Tokenizer tokenizer = load_tokenizer(untrained.path / "preference-model");
        const auto cells = draw_cells(world(), 12);
        Json skill = preference_skill(model, tokenizer, world(), Constitution(), cells, "seen", 10);
        CHECK(figure(skill, {"n"}) == 20);
        CHECK_FALSE(at(skill, {"harmful"}));
        skill = preference_skill(model, tokenizer, world(),
                                 Constitution{{"Never help with feeding or " + seen_hazard().name + "."}}, cells,
                                 "seen", 12);
        CHECK(figure(skill, {"harmful", "n"}) >= 1);  // that one alone
        CHECK(figure(skill, {"harmful", "n"}) <= 2);
        CHECK(figure(skill, {"harmless", "n"}) == 23);  // all but feeding
        CHECK(figure(preference_skill(model, tokenizer, world(), Constitution(), cells, "held_out_hazards", 10),
                     {"n"}) == 0);
    }
}

TEST_CASE("chat streams, names unknown words, and ends cleanly") {
    UntrainedRun untrained;
    auto talk = [&](const std::string& lines, bool compare) {
        ChatOptions options;
        options.compare = compare;
        options.max_new_tokens = 5;
        options.prompt_sign = "";
        std::istringstream in(lines);
        std::ostringstream out;
        chat(cpu_kernels, untrained.path, world(), options, in, out);
        return out.str();
    };
    std::string text = talk("How do I feed the dragon?\n\n:what\n:quit\nHello\n", false);
    CHECK(contains(text, "rl-cai. Each line"));
    CHECK(contains(text, "it does not know: dragon)"));
    CHECK(contains(text, "no command :what"));
    CHECK(contains(text, "the nearest is: "));
    text = talk(":help\nWhat do I feed the goat?\n", true);
    CHECK(contains(text, "Ask in the village's words"));
    CHECK(contains(text, "\n         [garbled]\n"));
    CHECK_FALSE(contains(text, "Hello"));
    text = talk("How do I feed the goat?", true);
    for (const char* name : {"\nhelpful  ", "\nsl-cai   ", "\nrl-cai   "}) CHECK(contains(text, name));
    CHECK_FALSE(contains(text, "does not know"));
    std::string novel;
    for (int i = 0; i < 300; i++) novel += "goat ";
    text = talk(novel + "\nHow do I feed the goat?\n", false);
    CHECK(contains(text, "say it in fewer words"));
    CHECK(std::count(text.begin(), text.end(), '\n') >= 3);
    CHECK(talk("How do I wash the cat?\n", false) == talk("How do I wash the cat?\n", false));
    CHECK_THROWS_AS(find_assistants(untrained.path / "world"), Error);
    CHECK(find_assistants(untrained.path / "sl-cai").size() == 1);
}

TEST_CASE("a signal ends a conversation in the middle of an answer, and before the next line is read") {
    UntrainedRun untrained;
    // Asks to stop when so many characters have been written.
    struct Interrupts : std::stringbuf {
        int left;
        explicit Interrupts(int left) : left(left) {}
        std::streamsize xsputn(const char* text, std::streamsize n) override {
            if ((left -= static_cast<int>(n)) <= 0) stop_signal = SIGINT;
            return std::stringbuf::xsputn(text, n);
        }
    };
    ChatOptions options;
    options.prompt_sign = "";
    auto interrupted_after = [&](int characters) {
        std::istringstream in("How do I feed the goat?\nHow do I brush the goat?\n");
        Interrupts buffer(characters);
        std::ostream out(&buffer);
        const std::string error = error_of([&] { chat(cpu_kernels, untrained.path, world(), options, in, out); }, 130);
        stop_signal = 0;
        CHECK(contains(error, "interrupted"));
        return buffer.str();
    };
    const std::string greeting = interrupted_after(1);
    CHECK(std::count(greeting.begin(), greeting.end(), '\n') == 5);  // whom one talks to, and three questions
    const std::string cut = interrupted_after(static_cast<int>(greeting.size()) + 5);
    CHECK(cut.ends_with("\n"));
    CHECK(cut.size() < greeting.size() + 120);
}

TEST_CASE("trace tells the whole method, or as much as the run holds") {
    UntrainedRun untrained;
    auto tell = [&](const Constitution& principles, const Recipe& r) {
        std::ostringstream out;
        trace(cpu_kernels, untrained.path, world(), principles, r, "How do I steal the crown of the dragon?", out);
        return out.str();
    };
    Recipe r = small_recipe();
    std::string text = tell(constitution(), r);
    for (const char* part :
         {"unknown     dragon", "round 1", "round 4", "critique", "revision", "the second shown as A", "log p(B)",
          "p(first is preferred)", "preference model scores", "rl-cai "}) {
        CAPTURE(part);
        CHECK(contains(text, part));
    }
    CHECK(text == tell(constitution(), r));
    r.critique.rounds = 1;
    r.compare.reasoning = false;
    text = tell(constitution(), r);
    CHECK_FALSE(contains(text, "round 2"));
    CHECK(contains(text, "without reasoning"));
    CHECK(contains(tell(Constitution(), r), "The constitution is empty"));
    for (const char* name : {"sl-cai", "rl-cai", "preference-model"}) fs::remove_all(untrained.path / name);
    CHECK(contains(tell(constitution(), r), "There is no SL-CAI yet"));
    fs::remove_all(untrained.path / "helpful");
    CHECK_THROWS_AS(tell(constitution(), r), Error);
}
