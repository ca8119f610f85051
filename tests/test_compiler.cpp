// What the compiler has to get right before any other test means something.
#include <doctest/doctest.h>

#include "constants.h"

std::string kernel_constants();

TEST_CASE("compiler: constants are what the source says, with the flags of the tests and with those of the kernels") {
    const std::string expected =
        "2 2 2 0 | 1 1 1 1 1 1 0 0 | 2 2 2 2 2 2 0 0 | -5 -5 -1 -1 | 3 3 3 3 3 0 0 0 | aaaaaaaaaaaaaaaaaaaaaaaa";
    CHECK(all_constants() == expected);
    CHECK(kernel_constants() == expected);
}
