// The house rules, checked over the source tree, and each rule checked on a planted fault.
// A rule is a function from files to faults; a fault is a sentence that names the file.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../core/world/world.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;  // path from the root -> text
using Faults = std::vector<std::string>;

// The rooms of core/, in order: a file includes its own room and those above it. "" are the files of core/ itself. A
// new file needs no line here, only a room.
const std::vector<std::string> kRooms = {"base", "nn",     "lm", "io",          "world", "method", "votes",
                                         "eval", "stages", "",   "experiments", "tools", "page"};
constexpr size_t kCeiling = 600;  // lines: a file that reaches it is worth a thought
constexpr size_t kReadmeCeiling = 150;  // lines: what a newcomer reads at a sitting

// The honesty rule: of the stages only evaluation, and the named stand-in for the paper's human helpfulness
// comparisons, may see what knows the truth.
const std::set<std::string> kMaySeeTruth = {"core/stages/evaluate.h", "core/stages/compare_helpfulness.h"};

// What the product may include besides the C++ standard library.
const std::set<std::string> kSystemHeaders = {"omp.h",
                                              "immintrin.h",
                                              "arm_neon.h",
                                              "unistd.h",
                                              "fcntl.h",
                                              "sys/file.h",
                                              "sys/ioctl.h",
                                              "sys/resource.h",
                                              "sys/stat.h",
                                              "sys/mman.h",
                                              "cuda_runtime.h",
                                              "signal.h",
                                              "sched.h",
                                              "xlocale.h",
                                              "sanitizer/asan_interface.h",
                                              "sanitizer/tsan_interface.h"};

const std::set<std::string> kTopLevel = {
    "Makefile", "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "cai.cpp", "core", "cpu", "cuda",
    "data",     "findings", "tests",          "notebooks_md",      "build",     "runs",    "cai"};

bool is_source(const std::string& path) {
    return path.ends_with(".h") || path.ends_with(".cpp") || path.ends_with(".cu");
}
bool is_test(const std::string& path) { return path.starts_with("tests/"); }
// The room of a file of core/: its folder there.
std::string room(const std::string& path) {
    const std::string inside = path.substr(std::string("core/").size());
    return inside.find('/') == inside.npos ? "" : inside.substr(0, inside.find('/'));
}
// Its number in kRooms; as many as there are for a room that is not listed.
size_t room_number(const std::string& path) {
    return static_cast<size_t>(std::find(kRooms.begin(), kRooms.end(), room(path)) - kRooms.begin());
}
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
    if (from == "cpu" || from == "cuda") {
        static const std::set<std::string> contract = {"core/nn/kernels.h", "core/nn/recording.h",
                                                       "core/base/elementary.h", "core/base/error.h",
                                                       "core/base/rng.h"};
        return to == from || contract.count(target)
                   ? ""
                   : "kernels see pointers and sizes only: core/nn/kernels.h, base/elementary.h, error.h, rng.h";
    }
    if (to != "core") return "core/ and cai.cpp reach a backend through core/nn/kernels.h only";
    if (path == "cai.cpp") return "";
    if (room_number(target) > room_number(path)) return "a room includes only itself and the rooms above it";
    if (room(path) == "stages" && room(target) == "stages")
        return "stages talk through files, they never include each other";
    if (room(path) == "stages" && room(target) == "eval" && !kMaySeeTruth.count(path))
        return "only evaluation and the named stand-in for human helpfulness see the truth";
    return "";
}

Faults include_faults(const Files& files) {
    Faults faults;
    std::map<std::string, std::vector<std::string>> graph;
    size_t cuda_runtime = 0;
    for (const auto& [path, text] : files) {
        if (!is_source(path)) continue;
        if (folder(path) == "core" && room_number(path) == kRooms.size())
            faults.push_back(path + " is in no room: move it into one of those in kRooms of tests/test_repo.cpp");
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

// A heading as GitHub names it in links: small letters, without punctuation, with a dash for each space.
std::string anchor(std::string_view heading) {
    std::string name;
    for (char c : trim(heading)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == ' ' || c == '-') name += '-';
        if (std::isalnum(byte) || c == '_' || byte >= 128) name += static_cast<char>(std::tolower(byte));
    }
    return name;
}

// A page without its code blocks, which hold neither headings nor links, and the anchors of its headings.
struct Page {
    std::string prose;
    std::set<std::string> anchors;
};
Page read_page(const std::string& text) {
    Page page;
    bool code = false;
    for (const std::string& line : split_lines(text)) {
        if (line.starts_with("```")) code = !code;
        if (code || line.starts_with("```")) continue;
        page.prose += line + "\n";
        const size_t title = line.find_first_not_of('#');
        if (title != 0 && title != line.npos) page.anchors.insert(anchor(line.substr(title)));
    }
    return page;
}

// What stands between `open` and `close`, again and again.
std::vector<std::string> between(const std::string& text, const std::string& open, const std::string& close) {
    std::vector<std::string> found;
    for (size_t begin = text.find(open); begin != text.npos;) {
        begin += open.size();
        const size_t end = text.find(close, begin);
        if (end == text.npos) break;
        found.push_back(text.substr(begin, end - begin));
        begin = text.find(open, end + close.size());
    }
    return found;
}

bool names_a_file(const std::string& code) {
    static const std::set<std::string> endings = {".h", ".cpp", ".cu", ".md", ".txt", ".py", ".sh"};
    return !folder(code).empty() && kTopLevel.count(folder(code)) && code.find_first_of(" *") == code.npos &&
           endings.count(fs::path(code).extension().string());
}

// Pages for readers: the files that they name, and the files and headings that they link to, exist. The lab notebook
// (notebooks_md/9*) may name files of its day.
Faults link_faults(const Files& files) {
    Faults faults;
    for (const auto& [path, text] : files) {
        if (!path.ends_with(".md")) continue;
        const std::string prose = read_page(text).prose;
        for (const std::string& code : between(prose, "`", "`")) {
            if (names_a_file(code) && !files.count(code) && !path.starts_with("notebooks_md/9"))
                faults.push_back(concat(path, " names ", code, ", which does not exist"));
        }
        for (const std::string& link : between(prose, "](", ")")) {
            if (link.find("://") != link.npos) continue;
            const size_t hash = std::min(link.find('#'), link.size());
            const fs::path linked = fs::path(path).parent_path() / link.substr(0, hash);
            const std::string target = hash == 0 ? path : linked.lexically_normal().generic_string();
            const auto file = files.lower_bound(target);  // of a folder, the first file in it
            const bool in_folder = target.ends_with('/') && file != files.end() && file->first.starts_with(target);
            if (!files.count(target) && !in_folder)
                faults.push_back(concat(path, " links to ", link, ", which does not exist"));
            else if (hash < link.size() && !read_page(file->second).anchors.count(link.substr(hash + 1)))
                faults.push_back(concat(path, " links to ", link, ", but ", target, " has no such heading"));
        }
    }
    return faults;
}

// README.md is short, and has one line that builds, which .ci/run runs; the map leads to every chapter.
Faults page_faults(const std::string& readme, const std::string& map, const Files& files) {
    Faults faults;
    if (line_count(readme) > kReadmeCeiling)
        faults.push_back(concat("README.md has ", line_count(readme), " lines, more than ", kReadmeCeiling,
                                ": move what a newcomer does not need to notebooks_md/"));
    const size_t builds = between("\n" + readme, "\ng++ ", "\n").size();
    if (builds != 1)
        faults.push_back(concat("README.md has ", builds, " lines that begin with g++: .ci/run wants one, to run it"));
    for (const auto& [path, text] : files) {
        if (path.starts_with("notebooks_md/") && path != "notebooks_md/00_map.md" &&
            map.find("](" + fs::path(path).filename().string() + ")") == map.npos)
            faults.push_back(path + " is not in the list of chapters in notebooks_md/00_map.md");
    }
    return faults;
}

// .clang-format's ColumnLimit. Characters are counted, not bytes.
Faults width_faults(const Files& files, size_t most) {
    Faults faults;
    for (const auto& [path, text] : files) {
        if (!is_source(path)) continue;
        size_t number = 0;
        for (const std::string& line : split_lines(text)) {
            number++;
            const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
            if (static_cast<size_t>(width) > most)
                faults.push_back(concat(path, ": line ", number, " has ", width, " columns, more than ", most));
        }
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

// The map of notebooks_md/00_map.md: product files with their lines and purpose, main first, then room by room.
std::string make_map(const Files& files) {
    std::vector<std::string> sections = {"cai.cpp"};
    for (const std::string& room : kRooms) sections.push_back(room.empty() ? "core/" : "core/" + room + "/");
    sections.insert(sections.end(), {"cpu/", "cuda/"});
    std::vector<std::string> rows(sections.size());
    std::vector<size_t> lines(sections.size(), 0);
    for (const auto& [path, text] : files) {
        if (!is_source(path) || is_test(path)) continue;
        const std::string place = path == "cai.cpp"          ? path
                                  : folder(path) == "core" ? "core/" + room(path) + (room(path).empty() ? "" : "/")
                                                           : folder(path) + "/";
        const size_t section =
            static_cast<size_t>(std::find(sections.begin(), sections.end(), place) - sections.begin());
        if (section == sections.size()) continue;
        std::string what;
        for (char c : purpose(text)) what += c == '|' ? std::string("\\|") : std::string(1, c);
        rows[section] += concat("| `", path, "` | ", line_count(text), " | ", what, " |\n");
        lines[section] += line_count(text);
    }
    std::string map = "| file | lines | what it is |\n|---|---:|---|\n";
    size_t total = 0;
    for (size_t s = 0; s < sections.size(); s++) {
        if (rows[s].empty()) continue;
        if (s > 0) map += concat("| **`", sections[s], "`** | **", lines[s], "** | |\n");
        map += rows[s];
        total += lines[s];
    }
    return map + concat("\n", total, " lines.\n");
}

constexpr const char* kMapBegin = "<!-- map -->\n";
constexpr const char* kMapEnd = "<!-- /map -->";

// The text with what stands between the markers replaced.
std::string with_map(const std::string& text, const std::string& map) {
    size_t begin = text.find(kMapBegin), end = text.find(kMapEnd);
    expects(begin != text.npos && end != text.npos && begin < end,
            "notebooks_md/00_map.md has lost its markers <!-- map --> and <!-- /map -->");
    begin += std::string_view(kMapBegin).size();
    return text.substr(0, begin) + map + text.substr(end);
}

const Files& tree() {
    static const Files files = source_tree(kSourceFolder);
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
    CHECK(tree().count("core/nn/kernels.h"));
    CHECK(tree().count("tests/test_repo.cpp"));
    CHECK(tree().count("Makefile"));
    for (const auto& [path, text] : tree()) CHECK_FALSE(path.starts_with("build/"));
}

TEST_CASE("includes keep to the rooms") { check_none(include_faults(tree())); }
TEST_CASE("words that do not belong in the tree") { check_none(wording_faults(tree())); }
TEST_CASE("files stay short enough to be one idea") { check_none(ceiling_faults(tree(), kCeiling)); }
TEST_CASE("links and names of files lead somewhere") { check_none(link_faults(tree())); }
TEST_CASE("README.md is short, and the map lists every chapter") {
    check_none(page_faults(tree().at("README.md"), tree().at("notebooks_md/00_map.md"), tree()));
}
TEST_CASE("lines keep to the columns that .clang-format names") { check_none(width_faults(tree(), 120)); }
TEST_CASE("every file of the product says what it is") { check_none(purpose_faults(tree())); }
TEST_CASE("the top level holds what the design allows") {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kSourceFolder)) names.push_back(entry.path().filename().string());
    check_none(top_level_faults(names));
}

TEST_CASE("the map in notebooks_md/00_map.md is that of the tree (make map rewrites it)") {
    std::string text = read_file(kSourceFolder / "notebooks_md/00_map.md");
    std::string expected = with_map(text, make_map(tree()));
    if (std::getenv("CAI_WRITE_MAP") && text != expected) {
        write_file(kSourceFolder / "notebooks_md/00_map.md", expected);
        text = expected;
    }
    bool current = text == expected;
    CHECK_MESSAGE(current, "the map is out of date: run make map");
}

TEST_CASE("planted faults: includes") {
    auto faults_of = [](const std::string& path, const std::string& include) {
        Files files = {{path, "// A file.\n#include " + include + "\n"}};
        for (const char* other : {"core/base/error.h", "core/base/rng.h", "core/base/text.h", "core/nn/kernels.h",
                                  "core/nn/model.h", "core/eval/oracle.h", "core/eval/new.h", "core/pipeline.h",
                                  "core/stages/sft.h", "core/stages/evaluate.h", "core/stages/compare_helpfulness.h",
                                  "core/tools/gguf.h", "cpu/cpu.h", "cuda/launch.h", "tests/check.h", "cai.cpp"})
            files.emplace(other, "// Another.\n");
        return include_faults(files);
    };
    CHECK(faults_of("core/lm/new.h", "\"../nn/model.h\"").empty());
    CHECK(faults_of("core/nn/new.h", "\"model.h\"").empty());
    CHECK(faults_of("core/stages/evaluate.h", "\"../eval/oracle.h\"").empty());
    CHECK(faults_of("core/stages/compare_helpfulness.h", "\"../eval/oracle.h\"").empty());
    CHECK(faults_of("core/pipeline.h", "\"stages/sft.h\"").empty());
    CHECK(faults_of("core/tools/export.h", "\"../stages/sft.h\"").empty());
    CHECK(faults_of("core/tools/export.h", "\"../eval/oracle.h\"").empty());
    CHECK(faults_of("cai.cpp", "\"core/eval/oracle.h\"").empty());
    CHECK(faults_of("cpu/matmul.cpp", "\"cpu.h\"").empty());
    CHECK(faults_of("cpu/sample.cpp", "\"../core/base/rng.h\"").empty());
    CHECK(faults_of("cpu/cpu.cpp", "<omp.h>").empty());
    CHECK(faults_of("tests/test_x.cpp", "\"../core/eval/oracle.h\"").empty());

    CHECK(one_fault(faults_of("core/base/text.h", "\"../nn/model.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/eval/new.h", "\"../stages/sft.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/stages/ppo.h", "\"../pipeline.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/stages/ppo.h", "\"sft.h\""), "never include each other"));
    CHECK(one_fault(faults_of("core/stages/ppo.h", "\"../eval/oracle.h\""), "see the truth"));
    CHECK(one_fault(faults_of("core/stages/compare.h", "\"../eval/new.h\""), "see the truth"));
    CHECK(one_fault(faults_of("core/world/world.h", "\"../eval/oracle.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/method/new.h", "\"../eval/oracle.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/stages/compare.h", "\"compare_helpfulness.h\""), "never include each other"));
    CHECK(one_fault(faults_of("core/nn/model.h", "\"../../cpu/cpu.h\""), "core/nn/kernels.h only"));
    CHECK(one_fault(faults_of("core/stages/ppo.h", "\"../tools/gguf.h\""), "rooms above"));
    CHECK(one_fault(faults_of("core/stages/ppo.h", "\"../../tests/check.h\""), "nothing includes tests"));
    CHECK(one_fault(faults_of("cpu/matmul.cpp", "\"../core/nn/model.h\""), "pointers and sizes"));
    CHECK(one_fault(faults_of("cpu/matmul.cpp", "\"../cuda/launch.h\""), "pointers and sizes"));
    CHECK(one_fault(faults_of("core/attic/weather.h", "\"../base/text.h\""), "in no room"));
    CHECK(one_fault(faults_of("core/nn/model.h", "\"kernel.h\""), "does not exist"));
    CHECK(one_fault(faults_of("cai.cpp", "\"core/nothing.h\""), "does not exist"));
    CHECK(one_fault(faults_of("core/nn/model.h", "<cblas.h>"), "depends on nothing"));
    CHECK(one_fault(
        include_faults({{"cuda/a.cu", "#include <cuda_runtime.h>\n"}, {"cuda/b.cu", " # include <cuda_runtime.h>\n"}}),
        "cuda/b.cu includes <cuda_runtime.h>"));
    CHECK(one_fault(
        include_faults({{"core/base/text.h", "#include \"rng.h\"\n"}, {"core/base/rng.h", "#include \"text.h\"\n"}}),
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
    CHECK(one_fault(width_faults({{"core/a.h", "four\nfive5\n\u00b7\u00b7\u00b7\u00b7\n"}}, 4),
                    "core/a.h: line 2 has 5 columns"));
    CHECK(one_fault(purpose_faults({{"core/a.h", "#pragma once\n"}}), "core/a.h"));
}

TEST_CASE("planted faults: links") {
    const Files files = {{"README.md",
                          "# The `a.json` of it\n[one](notebooks_md/01_a.md#the-aim), [up](#the-ajson-of-it),\n"
                          "[data](data/), [paper](https://a.b/c), `data/README.md`, `build/cai`, `cpu/*.cpp`\n"
                          "```\n[code](nowhere.md)\n# no heading\n```\n"},
                         {"notebooks_md/01_a.md", "## The aim\n[home](../README.md), `model.h`, `a/b.h`\n"},
                         {"data/README.md", "a\n"}};
    CHECK(link_faults(files).empty());
    auto faults_with = [&](const std::string& path, const std::string& more) {
        Files changed = files;
        changed[path] += more;
        return link_faults(changed);
    };
    CHECK(one_fault(faults_with("README.md", "[x](notebooks_md/02_b.md)"), "links to notebooks_md/02_b.md, which"));
    CHECK(one_fault(faults_with("README.md", "[x](cuda/)"), "cuda/, which does not"));
    CHECK(one_fault(faults_with("README.md", "[x](#no-heading)"), "README.md has no such heading"));
    CHECK(one_fault(faults_with("notebooks_md/01_a.md", "[x](README.md)"), "links to README.md, which does not"));
    CHECK(one_fault(faults_with("notebooks_md/01_a.md", "[x](../README.md#the-aim)"), "no such heading"));
    CHECK(one_fault(faults_with("data/README.md", "[x](../lost.txt)"), "data/README.md links to ../lost.txt"));
    CHECK(one_fault(faults_with("data/README.md", "`core/nn/gone.h`"), "data/README.md names core/nn/gone.h"));
    CHECK(faults_with("notebooks_md/90_b.md", "`core/nn/gone.h`").empty());
}

TEST_CASE("planted faults: the README's length and build, the list of chapters") {
    const std::string readme = "# Cai\n```\ng++ a\n```\n", map = "[A](01_a.md)\n";
    const Files chapters = {{"notebooks_md/00_map.md", map}, {"notebooks_md/01_a.md", "A.\n"}};
    CHECK(page_faults(readme + std::string(146, '\n'), map, chapters).empty());
    CHECK(one_fault(page_faults(readme + std::string(147, '\n'), map, chapters), "has 151 lines"));
    CHECK(one_fault(page_faults(readme + "g++ b\n", map, chapters), "2 lines that begin"));
    CHECK(one_fault(page_faults("# Cai\n", map, chapters), "0 lines that begin"));
    CHECK(one_fault(page_faults(readme, "01_a.md\n", chapters), "01_a.md is not in the list"));
}

TEST_CASE("the map: purposes, order, sums") {
    CHECK(purpose("// The model: a decoder (Touvron et al. 2023) of\n// model.h. More.\n\n// Else.\n") ==
          "The model: a decoder (Touvron et al. 2023) of model.h.");
    CHECK(purpose("// Checkpoints. A model on disk is a directory. More.\n") ==
          "Checkpoints. A model on disk is a directory.");
    CHECK(purpose("// Whole comment\n#pragma once\n") == "Whole comment");
    Files files = {{"cai.cpp", "// Main.\n"},            {"core/nn/model.h", "// Logits p(a|b).\nx\n"},
                   {"core/base/rng.h", "// Numbers.\n"}, {"cpu/plain/a.h", "// Kernels.\n"},
                   {"tests/a.cpp", "1\n2\n3\n"},    {"data/a.txt", "1\n"}};
    std::string map = make_map(files);
    CHECK(map ==
          "| file | lines | what it is |\n|---|---:|---|\n| `cai.cpp` | 1 | Main. |\n"
          "| **`core/base/`** | **1** | |\n| `core/base/rng.h` | 1 | Numbers. |\n"
          "| **`core/nn/`** | **2** | |\n| `core/nn/model.h` | 2 | Logits p(a\\|b). |\n"
          "| **`cpu/`** | **1** | |\n| `cpu/plain/a.h` | 1 | Kernels. |\n"
          "\n5 lines.\n");
    CHECK(with_map("a\n<!-- map -->\nold\n<!-- /map -->\nb", "new\n") == "a\n<!-- map -->\nnew\n<!-- /map -->\nb");
    CHECK_THROWS_AS(with_map("no markers", "new\n"), Error);
}
