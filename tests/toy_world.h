// The world of data/world as seed 1 draws it and the constitution that is shipped, read once for all tests.
#pragma once
#include "../core/method/constitution.h"
#include "../core/world/world.h"
#include "support.h"

namespace cai {

inline const std::filesystem::path kData = kSourceFolder / "data";

inline const World& world() {
    static const World world(kData / "world", 1);
    return world;
}

inline const Constitution& constitution() {
    static const Constitution constitution = Constitution::read(kData / "constitution.txt");
    return constitution;
}

}  // namespace cai
