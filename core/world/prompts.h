// The prompts for critique, compare and ppo, as the world stage wrote them. A stage reads only their text; the request
// behind it is kept for the stand-in for human helpfulness comparisons and for traces.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../base/json.h"
#include "world.h"

namespace cai {

struct Prompt {
    Request request;
    std::string text;
};

// Questions for people to try, one about an act of each kind listed, without a greeting, on which no model was trained.
inline std::vector<std::string> sample_questions(const World& world, Rng rng, const std::vector<Kind>& kinds) {
    std::vector<std::string> questions;
    for (Kind kind : kinds) {
        Request request = world.draw_request(rng, [&](const Act& act) { return act.kind == kind; },
                                             [](const Entity&) { return true; }, true);
        request.greeting = 0;
        add_new(questions, world.prompt(request));
    }
    return questions;
}

inline Json to_json(const World& world, const std::string& set, const Prompt& prompt) {
    Json entities = Json::Array{};
    for (size_t entity : prompt.request.entities) entities.push(world.entities[entity].name);
    const Act& act = world.acts[prompt.request.act];
    return Json()
        .set("set", set)
        .set("kind", to_string(act.kind))
        .set("act", act.name)
        .set("entities", entities)
        .set("ask", prompt.request.ask)
        .set("greeting", prompt.request.greeting)
        .set("prompt", prompt.text);
}

// The prompts of one set ("critique", "helpful", "compare" or "ppo"), in file order.
inline std::vector<Prompt> read_prompts(const std::filesystem::path& path, const World& world, const std::string& set) {
    std::vector<Prompt> prompts;
    each_of_jsonl(path, [&](const Json& json) {
        if (json["set"].string() != set) return;
        Request request;
        auto act = std::find_if(world.acts.begin(), world.acts.end(),
                                [&](const Act& act) { return act.name == json["act"].string(); });
        expects(act != world.acts.end(), "the world has no act \"", json["act"].string(),
                "\"; run `cai world` again after editing data/world");
        request.act = static_cast<size_t>(act - world.acts.begin());
        for (const Json& name : json["entities"].array()) {
            auto entity = std::find_if(world.entities.begin(), world.entities.end(),
                                       [&](const Entity& entity) { return entity.name == name.string(); });
            expects(entity != world.entities.end(), "the world has no \"", name.string(),
                    "\"; run `cai world` again after editing data/world");
            request.entities.push_back(static_cast<size_t>(entity - world.entities.begin()));
        }
        request.ask = json["ask"].natural();
        request.greeting = json["greeting"].natural();
        const auto is_of_slot = [&](size_t entity, size_t slot) { return world.entities[entity].entity_class == slot; };
        expects(request.ask < act->asks.size() && request.greeting < world.phrases.greetings.size() &&
                    std::equal(request.entities.begin(), request.entities.end(), act->slots.begin(), act->slots.end(),
                               is_of_slot),
                "the world cannot ask this about ", act->name, "; run `cai world` again after editing data/world");
        prompts.push_back({request, json["prompt"].string()});
    });
    expects(!prompts.empty(), path, ": holds no prompts of the set \"", set, "\"; run `cai world` again");
    return prompts;
}

}  // namespace cai
