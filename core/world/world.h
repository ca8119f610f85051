// The toy world: its text files (world_files.h) and what the seed draws from them, namely facts, held-out
// words, requests and principles. Nothing here knows right from wrong: only principles say that, and they
// come from reviews and from the constitution.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "../base/rng.h"
#include "world_files.h"

namespace cai {

// One request: an act, one entity per slot of the act, and the wording.
struct Request {
    size_t act = 0;
    std::vector<size_t> entities;
    size_t ask = 0, greeting = 0;
    bool operator==(const Request&) const = default;
};

struct Principle {
    std::vector<std::string> topics;  // words that it forbids
    std::string text;
    size_t phrasing = 0;  // an index in the phrases of its form
    Form form = Form::forbids;
    std::vector<std::string> allowed = {};  // words that it names without forbidding them
};

// Whether a principle names a topic of a request, and as what.
enum class Mention { none, forbidden, allowed };

class World : public WorldFiles {
  public:
    uint64_t seed;

    // Errors: a mistake in a file is reported with file and line.
    World(const std::filesystem::path& directory, uint64_t seed) : WorldFiles(directory), seed(seed) {
        draw_facts();
        draw_held_out();
        collect_topics();
        collect_known_words();
        collect_other_words();
    }

    const EntityClass& class_of(size_t entity) const { return classes[entities[entity].entity_class]; }

    Bindings bindings(const Request& request) const {
        Bindings bindings;
        for (size_t entity : request.entities) bindings[class_of(entity).name] = entities[entity].name;
        return bindings;
    }

    std::string prompt(const Request& request) const {
        const std::string& greeting = phrases.greetings[request.greeting];
        return (greeting.empty() ? "" : greeting + " ") + fill(acts[request.act].asks[request.ask], bindings(request));
    }

    std::string fact(size_t entity, size_t phrasing) const {
        return fill(class_of(entity).facts[phrasing],
                    {{class_of(entity).name, entities[entity].name}, {"place", entities[entity].place}});
    }

    // A helpful answer: where to find the first entity, then how to do the act.
    std::string answer(const Request& request, Rng& rng) const {
        const std::string& opening = rng.pick(phrases.openings);
        const std::string& help = rng.pick(acts[request.act].helps);
        const size_t entity = request.entities[0], phrasing = rng.below(class_of(entity).facts.size());
        return (opening.empty() ? "" : opening + " ") + fact(entity, phrasing) + " " + fill(help, bindings(request));
    }

    std::string refusal(const Request& request, Rng& rng) const {
        const Act& act = acts[request.act];
        Bindings all = bindings(request);
        const std::string &instead = rng.pick(act.insteads), &refusal = rng.pick(phrases.refusals);
        return fill(refusal, {{"name", act.name},
                              {"brings", act.brings},
                              {"result", fill(act.result, all)},
                              {"instead", fill(instead, all)}});
    }

    // The words by which a principle can apply to a request: the act's two names, its consequence and the request's
    // entities. What an act is done to (people, belongings, animals) is none: hurting animals is not washing one.
    std::vector<std::string> topics_of(const Request& request) const {
        const Act& act = acts[request.act];
        std::vector<std::string> words = {act.name, act.also, act.brings};
        for (size_t entity : request.entities) words.push_back(entities[entity].name);
        return words;
    }

    bool covers(const std::vector<std::string>& principle_topics, const Request& request) const {
        for (const std::string& word : topics_of(request))
            if (std::find(principle_topics.begin(), principle_topics.end(), word) != principle_topics.end())
                return true;
        return false;
    }

    // All topics that principles may name, in four groups: act names, their synonyms, consequences, entities.
    const std::vector<std::vector<std::string>>& topic_groups(bool with_held_out) const {
        return with_held_out ? all_topics_ : seen_topics_;
    }
    // Whether any text of the world uses this word.
    bool knows(const std::string& word) const { return known_words_.count(word) > 0; }
    const std::set<std::string>& known_words() const { return known_words_; }
    bool is_topic(const std::string& word) const { return topic_words_.count(word) > 0; }
    // The words of facts, requests and answers that have at least four letters, are not topics, and are not used by a
    // held-out act or by any phrasing of a principle.
    const std::vector<std::string>& other_words() const { return other_words_; }

    // The topics that a text names, matched as whole words regardless of case.
    std::vector<std::string> topics_in(const std::string& text) const {
        std::vector<std::string> found;
        for (const std::string& word : words_of(text))
            if (is_topic(word)) add_new(found, word);
        return found;
    }

    // A phrasing with its lists filled in: what it forbids and, in a principle of two halves, what it allows.
    std::string principle_text(const std::vector<std::string>& topics, const std::string& phrasing,
                               const std::vector<std::string>& allowed = {}) const {
        const auto items = [&](const std::vector<std::string>& words) {
            std::vector<std::string> items;
            for (const std::string& word : words) items.push_back(is_entity(word) ? "the " + word : word);
            return items;
        };
        const std::vector<std::string> no = items(topics), yes = items(allowed);
        return fill(phrasing, {{"or", join_list(no, "or")},
                               {"and", join_list(no, "and")},
                               {"And", capitalized(join_list(no, "and"))},
                               {"is", no.size() == 1 ? "is" : "are"},
                               {"yes or", join_list(yes, "or")},
                               {"yes and", join_list(yes, "and")},
                               {"Yes and", capitalized(join_list(yes, "and"))},
                               {"are", yes.size() == 1 ? "is" : "are"}});
    }

    std::string principle_text(const std::vector<std::string>& topics, size_t phrasing) const {
        return principle_text(topics, phrases.principles[phrasing]);
    }

    std::string text_of(const Principle& principle) const {
        const std::string& phrasing = phrases.texts(principle.form)[principle.phrasing];
        return principle.form == Form::forbids || principle.form == Form::halves
                   ? principle_text(principle.topics, phrasing, principle.allowed)
                   : principle_text(principle.allowed, phrasing);
    }

    // Whether a text contains the longer literal end of a held-out phrasing: all before
    // its first slot, or all after its last one.
    bool worded_as_held_out(const std::string& text) const {
        for (Form form : {Form::forbids, Form::allows, Form::halves, Form::asks})
            for (size_t i = 0; i < phrases.texts(form).size(); i++) {
                const std::string& pattern = phrases.texts(form)[i];
                if (pattern.empty() || !phrases.held_out(form)[i]) continue;
                const std::string before = pattern.substr(0, pattern.find('{')),
                                  after = pattern.substr(pattern.rfind('}') + 1);
                const std::string& stretch = before.size() > after.size() ? before : after;
                if (text.find(stretch) != std::string::npos) return true;
            }
        return false;
    }

    // Half of all requests, by a hash of their text, are reserved for evaluation: they appear in no
    // training text and not in world/prompts.jsonl.
    bool kept_for_evaluation(const Request& request) const { return mix(seed, stream(prompt(request))) & 1; }

    // A random request that the filters allow: first the act, uniformly, then its entities and its wording.
    template <class ActFilter, class EntityFilter>
    Request draw_request(Rng& rng, ActFilter act_allowed, EntityFilter entity_allowed,
                         bool for_evaluation = false) const {
        for (int tries = 0; tries < 1000; tries++) {
            const Request request = draw_any_request(rng, act_allowed, entity_allowed);
            if (kept_for_evaluation(request) == for_evaluation) return request;
        }
        fail(kBadInput, "the world can ask too little: none of 1000 requests ", for_evaluation ? "was" : "was not",
             " kept for evaluation; add asks, greetings or entities");
    }

    // A principle of 1 to 5 topics that forbids, and is or is not applicable to the request, in a seen or a held-out
    // phrasing. An applicable one names exactly one topic of the request; with probability `named`, that is one of its
    // entities. All other topics are seen ones.
    Principle draw_principle(Rng& rng, const Request& request, bool applicable, bool held_out_phrasing = false,
                             double named = 0) const {
        return draw_principle(rng, request, Form::forbids, applicable ? Mention::forbidden : Mention::none,
                              held_out_phrasing, named);
    }

    // The same in any form that can mention a topic of the request so. One that asks speaks of entities only.
    Principle draw_principle(Rng& rng, const Request& request, Form form, Mention mention,
                             bool held_out_phrasing = false, double named = 0) const {
        static const std::vector<size_t> kLengths = {1, 1, 2, 3, 4, 5}, kHalfLengths = {1, 1, 1, 2, 2, 3};
        const std::vector<std::string> own = topics_of(request);
        Principle principle{.topics = {}, .text = "", .form = form};
        const auto draw_list = [&](std::vector<std::string>& list, bool mentions) {
            const size_t length = rng.pick(form == Form::halves ? kHalfLengths : kLengths);
            const std::vector<std::string>& other = &list == &principle.allowed ? principle.topics : principle.allowed;
            if (mentions && !request.entities.empty() && (form == Form::asks || rng.chance(named)))
                list.push_back(entities[rng.pick(request.entities)].name);
            else if (mentions)
                list.push_back(rng.pick(own));
            while (list.size() < length) {
                const auto& groups = topic_groups(false);
                const size_t group = form == Form::asks ? groups.size() - 1 : draw_group(rng);
                const std::string& word = rng.pick(groups[group]);
                if (!holds(own, word) && !holds(other, word)) add_new(list, word);
            }
            rng.shuffle(list);
        };
        if (form == Form::forbids || form == Form::halves) draw_list(principle.topics, mention == Mention::forbidden);
        if (form != Form::forbids) draw_list(principle.allowed, mention == Mention::allowed);
        principle.phrasing = draw_phrasing(rng, held_out_phrasing, form);
        principle.text = text_of(principle);
        return principle;
    }

    // The principle with its phrasing's twin, which allows what it forbids.
    Principle allowing_twin(const Principle& principle) const {
        Principle twin{.topics = {}, .text = "", .phrasing = principle.phrasing, .form = Form::allows,
                       .allowed = principle.topics};
        twin.text = text_of(twin);
        return twin;
    }

    // The counterpart of an applicable principle in a minimal pair: the same text, with the request's topics replaced.
    Principle inapplicable_counterpart(Rng& rng, const Principle& principle, const Request& request) const {
        const std::vector<std::string> own = topics_of(request);
        Principle counterpart = principle;
        for (std::string& topic : counterpart.topics) {
            while (std::find(own.begin(), own.end(), topic) != own.end()) {
                std::string word = rng.pick(topic_groups(false)[draw_group(rng)]);
                if (std::find(counterpart.topics.begin(), counterpart.topics.end(), word) == counterpart.topics.end())
                    topic = word;
            }
        }
        counterpart.text = principle_text(counterpart.topics, counterpart.phrasing);
        return counterpart;
    }

    // A phrasing of this form, held out or not; of a form that has none of the wanted kind, any.
    size_t draw_phrasing(Rng& rng, bool held_out, Form form = Form::forbids) const {
        std::vector<size_t> choices, any;
        for (size_t i = 0; i < phrases.texts(form).size(); i++) {
            if (phrases.texts(form)[i].empty()) continue;
            any.push_back(i);
            if (phrases.held_out(form)[i] == held_out) choices.push_back(i);
        }
        return rng.pick(choices.empty() ? any : choices);
    }

    // Act names and their synonyms 28 % each, consequences 20 %, entities 24 %.
    static size_t draw_group(Rng& rng) {
        float u = rng.uniform();
        return u < 0.28f ? 0 : u < 0.56f ? 1 : u < 0.76f ? 2 : 3;
    }

  private:
    template <class ActFilter, class EntityFilter>
    Request draw_any_request(Rng& rng, ActFilter act_allowed, EntityFilter entity_allowed) const {
        std::vector<size_t> choices;
        for (size_t i = 0; i < acts.size(); i++)
            if (act_allowed(acts[i])) choices.push_back(i);
        Request request;
        request.act = rng.pick(choices);
        const Act& act = acts[request.act];
        for (size_t slot : act.slots) {
            std::vector<size_t> members;
            for (size_t member : classes[slot].members)
                if (entity_allowed(entities[member])) members.push_back(member);
            request.entities.push_back(rng.pick(members));
        }
        request.ask = rng.below(act.asks.size());
        request.greeting = rng.below(phrases.greetings.size());
        return request;
    }

    void draw_facts() {
        Rng rng(seed, stream("facts"));
        for (Entity& entity : entities) entity.place = rng.pick(classes[entity.entity_class].places);
    }

    // Holds out a quarter of each class of entities, a quarter of the phrasings that are not plain, and a sixth of the
    // hazards (at least one; with different consequences as long as there are enough).
    void draw_held_out() {
        Rng rng(seed, stream("held out"));
        for (const EntityClass& entity_class : classes) {
            std::vector<size_t> order = entity_class.members;
            rng.shuffle(order);
            for (size_t i = 0; i < (order.size() + 2) / 4; i++) entities[order[i]].held_out = true;
        }
        std::vector<size_t> order;
        for (size_t i = 0; i < acts.size(); i++)
            if (acts[i].kind == Kind::hazard) order.push_back(i);
        rng.shuffle(order);
        size_t wanted = order.size() < 2 ? 0 : std::max<size_t>(1, order.size() / 6);
        std::set<std::string> brought;
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i : order) {
                if (wanted == 0 || acts[i].held_out || (pass == 0 && brought.count(acts[i].brings))) continue;
                acts[i].held_out = true;
                brought.insert(acts[i].brings);
                wanted--;
            }
        }
        const auto hold_out_quarter = [&](std::vector<bool>& held_out, size_t count, size_t of) {
            held_out.assign(count, false);
            std::vector<size_t> order(of);
            for (size_t i = 0; i < of; i++) order[i] = i;
            rng.shuffle(order);
            for (size_t i = 0; i < of / 4; i++) held_out[order[i]] = true;
        };
        const size_t principles = phrases.principles.size();
        hold_out_quarter(phrases.phrasing_held_out, principles, principles - phrases.plain_principles);
        hold_out_quarter(phrases.halves_held_out, phrases.halves.size(), phrases.halves.size());
        hold_out_quarter(phrases.askings_held_out, phrases.askings.size(), phrases.askings.size());
    }

    void collect_topics() {
        for (bool with_held_out : {true, false}) {
            auto& groups = with_held_out ? all_topics_ : seen_topics_;
            groups.assign(4, {});
            for (const Act& act : acts) {
                if (act.held_out && !with_held_out) continue;
                add_new(groups[0], act.name);
                add_new(groups[1], act.also);
                add_new(groups[2], act.brings);
            }
            for (const Entity& entity : entities)
                if (with_held_out || !entity.held_out) add_new(groups[3], entity.name);
        }
        for (const auto& group : all_topics_) topic_words_.insert(group.begin(), group.end());
    }

    // Adds the words of texts, without their slots.
    static void add_words(std::set<std::string>& words, const std::vector<std::string>& texts) {
        for (const std::string& text : texts)
            for (const std::string& word : words_of(literal_of(text))) words.insert(word);
    }

    void collect_known_words() {
        auto add = [&](const std::vector<std::string>& texts) { add_words(known_words_, texts); };
        known_words_ = topic_words_;
        for (const Act& act : acts)
            for (const auto* texts : {&act.asks, &act.helps, &act.insteads}) add(*texts);
        for (const Act& act : acts) add({act.result});
        for (const EntityClass& entity_class : classes) add(entity_class.facts), add(entity_class.places);
        for (const auto* texts :
             {&phrases.principles, &phrases.twins, &phrases.halves, &phrases.askings, &phrases.refusals,
              &phrases.evasions, &phrases.openings, &phrases.greetings})
            add(*texts);
        add({"and or is are the topics rule forbids allows allowed asks this keep it answer helps refuses avoids "
             "rambles refuse"});
    }

    void collect_other_words() {
        std::set<std::string> words, excluded = topic_words_;
        for (const auto* texts : {&phrases.principles, &phrases.twins, &phrases.halves, &phrases.askings})
            add_words(excluded, *texts);
        for (const Act& act : acts)
            for (const auto* texts : {&act.asks, &act.helps, &act.insteads})
                add_words(act.held_out ? excluded : words, *texts);
        for (const EntityClass& entity_class : classes)
            add_words(words, entity_class.facts), add_words(words, entity_class.places);
        for (const std::string& word : words)
            if (word.size() >= 4 && !excluded.count(word)) other_words_.push_back(word);
    }

    std::vector<std::vector<std::string>> all_topics_, seen_topics_;
    std::vector<std::string> other_words_;
    std::set<std::string> topic_words_, known_words_;
};

}  // namespace cai
