// The test program: doctest's main. Each test_<stem>.cpp beside it tests the file of that stem.
// Both names, since doctest derives the first from the second only where the Makefile has not included it already.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
