// What would let two compilers or two machines make different bits, looked for in the source: two draws whose order
// the language leaves open, functions of the C library that round as they like, flags. Each rule is checked on planted
// faults.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "../core/base/error.h"
#include "../core/base/files.h"
#include "../core/base/text.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

using Faults = std::vector<std::string>;

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The source with comments, and what stands in quotes, blanked; line breaks stay.
std::string code_only(std::string text) {
    for (size_t i = 0; i < text.size(); i++) {
        size_t end = i;  // one past what is blanked
        if (text.compare(i, 2, "//") == 0) {
            end = std::min(text.find('\n', i), text.size());
        } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !in_word(text[i - 1])))) {
            end = i + 1;
            while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, text.size());
        }
        for (; i < end; i++)
            if (text[i] != '\n') text[i] = ' ';
        if (end > i) i = end - 1;
    }
    return text;
}

// Finds draws from a random stream whose order the language leaves open: in two arguments of a call, or in two
// operands. g++ on x86-64 takes the last first, g++ on Arm and clang the first. A draw is rng.METHOD( ), a call that is
// given rng, or a call of a lambda that draws. A call that is given what a draw returned is no fault: it has to wait.
class DrawOrder {
  public:
    DrawOrder(const std::string& path, const std::string& text) : path_(path), text_(code_only(text)) {
        scan(0, text_.size(), '{', "");
    }
    const Faults& faults() const { return faults_; }

  private:
    // What has been read of the statement, or of the inside of a bracket. A part ends at a comma; a piece ends where
    // the language orders what stands left and right; an operand ends at any other operator.
    struct State {
        bool operand = false, part = false;  // draws
        size_t operands = 0, parts = 0;      // how many of this piece, of this bracket, draw
    };

    void fault(size_t at, const std::string& where) {
        const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        faults_.push_back(concat(path_, ": line ", line, " draws in two ", where,
                                 ", in an order that is the compiler's: give each draw its own statement"));
    }
    void end_operand(State& s) {
        s.operands += s.operand;
        s.part |= s.operand;
        s.operand = false;
    }
    void end_piece(State& s, size_t at) {
        end_operand(s);
        if (s.operands > 1) fault(at, "operands");
        s.operands = 0;
    }
    void end_part(State& s, size_t at) {
        end_piece(s, at);
        s.parts += s.part;
        s.part = false;
    }
    size_t skip_space(size_t i) const {
        while (i < text_.size() && std::isspace(static_cast<unsigned char>(text_[i]))) i++;
        return i;
    }
    size_t closing(size_t open) const {
        size_t depth = 0;
        for (size_t i = open; i < text_.size(); i++) {
            if (std::string_view("([{").find(text_[i]) != std::string_view::npos) depth++;
            if (std::string_view(")]}").find(text_[i]) != std::string_view::npos && --depth == 0) return i;
        }
        return text_.size();
    }

    // Does text_[begin, end), the inside of a bracket, draw? `caller` is the word in front of it.
    bool scan(size_t begin, size_t end, char bracket, const std::string& caller) {
        static const std::set<std::string> kControl = {"if", "for", "while", "switch"};
        State s;
        bool draws = false, given_rng = false;
        size_t part_begin = begin, lambda = 0;  // 1 + where the body of a lambda is still to come
        std::string word, lambda_name;          // the last word, and the name that a lambda is given
        const auto close_part = [&](size_t at) {
            given_rng |= trim(std::string_view(text_).substr(part_begin, at - part_begin)) == "rng";
            end_part(s, at);
            part_begin = at + 1;
        };
        for (size_t i = begin; i < end; i++) {
            const char c = text_[i], next = i + 1 < end ? text_[i + 1] : ' ';
            if (in_word(c)) {
                const size_t first = i;
                while (i + 1 < end && in_word(text_[i + 1])) i++;
                word = text_.substr(first, i + 1 - first);
                const size_t after = skip_space(i + 1);
                if (word == "rng" && after < end && text_[after] == '.') s.operand = true;
                if (drawing_lambdas_.count(word) && after < end && text_[after] == '(') s.operand = true;
                if (text_.compare(after, 3, "= [") == 0) lambda_name = word;
            } else if (c == '(' || c == '[' || c == '{') {
                const size_t close = std::min(closing(i), end);
                const bool after_value = !word.empty() || (i > begin && (text_[i - 1] == ')' || text_[i - 1] == ']'));
                if (c == '[' && !after_value) lambda = i + 1;
                const bool inside = scan(i + 1, close, c, word);
                if (lambda && c == '{') {
                    if (inside && !lambda_name.empty()) drawing_lambdas_.insert(lambda_name);
                    lambda = 0;
                    lambda_name.clear();
                } else if (!lambda) {
                    s.operand |= inside;
                }
                const char following = skip_space(close + 1) < end ? text_[skip_space(close + 1)] : '}';
                const bool ends_block = c == '{' && bracket == '{' && (in_word(following) || following == '}');
                if (kControl.count(word) || ends_block) draws |= s.operand | s.part | (s.operands > 0), s = State();
                word.clear();
                i = close;
            } else if (c == ';') {
                close_part(i);
                draws |= s.parts > 0;
                s = State();
                word.clear();
            } else if (c == ',') {
                close_part(i);
                word.clear();
            } else if ((c == ':' && next == ':') || (c == '-' && next == '>')) {
                i++;
            } else if ((c == '=' || c == '!') && next == '=') {
                end_operand(s), word.clear(), i++;
            } else if ((c == '<' || c == '>') && next == '=') {
                end_operand(s), word.clear(), i++;
            } else if ((c == '&' || c == '|' || c == '<' || c == '>') && next == c) {
                end_piece(s, i), word.clear(), i++;
            } else if (c == '?' || c == ':' || c == '=') {
                end_piece(s, i), word.clear();
            } else if (std::string_view("+-*/%<>&|^").find(c) != std::string_view::npos) {
                end_operand(s), word.clear();
            }
        }
        close_part(end);
        draws |= s.parts > 0;
        const bool call = bracket == '(' && !caller.empty() && !kControl.count(caller);
        if (call && s.parts > 1) fault(begin, "arguments of " + caller);
        return draws || (call && given_rng);
    }

    std::string path_, text_;
    Faults faults_;
    std::set<std::string> drawing_lambdas_;
};

Faults draw_faults(const std::string& path, const std::string& text) {
    Faults faults = DrawOrder(path, text).faults();
    static const std::regex declared(R"(\bRng\s*&?\s*\b(\w+)\b)");
    const std::string code = code_only(text);
    for (std::sregex_iterator match(code.begin(), code.end(), declared), end; match != end; ++match)
        if ((*match)[1] != "rng")
            faults.push_back(concat(path, ": the random stream ", (*match)[1].str(), " has to be called rng, or this ",
                                    "test does not see what draws from it"));
    return faults;
}

// Functions whose results are not the same everywhere: the C library's, and what the standard library leaves open.
Faults library_faults(const std::string& path, const std::string& text) {
    static const std::string functions =
        "exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|"
        "erf|erfc|cbrt|hypot|lgamma|tgamma";
    static const std::regex qualified("(std)?::(" + functions + R"(|fma)[fl]?\b)");
    static const std::regex bare("(^|[^\\w.:>])(" + functions + R"(|fma)[fl]?\s*\()");
    static const std::regex open_order(R"(std::(reduce|transform_reduce|shuffle|sample|nth_element|random_device|)"
                                       R"(unordered_multimap|unordered_multiset|\w+_distribution)\b)");
    Faults faults;
    size_t number = 0;
    for (const std::string& line : split_lines(code_only(text))) {
        number++;
        const bool own = path == "core/base/elementary.h";                                 // which defines them
        const bool vectors = path.starts_with("cpu/") && line.find(" exp(") != line.npos;  // cpu/vector.h's exp
        std::smatch found;
        if (std::regex_search(line, found, qualified) && found[1].matched &&
            !(path == "cpu/vector.h" && found[2] == "fma"))
            faults.push_back(concat(path, ": line ", number, " calls ", found[0].str(),
                                    ", whose last bit depends on the C library: use core/base/elementary.h"));
        else if (!own && !vectors && std::regex_search(line, found, bare) &&
                 line.find("void " + found[2].str() + "(") == line.npos)  // a function of ours
            faults.push_back(concat(path, ": line ", number, " calls the C library's ", found[2].str(),
                                    ", whose last bit depends on it: use core/base/elementary.h"));
        if (std::regex_search(line, found, open_order))
            faults.push_back(
                concat(path, ": line ", number, " uses ", found[0].str(), ", whose result or order is the library's"));
    }
    return faults;
}

// How a build has to be asked for.
Faults flag_faults(const std::string& path, const std::string& text) {
    Faults faults;
    if (text.find("-ffp-contract=off") == text.npos)
        faults.push_back(path + " builds without -ffp-contract=off, so that products and sums may be fused");
    for (const std::string flag : {"-mrecip", "-freciprocal", "-fassociative", "-funsafe", "-ffinite", "-mfpmath"})
        if (text.find(flag) != text.npos) faults.push_back(path + " says " + flag + ", which changes results");
    return faults;
}

bool is_product(const std::string& path) {
    return path == "cai.cpp" || ((path.starts_with("core/") || path.starts_with("cpu/")) &&
                                 (path.ends_with(".h") || path.ends_with(".cpp")));
}

template <class Rule>
void check_sources(Rule rule) {
    size_t files = 0;
    for (const char* folder : {"core", "cpu"})
        for (const auto& entry : fs::recursive_directory_iterator(kSourceFolder / folder)) {
            const std::string path = entry.path().lexically_relative(kSourceFolder).generic_string();
            if (!is_product(path)) continue;
            files++;
            for (const std::string& fault : rule(path, read_file(entry.path()))) FAIL_CHECK(fault);
        }
    for (const std::string& fault : rule("cai.cpp", read_file(kSourceFolder / "cai.cpp"))) FAIL_CHECK(fault);
    CHECK(files > 50);
}

size_t draws_in(const std::string& statement) {
    const std::string before = "void f(Rng& rng) {\n    ", after = "\n}\nint g(Rng& rng) { return h(rng); }\n";
    return draw_faults("a.h", before + statement + after).size();
}

}  // namespace

TEST_CASE("same bits: no two draws in an order that is the compiler's") { check_sources(draw_faults); }
TEST_CASE("same bits: no function of the libraries that differs between machines") { check_sources(library_faults); }
TEST_CASE("same bits: builds keep products and sums apart") {
    for (const char* path : {"Makefile", "CMakeLists.txt", "README.md"})
        for (const std::string& fault : flag_faults(path, read_file(kSourceFolder / path))) FAIL_CHECK(fault);
}

TEST_CASE("same bits, planted faults: draws") {
    CHECK(draws_in("std::string a = any_answer(rng, seen_request(rng), draw_outcome(rng));") == 1);
    CHECK(draws_in("return completed(f(answer(rng, a), answer(rng, b), t), rng.chance(0.5) ? \"A\" : \"B\");") == 2);
    CHECK(draws_in("text = (rng.chance(0.5) ? a(q, rng) : b(q, rng)) + \" \" + c(seen(rng), rng);") == 1);
    CHECK(draws_in("words.insert(words.begin() + rng.below(n), rng.chance(0.5) ? x : y);") == 1);
    CHECK(draws_in("return fill(rng.pick(texts), {{\"a\", b}, {\"c\", fill(rng.pick(others), all)}});") == 1);
    CHECK(draws_in("return rng.uniform() - rng.uniform();") == 1);
    CHECK(draws_in("if (x) y = rng.below(3) < rng.below(4);") == 1);
    CHECK(draws_in("auto draw = [&] { return rng.below(2); };\n    f(draw(), draw());") == 1);
    CHECK(draws_in("f([&] { return rng.below(2) + rng.below(3); });") == 1);
    CHECK(draw_faults("a.h", "void f(Rng& random) {}\n").size() == 1);

    CHECK(draws_in("f(rng, any_request(rng, false));") == 0);
    CHECK(draws_in("return answer(seen_request(rng), rng);") == 0);
    CHECK(draws_in("const float u = rng.uniform(), v = rng.uniform();") == 0);
    CHECK(draws_in("std::vector<float> both = {rng.uniform(), rng.uniform()};") == 0);
    CHECK(draws_in("return rng.pick(groups[draw_group(rng)]) + words[rng_count];") == 0);
    CHECK(draws_in("if (a && rng.chance(0.5)) b = c + rng.below(2);") == 0);
    CHECK(draws_in("x = rng.chance(0.5) ? a(rng) : b(rng) ? c(rng) : 0;") == 0);
    CHECK(draws_in("for (size_t i = rng.below(2); i < 4; i++) f(rng);\n    g(rng);") == 0);
    CHECK(draws_in("if (f(rng)) { g(rng); }\n    h(1 + rng.below(2)); // f(rng.below(1), rng.below(2))") == 0);
    CHECK(draws_in("visit(rng, [&](int a) { return a > 1; }, [](int b) { return !b; });") == 0);
}

TEST_CASE("same bits, planted faults: libraries and flags") {
    const auto faults = [](const std::string& path, const std::string& line) {
        return library_faults(path, "// std::exp(x)\n" + line + "\n").size();
    };
    CHECK(faults("core/a.h", "y = std::exp(x);") == 1);
    CHECK(faults("core/a.h", "y = 2 * log1p(x);") == 1);
    CHECK(faults("core/a.h", "y = powf(x, 2);") == 1);
    CHECK(faults("core/a.h", "pow(x, 2);") == 1);
    CHECK(faults("core/a.h", "y = std::fma(a, b, c);") == 1);
    CHECK(faults("cpu/a.cpp", "y = std::tanh(x);") == 1);
    CHECK(faults("cpu/a.cpp", "y = log(x);") == 1);
    CHECK(faults("core/a.h", "std::shuffle(a.begin(), a.end(), g);") == 1);
    CHECK(faults("core/a.h", "std::normal_distribution<float> d;") == 1);
    CHECK(faults("core/a.h", "y = elementary::exp(x) + std::sqrt(x) + std::abs(x);") == 0);
    CHECK(faults("core/a.h", "metrics.log(\"ppo\"); run->log(x); show_log(y); text = \"std::exp(x)\";") == 0);
    CHECK(faults("cpu/swiglu.cpp", "return 1 / (1 + exp(-x));") == 0);
    CHECK(flag_faults("Makefile", "FLAGS := -O3").size() == 1);
    CHECK(flag_faults("Makefile", "FLAGS := -O3 -ffp-contract=off").empty());
    CHECK(flag_faults("Makefile", "FLAGS := -ffp-contract=off -mrecip").size() == 1);
}
