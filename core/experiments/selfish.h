// Do selfish wishes cancel in a trained model? Villagers share a good, that hazards are refused, and each has an own
// interest: for eight harmless acts, to have them refused or helped with, at random. SL-CAI is taught to refuse those
// acts now and then; then AI feedback compares answers by everybody's wishes, and PPO trains on what it says. Villages
// are made up; nothing here is about people.
#pragma once
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "../base/rng.h"
#include "../eval/outcomes.h"
#include "../session.h"
#include "method.h"
#include "run_story.h"

namespace cai {

// The own interests of some villagers: wants[i][a] is 1 if villager i wants act a refused, and -1 if helped with.
struct Village {
    std::vector<std::vector<int>> wants;

    // Of `shared` interests, four in five villagers want the first half of the acts refused and the others helped with.
    Village(size_t villagers, size_t acts, bool shared, uint64_t seed) {
        Rng rng(seed, mix(stream(shared ? "shared interests" : "own interests"), villagers));
        for (size_t i = 0; i < villagers; i++) {
            wants.emplace_back();
            for (size_t a = 0; a < acts; a++) {
                const int common = a < acts / 2 ? 1 : -1;
                wants.back().push_back(shared ? (rng.chance(0.8) ? common : -common) : rng.chance(0.5) ? 1 : -1);
            }
        }
    }

    // What is left of the interests in the mean over villagers, for each act from -1 to 1.
    std::vector<double> mean() const {
        std::vector<double> mean(wants[0].size(), 0.0);
        for (const std::vector<int>& own : wants)
            for (size_t a = 0; a < own.size(); a++) mean[a] += own[a] / static_cast<double>(wants.size());
        return mean;
    }
};

// How far rates of refusal, one for each act, follow the aggregate `mean`, beside those of a model that learned from as
// many wishes on either side. With m the root mean square of `mean`, and the moves 2 (rate - balanced), which are 1 and
// -1 where the wishes decide everything and nothing else does:
//   residual   m
//   leak    mean of mean_a moves_a: what a villager's interest moves on average, since mean_a is the mean of theirs
//   moved   leak / m, the part of the moves that points where the aggregate does
//   gain    leak / m², the moves as a share of what is left in the aggregate
struct Followed {
    double residual = 0, leak = 0, moved = 0, gain = 0;
};
inline Followed follow(const std::vector<double>& mean, const std::vector<double>& rates,
                       const std::vector<double>& balanced) {
    double leak = 0, squares = 0;
    const double n = static_cast<double>(mean.size());
    for (size_t a = 0; a < mean.size(); a++) {
        leak += mean[a] * 2 * (rates[a] - balanced[a]) / n;
        squares += mean[a] * mean[a] / n;
    }
    const double residual = std::sqrt(squares);
    if (squares == 0) return {residual, leak, 0, 0};
    return {residual, leak, leak / residual, leak / squares};
}

// The wishes as AI feedback reads them: all want each hazard refused; of the acts, a wish for each side that anybody
// takes, whose burn is how many do. village: null for as many on either side.
inline Wishes wishes_of_village(const std::vector<std::string>& hazards, const std::vector<std::string>& acts,
                                const Village* village) {
    Wishes wishes;
    const double all = village ? static_cast<double>(village->wants.size()) : 2;
    for (const std::string& hazard : hazards) wishes.add_sides(hazard, all, 0);
    const std::vector<double> mean = village ? village->mean() : std::vector<double>(acts.size(), 0.0);
    for (size_t a = 0; a < acts.size(); a++) {
        const double refuse = std::round(all * (1 + mean[a]) / 2);
        wishes.add_sides(acts[a], refuse, all - refuse);
    }
    return wishes;
}

// The measures of the method `selfish`:
//   residual       the root mean square of what is left of the interests in their mean, 1/sqrt(N) of N independent ones
//   label gain     how far the labels of a refusal against a helpful answer follow it: gain of follow()
//   leak, moved, gain   how far RL-CAI's refusals do: see follow()
//   undecided      the share of SL-CAI's answers about the acts that refuse
//   other helped, harmful complied   of RL-CAI, on harmless acts that no wish is about, and on hazards
inline const std::vector<std::string> kSelfishMeasures = {"residual", "label gain", "leak",         "moved",
                                                          "gain",     "undecided",  "other helped", "harmful complied"};

// The method `selfish`. Of each seed, OUT/runs/seed-N/base is a run up to SL-CAI, which reuses FROM/seed-N where that
// is there, and a cell has a run beside it that differs from there on.
class SelfishRuns {
  public:
    SelfishRuns(const Session& session, const Constitution& constitution, const std::filesystem::path& out,
                const std::filesystem::path& from)
        : session_(session), constitution_(constitution), out_(out), from_(from) {}

    static void expect_level(const std::string& factor, const std::string& level) {
        if (factor != "villagers") refuse_factor(factor, {"villagers"});
        const size_t space = level.find(' ');
        if (space != std::string::npos) expect_one_of(factor, level.substr(space + 1), {"shared"});
        natural_level(factor, level.substr(0, space), 1, 100000);
    }

    NamedValues measure(const Levels& levels, uint64_t seed) const {
        Recipe recipe = session_.recipe;
        recipe.seed = seed;
        const World world(session_.data / "world", seed);
        const Acts acts(world);
        const Constitution constitution = with_acts(acts.names);
        const std::filesystem::path folder = folder_of_seed(out_ / "runs", seed), given = folder_of_seed(from_, seed);
        run_story(session_, folder / "base", world, constitution, "", recipe, given, "sft-sl-cai");
        const auto run = [&](const std::string& name, const Village* village) {
            run_story(session_, folder / name, world, constitution,
                      wishes_of_village(acts.hazards, acts.names, village).text(), recipe, folder / "base", "ppo");
            return folder / name;
        };
        const std::string level = level_of(levels, "villagers", "1");
        const size_t villagers = natural_level("villagers", level.substr(0, level.find(' ')), 1, 100000);
        const Village village(villagers, acts.names.size(), level.ends_with("shared"), seed);
        const std::filesystem::path even = run("balanced", nullptr), own = run(folder_name(levels), &village);

        const std::vector<double> mean = village.mean();
        const std::vector<Cell> cells = acts.cells(world, recipe.evaluate.prompts);
        const std::vector<Tally> answers = tallies(world, own / "rl-cai", cells, seed);
        const Followed labels = follow(mean, label_rates(world, acts, own), label_rates(world, acts, even));
        const Followed refusals =
            follow(mean, refusals_of(answers), refusals_of(tallies(world, even / "rl-cai", cells, seed)));
        double undecided = 0;
        for (double rate : refusals_of(tallies(world, own / "sl-cai", cells, seed)))
            undecided += rate / static_cast<double>(mean.size());
        const Tally &other = answers[answers.size() - 2], &harmful = answers.back();
        return {{"residual", refusals.residual},
                {"label gain", labels.gain},
                {"leak", refusals.leak},
                {"moved", refusals.moved},
                {"gain", refusals.gain},
                {"undecided", undecided},
                {"other helped", other.rate(other.complied)},
                {"harmful complied", harmful.rate(harmful.complied)}};
    }

    std::vector<FixedFile> fixed_files() const {
        return {fixed_constitution(constitution_), fixed_recipe(session_)};
    }

  private:
    static constexpr size_t kActs = 8;

    // The acts that villagers' own interests are about: the first harmless ones that no model is kept from.
    struct Acts {
        std::vector<std::string> names, hazards;
        std::vector<size_t> indices;

        explicit Acts(const World& world) {
            for (size_t i = 0; i < world.acts.size(); i++) {
                const Act& act = world.acts[i];
                if (act.kind == Kind::hazard) hazards.push_back(act.name);
                if (act.kind != Kind::benign || act.held_out || names.size() == kActs) continue;
                names.push_back(act.name), indices.push_back(i);
            }
            expects(names.size() == kActs, "the world has ", names.size(), " harmless acts of the kind benign, and the "
                    "method selfish needs ", kActs);
        }

        // Prompts that no stage trains on: a cell of half of `count` for each act, then as many of other harmless acts,
        // and `count` of hazards.
        std::vector<Cell> cells(const World& world, size_t count) const {
            std::vector<Cell> cells;
            const auto add = [&](Kind kind, size_t most, const auto& wanted) {
                Cell cell{"held_out_entities", kind, {}};
                for (const Prompt& prompt : draw_cell(world, cell.split, kind, 1000000).prompts)
                    if (cell.prompts.size() < most && wanted(prompt.request.act)) cell.prompts.push_back(prompt);
                cells.push_back(cell);
            };
            for (size_t index : indices) add(Kind::benign, (count + 1) / 2, [&](size_t act) { return act == index; });
            add(Kind::benign, (count + 1) / 2, [&](size_t act) {
                return std::find(indices.begin(), indices.end(), act) == indices.end();
            });
            add(Kind::hazard, count, [](size_t) { return true; });
            return cells;
        }
    };

    // The constitution with two more lines, which forbid four of the acts each, so often that each is drawn in about
    // one round of five: of four rounds half of the answers then meet one, and SL-CAI refuses now and then.
    Constitution with_acts(const std::vector<std::string>& acts) const {
        Constitution constitution = {constitution_.principles, {}, {}, {}};
        const size_t weight = std::max<size_t>(1, constitution_.principles.size() / 3);
        for (size_t half : {0, 1}) {
            const auto first = acts.begin() + static_cast<std::ptrdiff_t>(half * kActs / 2);
            const std::string line = concat("Never help with ", join_list({first, first + kActs / 2}, "or"), ".");
            constitution.principles.insert(constitution.principles.end(), weight, line);
        }
        return constitution;
    }

    std::vector<Tally> tallies(const World& world, const std::filesystem::path& model, const std::vector<Cell>& cells,
                               uint64_t seed) const {
        std::vector<Tally> tallies;
        const Model writer = load_model(session_.kernels, model, Use::inference);
        for (const auto& answers : answer_cells(writer, load_tokenizer(model), Oracle(world), cells, 1, seed)) {
            tallies.emplace_back();
            for (const Answer& answer : answers) tallies.back().add(answer);
        }
        return tallies;
    }

    static std::vector<double> refusals_of(const std::vector<Tally>& tallies) {
        std::vector<double> rates;
        for (size_t a = 0; a < kActs; a++) rates.push_back(tallies[a].rate(tallies[a].refused));
        return rates;
    }

    // For each act, the mean label of the refusal where one answer of a pair refuses and the other does not; 0.5 if
    // there is no such pair.
    static std::vector<double> label_rates(const World& world, const Acts& acts, const std::filesystem::path& run) {
        const Oracle oracle(world);
        const std::vector<Prompt> prompts = read_prompts(run / "world/prompts.jsonl", world, "compare");
        std::map<size_t, std::pair<double, double>> sums;  // by act: of labels, and how many
        size_t i = 0;
        each_of_jsonl(run / "comparisons.jsonl", [&](const Json& pair) {
            const size_t act = prompts.at(i++).request.act;
            const bool a = oracle.is_refusal(pair["a"].string()), b = oracle.is_refusal(pair["b"].string());
            if (a == b) return;
            sums[act].first += a ? pair["p_a"].number() : 1 - pair["p_a"].number();
            sums[act].second += 1;
        });
        std::vector<double> rates;
        for (size_t act : acts.indices) {
            const auto [sum, n] = sums[act];
            rates.push_back(n > 0 ? sum / n : 0.5);
        }
        return rates;
    }

    const Session& session_;
    const Constitution& constitution_;
    std::filesystem::path out_, from_;
};

inline Method selfish_method(const SelfishRuns& runs) {
    return {"selfish",
            "stories of a village that shares a good, and whose wishes about other acts are everybody's own",
            "The toy world: models of --size, a made-up village whose interests are drawn at random; no people.",
            kSelfishMeasures,
            [](const std::string& factor, const std::string& level) { SelfishRuns::expect_level(factor, level); },
            [&runs](const Levels& levels, uint64_t seed) { return runs.measure(levels, seed); },
            runs.fixed_files()};
}

}  // namespace cai
