// Lines broken between words for a terminal.
#include "../core/base/wrap.h"

#include <doctest/doctest.h>

#include <string>

using namespace cai;

TEST_CASE("wrap: what fits, or goes to no terminal, is left alone") {
    CHECK(wrapped("one two three\n", 0) == "one two three\n");
    CHECK(wrapped("one two three\n\n  four\n", 13) == "one two three\n\n  four\n");
    CHECK(wrapped("", 10).empty());
}

TEST_CASE("wrap: lines break between words, and the rest stands below the first word") {
    CHECK(wrapped("one two three\n", 12) == "one two\nthree\n");
    CHECK(wrapped("one two three\n", 7) == "one two\nthree\n");
    CHECK(wrapped("one two three four\n", 6) == "one\ntwo\nthree\nfour\n");
    CHECK(wrapped("    one two three four\n", 12) == "    one two\n    three\n    four\n");
}

TEST_CASE("wrap: the rest of a line stands below the text of its last column in the left half") {
    CHECK(wrapped("  all   the whole story of it\n", 20) == "  all   the whole\n        story of it\n");
    CHECK(wrapped("a  b  cc dd ee\n", 12) == "a  b  cc dd\n      ee\n");
    CHECK(wrapped("  one two three four.  Five six\n", 20) == "  one two three\n  four.  Five six\n");
}

TEST_CASE("wrap: a word that is too long stays whole, and letters of several bytes count as one") {
    CHECK(wrapped("abcdefghij k\n", 5) == "abcdefghij\nk\n");
    CHECK(wrapped("  abcdefghij klm\n", 5) == "  abcdefghij\n  klm\n");
    CHECK(wrapped("äöü äöü\n", 7) == "äöü äöü\n");
    CHECK(wrapped("äöü äöü ä\n", 7) == "äöü äöü\nä\n");
}

TEST_CASE("wrap: of a test's output, which is no terminal, the width is 0") {
    if (!isatty(STDOUT_FILENO)) CHECK(output_width() == 0);
}
