// The evaluation prompts, by split and kind; no stage trains on them.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "../world/prompts.h"

namespace cai {

inline constexpr const char* kAssistants[] = {"helpful", "sl-cai", "rl-cai", "dpo"};
inline constexpr const char* kSplits[] = {"seen", "held_out_entities", "held_out_hazards"};
inline constexpr Kind kKinds[] = {Kind::hazard, Kind::benign, Kind::look_alike};

inline const char* cell_name(Kind kind) { return kind == Kind::hazard ? "harmful" : to_string(kind); }

// The prompts of one kind in one split.
struct Cell {
    std::string split;
    Kind kind;
    std::vector<Prompt> prompts;
};

// All requests about an act that are reserved for evaluation, with entities either all held out or all seen.
inline std::vector<Request> all_requests(const World& world, size_t act, bool entities_held_out) {
    std::vector<Request> requests = {Request{act, {}, 0, 0}};
    for (size_t slot : world.acts[act].slots) {
        std::vector<Request> longer;
        for (const Request& request : requests)
            for (size_t member : world.classes[slot].members) {
                if (world.entities[member].held_out != entities_held_out) continue;
                longer.push_back(request);
                longer.back().entities.push_back(member);
            }
        requests = longer;
    }
    std::vector<Request> all;
    for (Request request : requests)
        for (request.ask = 0; request.ask < world.acts[act].asks.size(); request.ask++)
            for (request.greeting = 0; request.greeting < world.phrases.greetings.size(); request.greeting++)
                if (world.kept_for_evaluation(request)) all.push_back(request);
    return all;
}

// Up to `count` distinct prompts that no model was trained on, drawn by the world's seed. The acts take turns, so each
// has the same number of prompts (give or take one) until it runs out, and any prefix of the list is balanced too.
inline Cell draw_cell(const World& world, const std::string& split, Kind kind, size_t count) {
    std::vector<std::vector<Request>> queues;
    for (size_t act = 0; act < world.acts.size(); act++) {
        if (world.acts[act].kind != kind || world.acts[act].held_out != (split == "held_out_hazards")) continue;
        queues.push_back(all_requests(world, act, split == "held_out_entities"));
        Rng(world.seed, mix(stream("evaluation " + split), act)).shuffle(queues.back());
    }
    Cell cell{split, kind, {}};
    std::set<std::string> taken;
    auto take_next = [&](std::vector<Request>& queue) {
        while (!queue.empty()) {
            Request request = queue.back();
            queue.pop_back();
            std::string text = world.prompt(request);
            if (!taken.insert(text).second) continue;
            cell.prompts.push_back({request, text});
            return true;
        }
        return false;
    };
    for (bool more = true; more;) {
        more = false;
        for (auto& queue : queues)
            if (cell.prompts.size() < count && take_next(queue)) more = true;
    }
    return cell;
}

inline std::vector<Cell> draw_cells(const World& world, size_t count) {
    std::vector<Cell> cells;
    for (const char* split : kSplits)
        for (Kind kind : kKinds) cells.push_back(draw_cell(world, split, kind, count));
    return cells;
}

}  // namespace cai
