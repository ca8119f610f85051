// The files of a world. A world that was accepted has to be able to write every kind of text for each of its acts.
#include "fuzz.h"

#include "../../core/world/read_principle.h"

void cai::read_input(const std::string& input) {
    const World world(folder_of(input, {"entities.txt", "acts.txt", "phrases.txt"}), 1);
    must_succeed([&] {
        Rng rng(1);
        for (size_t act = 0; act < world.acts.size(); act++) {
            Request request{act, {}, rng.below(world.acts[act].asks.size()), rng.below(world.phrases.greetings.size())};
            for (size_t slot : world.acts[act].slots) request.entities.push_back(rng.pick(world.classes[slot].members));
            must(!world.prompt(request).empty() && !world.answer(request, rng).empty(), "an empty text");
            must(!world.refusal(request, rng).empty(), "an empty refusal");
            for (bool applicable : {true, false}) {
                const Principle principle = world.draw_principle(rng, request, applicable);
                must(world.covers(principle.topics, request) == applicable, "a principle of the other kind");
                if (applicable) world.inapplicable_counterpart(rng, principle, request);
                if (applicable) must(!world.allowing_twin({.topics = principle.topics,
                                                           .text = "",
                                                           .phrasing = world.draw_phrasing(rng, false, Form::allows)})
                                          .text.empty(),
                                     "an empty twin");
                read_principle(world, principle.text);
            }
            for (Form form : {Form::allows, Form::halves, Form::asks})
                for (bool held_out : {true, false})
                    read_principle(world, world.draw_principle(rng, request, form, Mention::allowed, held_out).text);
        }
    });
}
