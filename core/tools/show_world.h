// The overview that `cai world` prints: the world's acts and entities, and samples of its documents.
#pragma once
#include <sstream>
#include <string>
#include <vector>

#include "../base/format.h"
#include "../base/table.h"
#include "../method/constitution.h"
#include "../world/documents.h"

namespace cai {

// file: the name of the constitution's file. samples: how many documents of each kind to show.
inline std::string overview(const World& world, const Constitution& constitution, const std::string& file,
                            size_t samples) {
    std::ostringstream out;
    auto words = [](const std::vector<std::string>& list) { return join_list(list, "and"); };
    out << "The world of seed " << world.seed << ": " << world.acts.size() << " acts, " << world.entities.size()
        << " entities, " << world.phrases.principles.size() << " phrasings of principles\n\n";
    std::vector<std::vector<std::string>> rows = {{"act", "also", "kind", "done to", "brings", "held out", "coverage"}};
    for (const Act& act : world.acts)
        rows.push_back({act.name, act.also, to_string(act.kind), act.target, act.brings, act.held_out ? "yes" : "",
                        act.kind == Kind::hazard || coverage(world, constitution, act) > 0
                            ? format_value(coverage(world, constitution, act))
                            : ""});
    out << format_table(rows) << "\ncoverage: the share of the " << constitution.principles.size() << " principles of "
        << file << " that forbid the act.\nPrinciples can use these words, but not what acts are done to, "
           "and the names of entities.\n";
    for (const EntityClass& entity_class : world.classes) {
        std::vector<std::string> seen, held_out;
        for (size_t member : entity_class.members)
            (world.entities[member].held_out ? held_out : seen).push_back(world.entities[member].name);
        out << "\n" << entity_class.name << ", seen: " << words(seen) << "\n" << entity_class.name << ", held out: "
            << words(held_out) << "\n";
    }
    DocumentWriter writer(world);
    for (const DocumentShare& mix : kPretrainingMix)
        for (size_t i = 0; i < samples; i++) {
            Rng rng(world.seed, cai::mix(stream(mix.kind), i));
            out << "\n--- " << mix.kind << " (" << static_cast<int>(100 * mix.share + 0.5) << " % of the documents)\n";
            const Transcript transcript = writer.write(mix.kind, rng);
            for (size_t part = 0; part < transcript.size(); part++) {
                const auto& [role, text, learn] = transcript[part];
                out << (part > 0 && role != kContinue ? "\n" : "")
                    << (role == kEndOfText || role == kContinue ? "" : concat(role_name(role).word, ": ")) << text;
            }
            out << "\n";
        }
    return out.str();
}

}  // namespace cai
