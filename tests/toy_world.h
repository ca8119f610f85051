// The world of data/world as seed 1 draws it, read once for all the tests that look at it.
#pragma once
#include "../core/world/world.h"

namespace cai {

inline const World& world() {
    static const World world(std::filesystem::path(CAI_SOURCE_DIR) / "data/world", 1);
    return world;
}

}  // namespace cai
