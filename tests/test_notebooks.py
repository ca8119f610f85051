#!/usr/bin/env python3
"""Planted faults: what tests/notebooks.py has to notice, and what it has to let pass."""
import sys
import unittest

import notebook_source
import notebooks

SOURCE = """#include <cmath>

// Twice the number.
// A comment with a brace } in it.
template <class Real>
Real twice(Real x) {
    if (x > 0) {
        return x + x;
    }
    return 2 * x;
}

struct Pair {
    int left = 0;
    // The sum.
    int sum(int more) const { return twice(left) + more; }
};

inline std::pair<int, std::vector<int>> both(int x) { return {x, {}}; }

constexpr int kSizes[] = {1, 2,
                          3};
"""


def fault(quote, name):
    return notebook_source.quote_fault(quote.split("\n"), "a.h", SOURCE, name)


class Quotes(unittest.TestCase):
    whole = SOURCE[SOURCE.index("// Twice"):SOURCE.index("\n\nstruct")]

    def test_faithful(self):
        self.assertIsNone(fault(self.whole, "twice"))
        self.assertIsNone(fault(self.whole[self.whole.index("template"):], "twice"))
        self.assertIsNone(fault(self.whole[self.whole.index("Real twice"):], "twice"))
        self.assertIsNone(fault("Real twice(Real x) {\n...\n    return 2 * x;\n}", "twice"))
        self.assertIsNone(fault("...\nif (x > 0) {\n    return x + x;\n}\n...", "twice"))
        self.assertIsNone(fault("int sum(int more) const { return twice(left) + more; }", "sum"))
        self.assertIsNone(fault("inline std::pair<int, std::vector<int>> both(int x) { return {x, {}}; }", "both"))
        self.assertIsNone(fault("struct Pair {\n...\n};", "Pair"))
        self.assertIsNone(fault("constexpr int kSizes[] = {1, 2,\n                          3};", "kSizes"))

    def test_departing(self):
        self.assertIn("a.h:8: 'return x * x;' is 'return x + x;' there", fault(self.whole.replace("x + x", "x * x"), "twice")[1])
        self.assertEqual(fault(self.whole.replace("x + x", "x * x"), "twice")[0], 5)
        self.assertIn("a.h:11 goes on", fault(self.whole[:-2], "twice")[1])
        self.assertIn("has ended", fault(self.whole + "\n\n", "twice")[1])
        self.assertIn("departs", fault("Real twice(Real x) {\n    return 2 * x;\n}", "twice")[1])
        self.assertIn("departs", fault("...\n    return 2 * x;\nif (x > 0) {\n...", "twice")[1])
        self.assertIn("defines no thrice", fault(self.whole, "thrice")[1])
        self.assertIn("departs", fault("...\nif (x > 0) {\nreturn x + x;\n...", "twice")[1])  # indentation is cut as a whole
        self.assertEqual(fault(self.whole.replace("x + x", "x * x"), "twice")[2][:2], SOURCE.split("\n")[2:4])  # to rewrite it


class Outputs(unittest.TestCase):
    def same(self, expected, actual):
        return notebooks.output_fault(expected.split("\n"), actual.split("\n"))

    def test_equal(self):
        self.assertIsNone(self.same("loss 1.234 at 12", "loss   1.2341 at 12"))
        self.assertIsNone(self.same("a\n...\nd", "a\nb\nc\nd"))
        self.assertIsNone(self.same("...\nb\n...", "a\nb\nc"))
        self.assertIsNone(self.same("one ... four -0.50", "one two three four -0.5"))
        self.assertIsNone(self.same("...", ""))
        self.assertIsNone(self.same("a...", "abc"))

    def test_different(self):
        self.assertEqual(self.same("loss 1.23 at 12", "loss 1.23 at 13"), 0)
        self.assertEqual(self.same("a\nloss 1.23", "a\nloss 1.24"), 1)
        self.assertEqual(self.same("p 0.5", "p -0.5"), 0)
        self.assertEqual(self.same("a\nb", "a\nb\nc"), 2)
        self.assertEqual(self.same("a\nb\nc", "a\nb"), 2)
        self.assertEqual(self.same("a\n...\nd", "a\nb\nc\ne"), 2)
        self.assertEqual(self.same("x2 1", "x3 1"), 0)
        self.assertEqual(self.same("a", ""), 0)

    def test_rewriting_keeps_what_is_left_out(self):
        self.assertEqual(notebooks.rewritten(["a", "...", "d"], ["1", "2", "3", "4"]), ["1", "...", "4"])
        self.assertEqual(notebooks.rewritten(["a", "b"], ["1"]), ["1"])
        self.assertIsNone(notebooks.rewritten(["...", "b", "..."], ["1", "2"]))

    def test_commands(self):
        block = notebooks.Block("console", 1)
        block.lines = ["$ a \\", "  b", "1", "$ c"]
        self.assertEqual(notebooks.commands_of(block), [(0, "a b", ["1"]), (3, "c", [])])


class Exercises(unittest.TestCase):
    def test_a_solution_takes_the_place_of_the_function(self):
        text = "// Do it.\nint f(int x) {\n    return 0;\n}\n\nTEST_CASE(\"f\") { CHECK(f(1) == 2); }\n"
        solved, fault_ = notebooks.solved_exercise(text, "// Twice.\nint f(int x) {\n    return 2 * x;\n}\n")
        self.assertIsNone(fault_)
        self.assertEqual(solved, text.replace("return 0", "return 2 * x"))
        self.assertIn("g is not defined once", notebooks.solved_exercise(text, "int g(int x) {\n    return 2;\n}\n")[1])


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    sys.exit(not result.wasSuccessful())
