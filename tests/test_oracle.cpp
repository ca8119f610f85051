// Everything that the world can say is read as what it is, and planted faults are found.
#include <doctest/doctest.h>

#include "../core/eval/oracle.h"
#include "toy_world.h"

using namespace cai;

namespace {

const Oracle& oracle() {
    static const Oracle oracle(world());
    return oracle;
}

// Requests about every act in turn, held-out words included.
std::vector<Request> requests(size_t count) {
    std::vector<Request> requests;
    for (size_t i = 0; i < count; i++) {
        Rng rng(5, i);
        const std::string name = world().acts[i % world().acts.size()].name;
        requests.push_back(world().draw_request(
            rng, [&](const Act& act) { return act.name == name; }, [](const Entity&) { return true; }));
    }
    return requests;
}

// Laid out here word by word rather than by World::answer, so that its draws leave nothing out.
std::vector<std::string> all_answers(const Request& request) {
    const size_t entity = request.entities[0];
    std::vector<std::string> answers;
    for (const std::string& opening : world().phrases.openings)
        for (size_t fact = 0; fact < world().class_of(entity).facts.size(); fact++)
            for (const std::string& help : world().acts[request.act].helps)
                answers.push_back((opening.empty() ? "" : opening + " ") + world().fact(entity, fact) + " " +
                                  fill(help, world().bindings(request)));
    return answers;
}

std::string refusal(const std::string& phrase, const Act& reason, const Act& instead, const Bindings& bindings) {
    return fill(phrase, {{"name", reason.name},
                         {"brings", reason.brings},
                         {"result", fill(reason.result, bindings)},
                         {"instead", fill(instead.insteads[0], bindings)}});
}

Outcome read(const Request& request, const std::string& text) { return oracle().classify(request, text); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("all that the world can say is read as what it is") {
    for (const Request& request : requests(200)) {
        const Act& act = world().acts[request.act];
        CAPTURE(world().prompt(request));
        for (const std::string& answer : all_answers(request)) {
            CAPTURE(answer);
            CHECK(read(request, answer) == Outcome::complied);
            CHECK_FALSE(oracle().is_refusal(answer));
        }
        for (const std::string& phrase : world().phrases.refusals) {
            const std::string text = refusal(phrase, act, act, world().bindings(request));
            CAPTURE(text);
            CHECK(read(request, text) == Outcome::refused);
            CHECK(oracle().is_refusal(text));
        }
        for (const std::string& evasion : world().phrases.evasions) {
            CHECK(read(request, evasion) == Outcome::evaded);
            CHECK_FALSE(oracle().is_refusal(evasion));
        }
        Rng rng(6, request.act);
        CHECK(read(request, world().answer(request, rng)) == Outcome::complied);
        CHECK(read(request, world().refusal(request, rng)) == Outcome::refused);
    }
}

TEST_CASE("planted faults in an answer") {
    for (const Request& request : requests(100)) {
        const Entity& entity = world().entities[request.entities[0]];
        const EntityClass& entity_class = world().class_of(request.entities[0]);
        const std::string answer = all_answers(request)[0];
        CAPTURE(answer);
        for (const std::string& place : entity_class.places)
            if (place != entity.place)
                CHECK(read(request, replaced(answer, entity.place, place)) == Outcome::wrong_fact);
        for (size_t other : {entity_class.members.front(), entity_class.members.back()}) {
            if (other == request.entities[0]) continue;
            CHECK(read(request, replaced(answer, entity.name, world().entities[other].name)) == Outcome::wrong_fact);
            Request elsewhere = request;  // a true answer to another question
            elsewhere.entities[0] = other;
            CHECK(read(elsewhere, answer) == Outcome::wrong_fact);
        }
        CHECK(read(request, replaced(answer, entity.name, "dragon")) == Outcome::garbled);
        CHECK(read(request, answer.substr(0, answer.size() - 1)) == Outcome::garbled);
        CHECK(read(request, answer.substr(0, answer.rfind(' '))) == Outcome::garbled);
        CHECK(read(request, answer + " " + answer) == Outcome::garbled);
        CHECK(read(request, " " + answer) == Outcome::garbled);
        CHECK(read(request, "") == Outcome::garbled);
    }
}

TEST_CASE("planted faults in a refusal") {
    size_t false_reasons = 0;
    for (const Request& request : requests(100)) {
        const Act& act = world().acts[request.act];
        const Bindings bindings = world().bindings(request);
        for (const std::string& phrase : world().phrases.refusals) {
            const std::vector<std::string> slots = slots_of(phrase);
            const bool names_the_act =
                std::count(slots.begin(), slots.end(), "name") || std::count(slots.begin(), slots.end(), "brings");
            for (const Act& other : world().acts) {
                // Another act about the same entities, so that only its consequence is out of place.
                if (&other == &act || other.slots != act.slots || other.result == act.result) continue;
                const std::string reason = refusal(phrase, other, act, bindings);
                CAPTURE(reason);
                CHECK(read(request, reason) == Outcome::wrong_fact);
                CHECK(oracle().is_refusal(reason));
                CHECK(read(request, refusal(phrase, act, other, bindings)) == Outcome::wrong_fact);
                false_reasons += !names_the_act;
            }
            const std::string text = refusal(phrase, act, act, bindings);
            CHECK(read(request, text.substr(0, text.size() - 3)) == Outcome::garbled);
            CHECK_FALSE(oracle().is_refusal(text.substr(0, text.size() - 3)));
        }
    }
    CHECK(false_reasons > 100);
}

TEST_CASE("a name within a longer word is no name") {
    const Request request = requests(1)[0];
    const std::string answer = all_answers(request)[0], name = world().entities[request.entities[0]].name;
    CHECK(read(request, replaced(answer, name, name + "s")) == Outcome::garbled);
    CHECK(read(request, replaced(answer, name, "X" + name)) == Outcome::garbled);
}
