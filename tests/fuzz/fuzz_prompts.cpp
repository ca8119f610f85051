// A run's world/prompts.jsonl: each request that was read can be asked in the world.
#include "fuzz.h"

#include "../../core/world/prompts.h"

void cai::read_input(const std::string& input) {
    static const World world("data/world", 1);
    for (const Prompt& prompt : read_prompts(file_of(input), world, "ppo"))
        must_succeed([&] { must(!world.prompt(prompt.request).empty(), "a request without words"); });
}
