// The test program: doctest's main. Each test_<stem>.cpp beside it tests the file of that stem.
// Both names: the first alone is not seen when the header was read before, as a precompiled one.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
