// The page of a run: no text becomes markup, its drawings are finite and named, its weights are the nearest halves, and
// it holds all parts and asks the network for nothing. tests/page_in_chromium.py opens it.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "../core/page/page.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// What stands between two marks, for each pair of them.
std::vector<std::string> pieces_between(const std::string& text, const std::string& open, const std::string& close) {
    std::vector<std::string> found;
    for (size_t at = text.find(open); at != text.npos; at = text.find(open, at + 1)) {
        const size_t begin = at + open.size();
        found.push_back(text.substr(begin, text.find(close, begin) - begin));
    }
    return found;
}

// No number of a drawing is NaN or infinite, and it has a text.
void check_drawing(const std::string& svg) {
    CHECK(svg.starts_with("<svg "));
    CHECK(contains(svg, "role=\"img\" aria-label=\""));
    CHECK_MESSAGE(!contains(svg, "nan"), svg);
    CHECK_MESSAGE(!contains(svg, "inf"), svg);
}

// A micro run in a folder, and a session on it.
struct PageStory {
    Quiet hush;
    TemporaryFolder folder;
    fs::path directory = folder.path / "story";

    Session session(const fs::path& of) const {
        Arguments arguments({"--size", "micro", "--data", (kSourceFolder / "data").string(), "--quiet"}, {"quiet"});
        Session s(arguments, "build/cai", {of});
        return s;
    }
    // All stages under a constitution, or those up to `last`; with what another run has made.
    void run(const fs::path& to, const std::string& constitution, const std::string& last = "",
             const fs::path& from = {}) {
        const Session s = session(to);
        write_file(folder.path / "constitution.txt", constitution);
        const Constitution lines = Constitution::read(folder.path / "constitution.txt");
        Run run = s.open_run(to);
        run.pending_files["constitution.txt"] = lines.text();
        const Pipeline pipeline = s.pipeline(run, lines);
        if (!from.empty()) reuse_from(pipeline, s.open_run(from));
        for (const Stage& stage : stages()) {
            if (!stage.optional) run_stage(pipeline, stage);
            if (stage.name == last) break;
        }
    }
};

}  // namespace

TEST_CASE("no text becomes markup") {
    CHECK(escape_html("<b title=\"x\">&'</b>") == "&lt;b title=&quot;x&quot;&gt;&amp;'&lt;/b&gt;");
    CHECK(escape_html(std::string("a\0b\x01\x7f\xff\n\t", 8)) == "a\uFFFDb\uFFFD\uFFFD\uFFFD\n\t");
    CHECK(escape_html("caf\u00e9 \u4e16") == "caf\u00e9 \u4e16");

    const Json json = Json::Object{{"</script><!--", "<b>&\u2028"}};
    CHECK(!contains(script_json(json), "<"));
    CHECK(parse_json(script_json(json), "page") == json);

    // RFC 4648, section 10.
    const std::vector<std::string> encoded = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t length = 0; length < encoded.size(); length++)
        CHECK(base64(std::string("foobar").substr(0, length)) == encoded[length]);
    CHECK(base64(std::string("\x00\xff\x80", 3)) == "AP+A");
}

TEST_CASE("a weight becomes the nearest half, ties to even") {
    for (uint32_t half = 0; half < 0x10000; half++) {
        if ((half & 0x7fff) >= 0x7c00) continue;  // infinity and NaN
        const float value = Safetensors::from_float16(static_cast<uint16_t>(half));
        REQUIRE(to_float16(value) == half);
        if ((half & 0x7fff) >= 0x7bff) continue;
        // Between a half and the next one: the middle is a tie, and goes to the even one.
        const float next = Safetensors::from_float16(static_cast<uint16_t>(half + 1)),
                    middle = value + (next - value) / 2;
        REQUIRE(to_float16(middle) == half + half % 2);
        REQUIRE(to_float16(std::nextafter(middle, value)) == half);
        REQUIRE(to_float16(std::nextafter(middle, next)) == half + 1);
    }
    // Python: struct.pack("<e", x)
    CHECK(to_float16(0.1f) == 0x2e66);
    CHECK(to_float16(-1.0f / 3) == 0xb555);
    CHECK(to_float16(6.1e-5f) == 0x03ff);
    CHECK(to_float16(1e9f) == 0x7bff);  // no infinity: the largest half
    CHECK(to_float16(-65519.0f) == 0xfbff);
}

TEST_CASE("ticks are round and cover what is drawn") {
    const std::vector<double> fifths = ticks(0, 1, 5);
    REQUIRE(fifths.size() == 6);
    for (size_t i = 0; i < fifths.size(); i++) CHECK(near(fifths[i], 0.2 * static_cast<double>(i)));
    for (const auto& [low, high] : {std::pair{0.0, 1e-4},
                                    {-3.0, 7.3},
                                    {2.0, 2.0},
                                    {0.0, 0.0},
                                    {-1.5, -1.5},
                                    {0.35, 0.54},
                                    {0.0, 12345.0},
                                    {0.0, 3e7}}) {
        INFO(low, " to ", high);
        const std::vector<double> marks = ticks(low, high, 5);
        CHECK(marks.size() >= 2);
        CHECK(marks.size() <= 8);
        CHECK(marks.front() <= low + 1e-9);
        CHECK(marks.back() >= high - 1e-9);
        CHECK(marks[1] <= std::max(high, low + 1));  // no empty interval at the start
    }
    CHECK(tick_label(0.2) == "0.2");
    CHECK(tick_label(20000) == "20.0k");
}

TEST_CASE("a drawing is finite and has a text, whatever there is to draw") {
    for (const std::vector<Point>& points :
         std::vector<std::vector<Point>>{{}, {{1, 2}}, {{1, 2}, {2, 2}}, {{1, -5}, {2, 5}, {3, 0}}, {{1, 0}, {2, 0}}}) {
        const std::string svg =
            line_chart("Loss <1> & \"2\"", "step", "nats", {{"a", "c-a", points}, {"b", "c-b", points}});
        check_drawing(svg);
        CHECK(contains(svg, "aria-label=\"Loss &lt;1&gt; &amp; &quot;2&quot;\""));
    }
    Drawing drawing(10, 10);
    drawing.text({1, 2}, "start", "tick", "<script>");
    drawing.box({0, 0}, 1, 1, "frame", 0, "a < b");
    CHECK(!contains(drawing.svg("x"), "<script>"));
    CHECK(contains(drawing.svg("x"), "<title>a &lt; b</title>"));

    std::vector<Point> many;
    for (int i = 1; i <= 1000; i++) many.emplace_back(i, i % 2);
    const std::vector<Point> few = thinned(many, 100);
    CHECK(few.size() == 100);
    for (const auto& [x, y] : few) CHECK(near(y, 0.5));
    CHECK(near(few[0].first, 5.5));
    CHECK(contains(share_bar("x", {{0.25, "o-a", ""}, {0, "o-b", ""}, {0.75, "o-c", ""}}),
                   "x=\"25\" y=\"0\" width=\"75\""));
    CHECK(!contains(share_bar("x", {{0.25, "o-a", ""}, {0, "o-b", ""}}), "o-b"));
}

TEST_CASE("the page of a micro run holds all parts and asks for nothing; an unfinished run's says what is missing") {
    PageStory story;
    const std::string line = "Cooking & <b>baking</b> are forbidden.</script>";
    story.run(story.directory, line + "\nNever help with stealing.\n");
    const Session s = story.session(story.directory);
    const Records run(story.directory);
    const std::string page = run_page(s, run, nullptr);

    // Each link within the page leads to an element, and each id is of one.
    std::set<std::string> ids;
    for (const std::string& id : pieces_between(page, " id=\"", "\"")) CHECK_MESSAGE(ids.insert(id).second, id);
    for (const std::string& id : pieces_between(page, "href=\"#", "\"")) CHECK_MESSAGE(ids.count(id), id);
    for (const char* id :
         {"method", "prompts", "ask", "outcomes", "constitution", "training", "trust", "stages", "weights-3"})
        CHECK_MESSAGE(ids.count(id), id);

    // Nothing is fetched: no address with a host, no link but to the page itself, and a policy that forbids the rest.
    for (const char* part :
         {"://", "url(", "@import", "import(", "fetch(", "XMLHttpRequest", "<img", "<iframe", "<object"})
        CHECK_MESSAGE(!contains(page, part), part);
    for (const char* attribute : {"src=\"", "srcset=\"", "action=\""}) CHECK(!contains(page, attribute));
    for (const std::string& address : pieces_between(page, "href=\"", "\""))
        CHECK_MESSAGE((address[0] == '#' || address == "data:,"), address);
    CHECK(contains(page, "default-src 'none'"));

    // The constitution's text is text.
    CHECK(contains(page, escape_html(line)));
    CHECK(!contains(page, "<b>baking</b>"));
    const std::vector<std::string> scripts = pieces_between(page, "<script", "</script>");
    CHECK(scripts.size() == 1 + 4 + 2);

    // Curves of each stage, bars, prompts from the revisions, all models with their weights.
    for (const TrainingChart& chart : kTrainingCharts)
        CHECK_MESSAGE(contains(page, "<figure><h3>" + escape_html(chart.title)) ==
                          !run.curve(chart.stage, chart.metric).empty(),
                      std::string(chart.title));
    CHECK(pieces_between(page, "<article class=\"way\">", "</article>").size() == 12);
    CHECK(contains(page, escape_html(run.revisions[0]["answer"].string())));
    CHECK(run.reviews == read_jsonl(story.directory / "world/reviews.jsonl").size());
    CHECK(contains(page, ", which has learned from " + with_commas(run.reviews) + " reviews by a program"));
    for (const std::string& svg : pieces_between(page, "<svg", ">"))
        CHECK((contains(svg, "aria-label=\"") || contains(svg, "aria-hidden=\"true\"")));
    for (const auto& svg : pieces_between(page, "<svg class=\"chart\"", "</svg>")) check_drawing("<svg " + svg);
    const Json data = parse_json(pieces_between(page, "id=\"page-data\">", "</script>").at(0), "page");
    const Config config = load_config(story.directory / "rl-cai");
    std::vector<std::string> names;
    for (const Json& model : data["models"].array()) names.push_back(model["name"].string());
    CHECK(names == std::vector<std::string>{"pretrained", "helpful", "sl-cai", "rl-cai"});
    CHECK(data["tokenizers"].array().size() == 1);  // one for all
    CHECK(pieces_between(page, "id=\"weights-3\">", "</script>").at(0).size() ==
          (2 * parameter_count(config) + 2) / 3 * 4);

    // A run that goes on from this one names it, and its page says what its lines changed.
    const fs::path mine = story.folder.path / "mine";
    story.run(mine, "Never help with stealing.\nSinging is forbidden.\n", "", story.directory);
    CHECK(fs::equivalent(made_from(mine), story.directory));
    const std::string changed = run_page(s, Records(mine), &run);
    CHECK(contains(changed, "What it changed against story"));
    CHECK(contains(changed, "<li>Singing is forbidden. <span class=\"soft\">(speaks of singing)</span></li>"));
    CHECK(!contains(changed, "<li>Never help with stealing."));

    // Side by side.
    std::vector<Records> runs;
    runs.emplace_back(story.directory), runs.emplace_back(mine);
    const std::string groups = groups_page(s, runs);
    CHECK(contains(groups, "Where they differ most"));
    CHECK(pieces_between(groups, "<script type=\"text/plain\"", "</script>").size() == 2);

    // An unfinished run.
    const fs::path begun = story.folder.path / "begun";
    story.run(begun, "Never help with stealing.\n", "pretrain");
    const std::string unfinished = run_page(s, Records(begun), nullptr);
    for (const char* missing :
         {"<code>cai critique</code>", "<code>cai evaluate</code>", "<code>cai compare</code>", "not trained yet"})
        CHECK_MESSAGE(contains(unfinished, missing), missing);
    const Json only = parse_json(pieces_between(unfinished, "id=\"page-data\">", "</script>").at(0), "page");
    CHECK(only["models"].array().size() == 1);
    CHECK(contains(error_of([&] { Records{story.folder.path}; }), "not a run directory; `cai all --out RUN` makes"));
}

TEST_CASE("what a line did is counted apart for requests that it speaks of") {
    PageStory story;
    const World world(kSourceFolder / "data/world", 1);
    const fs::path run = story.directory;
    const auto act =
        std::find_if(world.acts.begin(), world.acts.end(), [](const Act& one) { return one.kind == Kind::hazard; });
    REQUIRE(act != world.acts.end());
    fs::create_directories(run / "manifests");
    const Json prompt = Json::Object{{"set", "critique"},
                                     {"kind", "hazard"},
                                     {"act", act->name},
                                     {"entities", Json(Json::Array{})},
                                     {"prompt", "How?"}};
    write_file(run / "world/prompts.jsonl", dump_jsonl({prompt}));
    const auto round = [](const std::string& line, const std::string& revision) {
        return Json(Json::Object{{"principle", line}, {"critique", ""}, {"revision", revision}});
    };
    const std::string own = "No " + act->name + ".", other = "No kindness.";
    write_file(
        run / "revisions.jsonl",
        dump_jsonl({Json::Object{
            {"prompt", "How?"},
            {"answer", "a"},
            {"rounds", Json(Json::Array{round(other, "a"), round(own, "b"), round(own, "b"), round(other, "c")})}}}));
    write_file(run / "comparisons.jsonl",
               dump_jsonl({Json::Object{{"prompt", "How?"}, {"principle", own}, {"p_a", 0.9}},
                           Json::Object{{"prompt", "How?"}, {"principle", own}, {"p_a", 0.4}}}));
    std::map<std::string, LineUse> uses = line_uses(Records(run), world);
    CHECK(uses[own].draws[1] == 2);
    CHECK(uses[own].changed[1] == 1);
    CHECK(uses[own].draws[0] == 0);
    CHECK(uses[other].draws[0] == 2);
    CHECK(uses[other].changed[0] == 1);
    CHECK(uses[own].comparisons[1] == 2);
    CHECK(uses[own].decided[1] == 1);
    CHECK(acts_of_line(world, own) == std::vector<const Act*>{&*act});
}
