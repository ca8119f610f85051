// What an experiment may run for each combination of levels: a method has a name, factors that it knows, and measures.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "experiment.h"

namespace cai {

// What all cells of a folder were measured with: a file there, its text, and what to call it.
struct FixedFile {
    std::string name, text, what;
};

struct Method {
    std::string name, does;
    std::string nature;  // what its figures are about, said beside every result, such as "Synthetic: not people."
    std::vector<std::string> measures;
    // Errors: the method does not know this factor, or not this level of it.
    std::function<void(const std::string& factor, const std::string& level)> expect_level;
    // All measures of one combination of levels with one seed.
    std::function<NamedValues(const Levels& levels, uint64_t seed)> measure;
    std::vector<FixedFile> fixed = {};  // what all cells depend on, beside the experiment's own file
};

// The level of a factor, or what it is where the experiment does not vary it.
inline std::string level_of(const Levels& levels, const std::string& factor, const std::string& otherwise) {
    const auto found = levels.find(factor);
    return found == levels.end() ? otherwise : found->second;
}

// Errors: the level is not one of those that the factor can have.
inline void expect_one_of(const std::string& factor, const std::string& level, const std::vector<std::string>& known) {
    expects(holds(known, level), "the factor ", factor, " knows no level \"", level, "\"; it may be ",
            join_list(known, "or"));
}

// Errors: the method has no such factor.
[[noreturn]] inline void refuse_factor(const std::string& factor, const std::vector<std::string>& known) {
    fail(kBadInput, "there is no factor \"", factor, "\"; this method's are ", join_list(known, "and"));
}

// The level as a whole number of at least `least`.
inline size_t natural_level(const std::string& factor, const std::string& level, size_t least, size_t most) {
    size_t value = 0;
    expects(parse_number(level, value) == std::errc() && value >= least && value <= most, "the factor ", factor,
            " has the level \"", level, "\", which is no whole number from ", least, " to ", most);
    return value;
}

}  // namespace cai
