// The files of a world, one after the other in an input, each but the first after a line "---". A world that was
// accepted has to be able to write every kind of text for each of its acts.
#include "../../core/world/world.h"
#include "fuzz.h"

void cai::read_input(const std::string& input) {
    std::filesystem::path folder;
    size_t start = 0;
    for (const char* name : {"entities.txt", "acts.txt", "phrases.txt"}) {
        const size_t end = std::min(input.find("\n---\n", start), input.size());
        folder = file_of(input.substr(start, end - start), name).parent_path();
        start = std::min(end + 5, input.size());
    }
    const World world(folder, 1);
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
            }
        }
    });
}
