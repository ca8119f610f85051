// A number of results.json by the names that lead to it.
#pragma once
#include <doctest/doctest.h>

#include "../core/tools/tables.h"

namespace cai {

inline double figure(const Json& json, const std::vector<std::string>& path) {
    const Json* found = at(json, path);
    REQUIRE(found);
    return found->number();
}

}  // namespace cai
