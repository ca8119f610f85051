// cai wishes POPULATION: what the groups of a population want, as wishes that a story can compare answers by.
#pragma once
#include <cmath>
#include <filesystem>
#include <iostream>
#include <string>

#include "../method/wishes.h"
#include "../session.h"
#include "../world/population.h"
#include "verb.h"

namespace cai {

// Of each group and act that it has a view of, a wish for each side that anybody takes: to refuse, or to help. Every
// villager burns 1 for each of their views, so a wish's burn is how many hold it.
inline Wishes wishes_of_population(const Population& population) {
    Wishes wishes;
    for (const Group& group : population.groups)
        for (const auto& [act, share] : group.refuse_share) {
            const double refuse = std::round(share * static_cast<double>(group.size));
            wishes.add_sides(act, refuse, static_cast<double>(group.size) - refuse);
        }
    return wishes;
}

inline int wishes_of_file(Arguments& arguments, const std::filesystem::path& program) {
    const std::filesystem::path file = arguments.positional(0, "a population, such as data/collective/population.txt");
    const std::filesystem::path out = arguments.string("out", "wishes.jsonl");
    const std::filesystem::path data = data_folder(arguments, program);
    arguments.finish();
    const Population population = read_population(file);
    expect_known_acts(population, WorldFiles(data / "world"));
    const Wishes wishes = wishes_of_population(population);
    write_file(out, wishes.text());
    std::cout << out.string() << ": " << wishes.list.size() << " wishes of " << population.size() << " villagers in "
              << population.groups.size() << " groups\n";
    return kDone;
}

inline Verb wishes_verb() {
    return {"wishes",
            "what the groups of a population want, as wishes for `cai all --wishes`",
            "cai wishes data/collective/population.txt --out wishes.jsonl",
            {{"out", "FILE", "the wishes, one a line (wishes.jsonl)"}, {"data", "DIR", "the folder of world/ (data)"}},
            wishes_of_file,
            false};
}

}  // namespace cai
