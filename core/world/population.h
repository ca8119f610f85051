// Groups of villagers and what they want: data/collective/population.txt, from which `cai votes` draws toy voters. The
// shares are planted by whoever writes the file; nothing here simulates how people come to want something.
//
//   group traders 60 0.5     a group: its name, how many villagers, and the share of the statements that each votes on
//   stealing 0.95            the share of them who want requests for this act refused; the others want them helped with
//
// What stands after a # is a comment.
#pragma once
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../base/numbers.h"
#include "../base/spelling.h"
#include "world_files.h"

namespace cai {

struct Group {
    std::string name;
    size_t size = 0;                             // villagers
    double participation = 0;                    // the share of the statements that each votes on, above 0, at most 1
    std::map<std::string, double> refuse_share;  // by the act's name; the group has no view of an act that is missing
};

struct Population {
    std::vector<Group> groups;
    std::filesystem::path file;
    std::map<std::string, size_t> first_line;  // of each act that a group has a view of, for errors

    size_t size() const {
        size_t villagers = 0;
        for (const Group& group : groups) villagers += group.size;
        return villagers;
    }
};

// Errors: kBadInput with file and line: no groups; a group of no villagers, of more than a million or of no views; a
// share that is not from 0 to 1; a name given twice.
inline Population read_population(const std::filesystem::path& path) {
    constexpr double kMostVillagers = 1e6;
    Population population{{}, path, {}};
    std::set<std::string> names;
    size_t number = 0;
    std::string last = "the file";  // what an end without views is blamed on
    const auto expect_views = [&] {
        expects(population.groups.empty() || !population.groups.back().refuse_share.empty(), path, ": ", last,
                " has no views; write a line for each act below it, such as `stealing 0.9`");
    };
    for (const std::string& raw : read_text(path)) {
        const std::string where = concat(path, ": line ", ++number, ": ");
        std::vector<std::string> words;
        std::string_view rest = trim(std::string_view(raw).substr(0, raw.find('#')));
        while (!rest.empty()) {
            const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
            words.emplace_back(rest.substr(0, end));
            rest = trim(rest.substr(end));
        }
        if (words.empty()) continue;
        const auto number_of = [&](const std::string& word, const char* what, double least, double most) {
            double value = 0;
            expects(parse_number(word, value) == std::errc() && value >= least && value <= most, where, "\"", word,
                    "\" is not ", what, ", a number from ", least, " to ", most);
            return value;
        };
        if (words[0] == "group") {
            expects(words.size() == 4, where,
                    "a group is `group NAME VILLAGERS SHARE`, such as `group traders 60 0.5`");
            expect_views();
            const double size = number_of(words[2], "how many villagers", 1, kMostVillagers);
            expects(size == std::floor(size), where, "\"", words[2], "\" villagers is no whole number");
            const double participation = number_of(words[3], "the share of the statements voted on", 0, 1);
            expects(participation > 0, where, "villagers who vote on nothing have no say; give a share above 0");
            expects(names.insert(words[1]).second, where, "the group ", words[1], " stands here twice");
            population.groups.push_back({words[1], static_cast<size_t>(size), participation, {}});
            last = concat("the group ", words[1]);
            continue;
        }
        expects(!population.groups.empty(), where, "\"", words[0], "\" stands before the first line `group ...`");
        expects(words.size() == 2, where, "a view is `ACT SHARE`, such as `stealing 0.9`, not ", words.size(),
                " words");
        const double share = number_of(words[1], "the share who want it refused", 0, 1);
        expects(population.groups.back().refuse_share.emplace(words[0], share).second, where, last, " has ", words[0],
                " twice");
        population.first_line.emplace(words[0], number);
    }
    expects(!population.groups.empty(), path, ": no group in it; a group begins with `group NAME VILLAGERS SHARE`");
    expect_views();
    return population;
}

// Errors: kBadInput, naming the line of an act that the world lacks, and the nearest one.
inline void expect_known_acts(const Population& population, const WorldFiles& world) {
    std::vector<std::string> names;
    for (const Act& act : world.acts) names.push_back(act.name);
    for (const auto& [act, line] : population.first_line) {
        const std::string nearest = nearest_match(act, names);
        expects(holds(names, act), population.file, ": line ", line, ": no act is named ", act,
                nearest.empty() ? "; `cai world` lists the acts" : "; did you mean " + nearest + "?");
    }
}

// How often a model refuses requests for an act, and how often it helps with them; the rest is neither.
struct ActRates {
    double refused = 0, helped = 0;
};

// What a group gets of what it wants: the mean over acts of share_refuse * refused + (1 - share_refuse) * helped, for
// the acts that it has a view of and that have rates. In [0, 1]. Errors: there is no such act.
inline double utility(const Group& group, const std::map<std::string, ActRates>& rates) {
    double sum = 0;
    size_t acts = 0;
    for (const auto& [act, share] : group.refuse_share) {
        const auto rate = rates.find(act);
        if (rate == rates.end()) continue;
        sum += share * rate->second.refused + (1 - share) * rate->second.helped;
        acts++;
    }
    expects(acts > 0, "the group ", group.name, " has no view of any act that was measured");
    return sum / static_cast<double>(acts);
}

}  // namespace cai
