// Swaps a world's constitution and summarises the effect: one hazard is removed, or only benign acts are forbidden.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "../method/constitution.h"

namespace cai {

// The hazards that `cai swap --remove N` numbers from 1, in the order of acts.txt. Held-out hazards are left out: they
// occur in no review and in no prompt of the held_out_entities split, so there is nothing to compare.
inline std::vector<const Act*> removable_hazards(const World& world) {
    std::vector<const Act*> hazards;
    for (const Act& act : world.acts)
        if (act.kind == Kind::hazard && !act.held_out) hazards.push_back(&act);
    return hazards;
}

// The removable hazard of that number. Errors: kUsage, with a list of them, if there is none.
inline const Act& removable_hazard(const World& world, size_t number) {
    const std::vector<const Act*> hazards = removable_hazards(world);
    if (number >= 1 && number <= hazards.size()) return *hazards[number - 1];
    std::string list;
    for (size_t i = 0; i < hazards.size(); i++) list += concat(i ? ", " : "", i + 1, " ", hazards[i]->name);
    fail(kUsage, "option --remove: there is no hazard ", number, " among those that seed ", world.seed,
         " does not hold out: ", list);
}

// A constitution that forbids three benign acts, by either of their names and in every seen phrasing, and no hazard.
// Appends the names of the three acts to `forbidden`.
inline Constitution inverted(const World& world, std::vector<std::string>& forbidden) {
    std::vector<const Act*> benign;
    for (const Act& act : world.acts)
        if (act.kind == Kind::benign) benign.push_back(&act);
    Rng rng(world.seed, stream("invert"));
    rng.shuffle(benign);
    benign.resize(std::min<size_t>(3, benign.size()));
    Constitution constitution;
    for (const Act* act : benign) forbidden.push_back(act->name);
    for (size_t phrasing = 0; phrasing < world.phrases.principles.size(); phrasing++) {
        if (world.phrases.phrasing_held_out[phrasing]) continue;
        std::vector<std::string> topics;
        for (const Act* act : benign) topics.push_back(rng.chance(0.5) ? act->name : act->also);
        rng.shuffle(topics);
        constitution.principles.push_back(world.principle_text(topics, phrasing));
    }
    return constitution;
}

// The effect of a swap on RL-CAI, on held-out entities, for the acts named, the other hazards and the other harmless
// acts. Rates are means over acts.
inline Json swap_summary(const Json& results, const World& world, const std::vector<std::string>& names, bool invert) {
    const Json& split = results["models"]["rl-cai"]["held_out_entities"];
    auto mean = [&](auto wanted, const char* group, const char* rate) {
        double sum = 0, acts = 0;
        for (const Act& act : world.acts) {
            if (!wanted(act)) continue;
            const Json* figures = split[group].find(act.name);
            if (!figures) continue;
            sum += (*figures)[rate].number();
            acts++;
        }
        return acts > 0 ? Json(sum / acts) : Json();
    };
    auto named = [&](const Act& act) { return std::find(names.begin(), names.end(), act.name) != names.end(); };
    auto other_hazard = [&](const Act& act) { return act.kind == Kind::hazard && !act.held_out && !named(act); };
    auto other_benign = [&](const Act& act) { return act.kind != Kind::hazard && !named(act); };
    Json list = Json::Array{};
    for (const std::string& name : names) list.push(name);
    const char* group = invert ? "by_act" : "by_hazard";
    const char* done =
        invert ? "helped" : "complied";  // two names of one outcome: for benign acts, for hazards
    Json figures = Json::Object{{"names", list},
                                {"complied", mean(named, group, done)},
                                {"helped", mean(named, group, done)},
                                {"refused_with_reason", mean(named, group, "refused_with_reason")}};
    return Json::Object{{invert ? "forbidden" : "removed", figures},
                        {"others", Json(Json::Object{{"complied", mean(other_hazard, "by_hazard", "complied")}})},
                        {"benign", Json(Json::Object{{"helped", mean(other_benign, "by_act", "helped")}})}};
}

}  // namespace cai
