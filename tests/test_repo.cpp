// The house rules, checked over the source tree, and each rule checked on a planted fault.
// A rule is a function from files to faults; a fault is a sentence that names the file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../core/text.h"

#ifndef CAI_SOURCE_DIR
#define CAI_SOURCE_DIR "."
#endif

using namespace cai;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;  // path from the root -> text
using Faults = std::vector<std::string>;

// A header of core/ includes its own floor and those below. Floor 3 are the stages, which never include each other;
// floor 4 lists them for cai.cpp.
// clang-format off
const std::map<std::string, int> kFloors = {
    {"expects", 0}, {"kernels", 0},
    {"memory", 1}, {"rng", 1}, {"text", 1}, {"json", 1}, {"unicode", 1}, {"report", 1}, {"arguments", 1},
    {"autosave", 1},
    {"tokenizer", 2}, {"tokenizer_json", 2}, {"weights", 2}, {"activations", 2}, {"model", 2}, {"optimizer", 2}, {"checkpoint", 2},
    {"dataset", 2}, {"sampler", 2},
    {"advantage", 2}, {"statistics", 2}, {"world_files", 2}, {"world", 2}, {"transcript", 2}, {"documents", 2}, {"prompts", 2},
    {"constitution", 2}, {"oracle", 2}, {"run", 2}, {"training", 2}, {"settings", 2}, {"recipe", 2}, {"writing", 2},
    {"scoring", 2}, {"skill", 2}, {"results", 2}, {"swap", 2},
    {"corpus", 3}, {"pretrain", 3}, {"sft", 3}, {"critique", 3}, {"compare", 3}, {"helpfulness", 3}, {"reward", 3},
    {"ppo", 3}, {"evaluate", 3}, {"chat", 3}, {"trace", 3}, {"overview", 3},
    {"story", 4},
};
// clang-format on
constexpr int kStages = 3, kTop = 4;
constexpr size_t kCeiling = 600;  // lines: a file that reaches it is worth a thought

// A file that may be included by those listed alone, by cai.cpp and by tests. The oracle scores evaluations, and stands
// in for the paper's human helpfulness comparisons; no training stage sees it.
const std::map<std::string, std::set<std::string>> kGuarded = {
    {"core/oracle.h", {"core/evaluate.h", "core/skill.h", "core/helpfulness.h"}},
    {"core/skill.h", {"core/evaluate.h"}},
};

// What the product may include besides the C++ standard library.
const std::set<std::string> kSystemHeaders = {"omp.h",          "immintrin.h", "unistd.h",   "fcntl.h",        "sys/file.h",
                                              "sys/ioctl.h",    "sys/resource.h", "sys/stat.h", "sys/mman.h", "cuda_runtime.h",
                                              "sanitizer/asan_interface.h", "sanitizer/tsan_interface.h"};

const std::set<std::string> kTopLevel = {
    "Makefile", "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "cai.cpp", "core", "cpu", "cuda",
    "data",     "tests",          "notebooks_md",      "build",     "runs",    "cai"};

bool is_source(const std::string& path) {
    return path.ends_with(".h") || path.ends_with(".cpp") || path.ends_with(".cu");
}
bool is_test(const std::string& path) { return path.starts_with("tests/"); }
std::string stem(const std::string& path) { return fs::path(path).stem().string(); }
std::string folder(const std::string& path) {
    return path.find('/') == path.npos ? "" : path.substr(0, path.find('/'));
}
size_t line_count(const std::string& text) { return split_lines(text).size(); }

Files source_tree(const fs::path& root) {
    Files files;
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator(); ++entry) {
        std::string path = entry->path().lexically_relative(root).generic_string();
        if (entry->is_directory() && (path == "build" || path == "runs" || path == ".git")) {
            entry.disable_recursion_pending();
        } else if (entry->is_regular_file() && path != "cai" && path != ".git") {
            files[path] = read_file(entry->path());
        }
    }
    return files;
}

struct Include {
    std::string name;  // as written between <>, or as a path from the root for ""
    bool system;
};

std::vector<Include> includes(const std::string& path, const std::string& text) {
    std::vector<Include> found;
    for (const std::string& line : split_lines(text)) {
        std::string_view rest = trim(line);
        if (!rest.starts_with('#')) continue;
        rest = trim(rest.substr(1));
        if (!rest.starts_with("include")) continue;
        rest = trim(rest.substr(7));
        if (rest.empty() || (rest[0] != '"' && rest[0] != '<')) continue;
        std::string name(rest.substr(1, rest.find_first_of("\">", 1) - 1));
        bool system = rest[0] == '<';
        found.push_back(
            {system ? name : (fs::path(path).parent_path() / name).lexically_normal().generic_string(), system});
    }
    return found;
}

// May `path` include `target`, both paths from the root? Returns why not, or "".
std::string include_fault(const std::string& path, const std::string& target) {
    std::string from = folder(path), to = folder(target);
    if (is_test(path)) return "";
    if (to == "tests" || target == "cai.cpp") return "nothing includes tests or main";
    if (auto guard = kGuarded.find(target); guard != kGuarded.end() && path != "cai.cpp" && !guard->second.count(path))
        return "only evaluation and the named stand-in for human helpfulness see the oracle";
    if (from == "cpu" || from == "cuda") {
        static const std::set<std::string> contract = {"core/kernels.h", "core/expects.h", "core/rng.h"};
        return to == from || contract.count(target)
                   ? ""
                   : "kernels see pointers and sizes only: core/kernels.h, expects.h, rng.h";
    }
    if (to != "core") return "core/ and cai.cpp reach a backend through core/kernels.h only";
    if (path == "cai.cpp") return "";
    bool from_annex = path.starts_with("core/annex/"), to_annex = target.starts_with("core/annex/");
    if (to_annex) return from_annex ? "" : "nothing of the story includes core/annex/";
    if (from_annex || !kFloors.count(stem(path)) || !kFloors.count(stem(target))) return "";
    int from_floor = kFloors.at(stem(path)), to_floor = kFloors.at(stem(target));
    if (to_floor > from_floor) return "a floor includes only itself and the floors below";
    if (from_floor == kStages && to_floor == kStages) return "stages talk through files, they never include each other";
    return "";
}

Faults include_faults(const Files& files) {
    Faults faults;
    std::map<std::string, std::vector<std::string>> graph;
    size_t cuda_runtime = 0;
    for (const auto& [path, text] : files) {
        if (!is_source(path)) continue;
        if (folder(path) == "core" && !path.starts_with("core/annex/") && !kFloors.count(stem(path)))
            faults.push_back(path + " has no floor: give it one in kFloors of tests/test_repo.cpp");
        for (const Include& include : includes(path, text)) {
            if (include.system) {
                bool standard = include.name.find_first_of("./") == std::string::npos;
                if (!standard && !is_test(path) && !kSystemHeaders.count(include.name))
                    faults.push_back(path + " includes <" + include.name +
                                     ">: the product depends on nothing but the standard library");
                if (include.name == "cuda_runtime.h" && ++cuda_runtime > 1)
                    faults.push_back(path + " includes <cuda_runtime.h>: one file does already");
                continue;
            }
            graph[path].push_back(include.name);
            if (!files.count(include.name))
                faults.push_back(path + " includes " + include.name + ", which does not exist");
            std::string why = include_fault(path, include.name);
            if (!why.empty()) faults.push_back(path + " includes " + include.name + ": " + why);
        }
    }
    std::map<std::string, int> state;  // 1: being visited, 2: done
    std::function<void(const std::string&)> visit = [&](const std::string& path) {
        state[path] = 1;
        for (const std::string& next : graph[path]) {
            if (state[next] == 1) faults.push_back(path + " includes " + next + ": that closes a circle");
            if (state[next] == 0) visit(next);
        }
        state[path] = 2;
    };
    for (const auto& [path, text] : files) {
        if (state[path] == 0) visit(path);
    }
    return faults;
}

// Words that do not belong in the tree. They are spelled in halves, since this file is scanned too.
Faults wording_faults(const Files& files) {
    struct Rule {
        std::string word, why, allowed_in;
    };
    const std::vector<Rule> rules = {
        {std::string("fast") + "-math", "it deletes the NaN checks", ".md"},
        {std::string("-O") + "fast", "it turns on fast maths", ".md"},
        {std::string("TO") + "DO", "do it, or open an issue", ""},
        {std::string("FIX") + "ME", "do it, or open an issue", ""},
        {std::string("../") + "shared", "real data is found through CAI_REAL_DATA", ".ci/run"},
        {std::string("/wo") + "rk/", "that is a path of one machine", ""},
    };
    Faults faults;
    for (const auto& [path, text] : files) {
        for (const Rule& rule : rules) {
            if (!rule.allowed_in.empty() && path.ends_with(rule.allowed_in)) continue;
            size_t at = text.find(rule.word);
            if (at == text.npos) continue;
            size_t line = static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(at), '\n')) + 1;
            faults.push_back(concat(path, ": line ", line, " says ", rule.word, ": ", rule.why));
        }
    }
    return faults;
}

Faults top_level_faults(const std::vector<std::string>& names) {
    Faults faults;
    for (const std::string& name : names) {
        if (!name.starts_with('.') && !kTopLevel.count(name))
            faults.push_back(name + " at the top level: it belongs in a folder (kTopLevel in tests/test_repo.cpp)");
    }
    return faults;
}

Faults ceiling_faults(const Files& files, size_t ceiling) {
    Faults faults;
    for (const auto& [path, text] : files) {
        if ((is_source(path) || path.ends_with(".md")) && line_count(text) > ceiling)
            faults.push_back(
                concat(path, " has ", line_count(text), " lines: is it still one idea? (ceiling ", ceiling, ")"));
    }
    return faults;
}

// The first sentence of the comment that opens a file: what the file is. "" when no comment opens it.
std::string purpose(const std::string& text) {
    std::string comment;
    for (const std::string& line : split_lines(text)) {
        if (!line.starts_with("// ")) break;
        if (!comment.empty()) comment += ' ';
        comment += trim(std::string_view(line).substr(3));
    }
    for (size_t i = comment.find(". "); i != comment.npos; i = comment.find(". ", i + 1)) {
        bool sentence = i + 2 < comment.size() && comment[i + 2] >= 'A' && comment[i + 2] <= 'Z';
        if (sentence && i > 20)
            return comment.substr(0, i + 1);  // a heading such as "Checkpoints." takes the next sentence along
    }
    return comment;
}

Faults purpose_faults(const Files& files) {
    Faults faults;
    for (const auto& [path, text] : files) {
        if (is_source(path) && !is_test(path) && purpose(text).empty())
            faults.push_back(path + " does not open with a comment that says what it is");
    }
    return faults;
}

// The map of README.md: product files with their lines and purpose, main first, then floor by floor.
std::string make_map(const Files& files) {
    std::vector<std::string> sections = {"The front door"};
    for (int floor = 0; floor <= kTop; floor++)
        sections.push_back(concat("`core/` floor ", floor, floor == kStages ? ": the stages" : ""));
    sections.insert(sections.end(), {"`core/annex/`", "`cpu/`", "`cuda/`"});
    std::vector<std::string> rows(sections.size());
    std::vector<size_t> lines(sections.size(), 0);
    for (const auto& [path, text] : files) {
        if (!is_source(path) || is_test(path)) continue;
        size_t section = 0;
        if (path.starts_with("core/annex/"))
            section = 2 + kTop;
        else if (folder(path) == "core")
            section = 1 + static_cast<size_t>(kFloors.count(stem(path)) ? kFloors.at(stem(path)) : kTop);
        else if (folder(path) == "cpu")
            section = 3 + kTop;
        else if (folder(path) == "cuda")
            section = 4 + kTop;
        std::string what;
        for (char c : purpose(text)) what += c == '|' ? std::string("\\|") : std::string(1, c);
        rows[section] += concat("| `", path, "` | ", line_count(text), " | ", what, " |\n");
        lines[section] += line_count(text);
    }
    std::string map = "| file | lines | what it is |\n|---|---:|---|\n";
    size_t total = 0;
    for (size_t s = 0; s < sections.size(); s++) {
        if (rows[s].empty()) continue;
        if (s > 0) map += concat("| **", sections[s], "** | **", lines[s], "** | |\n");
        map += rows[s];
        total += lines[s];
    }
    return map + concat("\n", total, " lines. `tests/test_x.cpp` tests the file of stem x.\n");
}

constexpr const char* kMapBegin = "<!-- map -->\n";
constexpr const char* kMapEnd = "<!-- /map -->";

// The text with what stands between the markers replaced.
std::string with_map(const std::string& text, const std::string& map) {
    size_t begin = text.find(kMapBegin), end = text.find(kMapEnd);
    expects(begin != text.npos && end != text.npos && begin < end,
            "README.md has lost its markers <!-- map --> and <!-- /map -->");
    begin += std::string_view(kMapBegin).size();
    return text.substr(0, begin) + map + text.substr(end);
}

const fs::path kRoot = CAI_SOURCE_DIR;

const Files& tree() {
    static const Files files = source_tree(kRoot);
    return files;
}

void check_none(const Faults& faults) {
    for (const std::string& fault : faults) FAIL_CHECK(fault);
    CHECK(faults.empty());
}

// Is there exactly one fault, and does it contain the words?
bool one_fault(const Faults& faults, const std::string& words) {
    for (const std::string& fault : faults) INFO(fault);
    return faults.size() == 1 && faults[0].find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("the tree was found") {
    CHECK(tree().count("core/kernels.h"));
    CHECK(tree().count("tests/test_repo.cpp"));
    CHECK(tree().count("Makefile"));
    for (const auto& [path, text] : tree()) CHECK_FALSE(path.starts_with("build/"));
}

TEST_CASE("includes keep to the floors") { check_none(include_faults(tree())); }
TEST_CASE("words that do not belong in the tree") { check_none(wording_faults(tree())); }
TEST_CASE("files stay short enough to be one idea") { check_none(ceiling_faults(tree(), kCeiling)); }
TEST_CASE("every file of the product says what it is") { check_none(purpose_faults(tree())); }
TEST_CASE("the top level holds what the design allows") {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kRoot)) names.push_back(entry.path().filename().string());
    check_none(top_level_faults(names));
}

TEST_CASE("the map in README.md is that of the tree (make map rewrites it)") {
    std::string text = read_file(kRoot / "README.md");
    std::string expected = with_map(text, make_map(tree()));
    if (std::getenv("CAI_WRITE_MAP") && text != expected) {
        write_file(kRoot / "README.md", expected);
        text = expected;
    }
    bool current = text == expected;
    CHECK_MESSAGE(current, "the map is out of date: run make map");
}

TEST_CASE("planted faults: includes") {
    auto faults_of = [](const std::string& path, const std::string& include) {
        Files files = {{path, "// A file.\n#include " + include + "\n"}};
        for (const char* other : {"core/expects.h", "core/kernels.h", "core/rng.h", "core/text.h", "core/model.h",
                                  "core/oracle.h", "core/skill.h", "core/story.h", "core/helpfulness.h", "core/sft.h",
                                  "core/annex/gguf.h", "cpu/cpu.h", "cuda/launch.h", "tests/check.h", "cai.cpp"})
            files.emplace(other, "// Another.\n");
        return include_faults(files);
    };
    CHECK(faults_of("core/sampler.h", "\"model.h\"").empty());
    CHECK(faults_of("core/evaluate.h", "\"oracle.h\"").empty());
    CHECK(faults_of("core/helpfulness.h", "\"oracle.h\"").empty());
    CHECK(faults_of("core/story.h", "\"sft.h\"").empty());
    CHECK(faults_of("core/annex/export.h", "\"../sft.h\"").empty());
    CHECK(faults_of("cai.cpp", "\"core/oracle.h\"").empty());
    CHECK(faults_of("cpu/matmul.cpp", "\"cpu.h\"").empty());
    CHECK(faults_of("cpu/sample.cpp", "\"../core/rng.h\"").empty());
    CHECK(faults_of("cpu/cpu.cpp", "<omp.h>").empty());
    CHECK(faults_of("tests/test_x.cpp", "\"../core/oracle.h\"").empty());

    CHECK(one_fault(faults_of("core/text.h", "\"model.h\""), "floors below"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"sft.h\""), "never include each other"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"oracle.h\""), "oracle"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"skill.h\""), "oracle"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"story.h\""), "floors below"));
    CHECK(one_fault(faults_of("core/compare.h", "\"oracle.h\""), "oracle"));
    CHECK(one_fault(faults_of("core/world.h", "\"oracle.h\""), "oracle"));
    CHECK(one_fault(faults_of("core/annex/export.h", "\"../oracle.h\""), "oracle"));
    CHECK(one_fault(faults_of("core/compare.h", "\"helpfulness.h\""), "never include each other"));
    CHECK(one_fault(faults_of("core/model.h", "\"../cpu/cpu.h\""), "core/kernels.h only"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"annex/gguf.h\""), "core/annex/"));
    CHECK(one_fault(faults_of("core/ppo.h", "\"../tests/check.h\""), "nothing includes tests"));
    CHECK(one_fault(faults_of("cpu/matmul.cpp", "\"../core/model.h\""), "pointers and sizes"));
    CHECK(one_fault(faults_of("cpu/matmul.cpp", "\"../cuda/launch.h\""), "pointers and sizes"));
    CHECK(one_fault(faults_of("core/weather.h", "\"text.h\""), "no floor"));
    CHECK(one_fault(faults_of("core/model.h", "\"kernel.h\""), "does not exist"));
    CHECK(one_fault(faults_of("cai.cpp", "\"core/nothing.h\""), "does not exist"));
    CHECK(one_fault(faults_of("core/model.h", "<cblas.h>"), "depends on nothing"));
    CHECK(one_fault(
        include_faults({{"cuda/a.cu", "#include <cuda_runtime.h>\n"}, {"cuda/b.cu", " # include <cuda_runtime.h>\n"}}),
        "cuda/b.cu includes <cuda_runtime.h>"));
    CHECK(one_fault(include_faults({{"core/text.h", "#include \"rng.h\"\n"}, {"core/rng.h", "#include \"text.h\"\n"}}),
                    "circle"));
}

TEST_CASE("planted faults: words, places, lengths, purposes") {
    CHECK(one_fault(wording_faults({{"Makefile", std::string("a\nFLAGS = -ff") + "ast-math\n"}}), "line 2"));
    CHECK(one_fault(wording_faults({{"cpu/a.cpp", std::string("// -Of") + "ast\n"}}), "fast maths"));
    CHECK(wording_faults({{"README.md", std::string("Never -ff") + "ast-math.\n"}}).empty());
    CHECK(one_fault(wording_faults({{"core/a.h", std::string("// T") + "ODO: later\n"}}), "core/a.h: line 1"));
    CHECK(one_fault(wording_faults({{"tests/a.cpp", std::string("\"..") + "/shared/data\""}}), "CAI_REAL_DATA"));
    CHECK(wording_faults({{".ci/run", std::string("data=..") + "/shared/data\n"}}).empty());
    CHECK(one_fault(wording_faults({{"data/README.md", std::string("/w") + "ork/x"}}), "one machine"));
    CHECK(one_fault(top_level_faults({"core", ".git", "README.md", "tools"}), "tools"));
    CHECK(ceiling_faults({{"core/a.h", "1\n2\n3\n"}}, 3).empty());
    CHECK(one_fault(ceiling_faults({{"core/a.h", "1\n2\n3\n4"}}, 3), "4 lines"));
    CHECK(ceiling_faults({{"data/a.txt", "1\n2\n3\n4\n"}}, 3).empty());
    CHECK(one_fault(purpose_faults({{"core/a.h", "#pragma once\n"}}), "core/a.h"));
}

TEST_CASE("the map: purposes, order, sums") {
    CHECK(purpose("// The model: a decoder (Touvron et al. 2023) of\n// model.h. More.\n\n// Else.\n") ==
          "The model: a decoder (Touvron et al. 2023) of model.h.");
    CHECK(purpose("// Checkpoints. A model on disk is a directory. More.\n") ==
          "Checkpoints. A model on disk is a directory.");
    CHECK(purpose("// Whole comment\n#pragma once\n") == "Whole comment");
    Files files = {{"cai.cpp", "// Main.\n"},       {"core/model.h", "// Logits p(a|b).\nx\n"},
                   {"core/rng.h", "// Numbers.\n"}, {"cpu/a.cpp", "// Kernels.\n"},
                   {"tests/a.cpp", "1\n2\n3\n"},    {"data/a.txt", "1\n"}};
    std::string map = make_map(files);
    CHECK(map ==
          "| file | lines | what it is |\n|---|---:|---|\n| `cai.cpp` | 1 | Main. |\n"
          "| **`core/` floor 1** | **1** | |\n| `core/rng.h` | 1 | Numbers. |\n"
          "| **`core/` floor 2** | **2** | |\n| `core/model.h` | 2 | Logits p(a\\|b). |\n"
          "| **`cpu/`** | **1** | |\n| `cpu/a.cpp` | 1 | Kernels. |\n"
          "\n5 lines. `tests/test_x.cpp` tests the file of stem x.\n");
    CHECK(with_map("a\n<!-- map -->\nold\n<!-- /map -->\nb", "new\n") == "a\n<!-- map -->\nnew\n<!-- /map -->\nb");
    CHECK_THROWS_AS(with_map("no markers", "new\n"), Error);
}
