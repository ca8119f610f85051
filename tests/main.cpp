// The test program: doctest's main. Each test_<stem>.cpp beside it tests the file of that stem.
#define DOCTEST_CONFIG_IMPLEMENT  // by name, since the header may have been read already, precompiled
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
