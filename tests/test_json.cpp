// JSON and JSON Lines.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "../core/base/json.h"
#include "../core/base/rng.h"
#include "support.h"

using namespace cai;

namespace {

std::string json_error(const std::string& text) {
    return error_of([&] { parse_json(text, "f"); });
}

Json random_json(Rng& rng, int depth) {
    switch (rng.below(depth < 4 ? 8 : 6)) {
        case 0:
            return Json();
        case 1:
            return rng.chance(0.5);
        case 2:
            return static_cast<int64_t>(rng.next() >> 12) - (int64_t(1) << 51);
        case 3: {
            double n;
            uint64_t bits = rng.next();
            static_assert(sizeof n == sizeof bits);
            std::memcpy(&n, &bits, sizeof n);
            return std::isfinite(n) ? Json(n) : Json(0.1);
        }
        case 4:
            return Json::real(static_cast<double>(rng.below(100)));
        case 5: {
            std::string text;
            for (size_t n = rng.below(8); n > 0; n--) {
                char32_t c = static_cast<char32_t>(rng.below(rng.chance(0.5) ? 0x80 : 0x110000));
                if (c < 0xD800 || c > 0xDFFF) append_utf8(text, c);
            }
            return text;
        }
        case 6: {
            Json array = Json::Array{};
            for (size_t n = rng.below(5); n > 0; n--) array.push(random_json(rng, depth + 1));
            return array;
        }
        default: {
            Json object = Json::Object{};
            for (size_t n = rng.below(5); n > 0; n--)
                object.set("k" + std::to_string(rng.below(9)), random_json(rng, depth + 1));
            return object;
        }
    }
}

}  // namespace

TEST_CASE("JSON: build, read, write") {
    Json json = Json::Object{{"a", 1}, {"list", Json::Array{true, Json(), "x", 2.5}}};
    json.set("size", size_t(3)).set("theta", Json::real(10000)).set("a", -7);
    CHECK(dump(json) == R"({"a":-7,"list":[true,null,"x",2.5],"size":3,"theta":10000.0})");
    CHECK(dump(json, 2) ==
          "{\n  \"a\": -7,\n  \"list\": [\n    true,\n    null,\n    \"x\",\n    2.5\n  ],\n"
          "  \"size\": 3,\n  \"theta\": 10000.0\n}");
    CHECK(dump(Json::Object{{"a", Json::Array{}}, {"o", Json::Object{}}}, 2) == "{\n  \"a\": [],\n  \"o\": {}\n}");
    CHECK(dump(Json().push(1).push("2")) == "[1,\"2\"]");
    CHECK(json["a"].integer() == -7);
    CHECK(json["list"].array()[3].number() == 2.5);
    CHECK(json["list"].array()[0].boolean());
    CHECK(json.find("b") == nullptr);
    CHECK(json.find("a")->number() == -7);

    CHECK(error_of([&] { json["b"]; }) ==
          "the key \"b\" is missing in an object with the keys \"a\" \"list\" \"size\" \"theta\"");
    CHECK(error_of([&] { json["a"].string(); }) == "expected a string, found -7");
    CHECK(error_of([&] { json["list"].object(); }) == "expected an object, found an array of 4");
    CHECK(error_of([&] { Json(2.5).integer(); }) == "expected an integer, found 2.5");
    CHECK(error_of([&] { Json("x").boolean(); }) == "expected true or false, found \"x\"");
    CHECK(error_of([&] { Json(std::string(500, 'x')).number(); }).size() < 200);
    CHECK(contains(error_of([&] { dump(Json(std::numeric_limits<double>::quiet_NaN())); }), "nan"));
    CHECK(contains(error_of([&] { dump(Json(std::numeric_limits<double>::infinity())); }), "inf"));
    CHECK(contains(error_of([&] { Json(uint64_t(1) << 53); }), "does not fit"));
    CHECK(contains(error_of([&] { parse_json("9007199254740993", "f").integer(); }), "integer"));
    CHECK(parse_json("-9007199254740991", "f").integer() == -9007199254740991);
}

TEST_CASE("JSON numbers: the shortest digits that read back") {
    for (auto [number, text] : std::initializer_list<std::pair<double, const char*>>{{0.1, "0.1"},
                                                                                     {1e300, "1e+300"},
                                                                                     {-0.0, "-0"},
                                                                                     {1e15, "1000000000000000"},
                                                                                     {5e-324, "5e-324"},
                                                                                     {1.0 / 3, "0.3333333333333333"},
                                                                                     {1e22, "1e+22"}}) {
        CHECK(dump(Json(number)) == text);
        CHECK(dump(parse_json(text, "f")) == text);
    }
    CHECK(std::signbit(parse_json("-0", "f").number()));
    CHECK(parse_json("1.5E+2", "f").number() == 150);
    CHECK(dump(parse_json("[1.0,1,1e2]", "f")) == "[1.0,1,100.0]");  // what looked like a float stays one
}

TEST_CASE("JSON strings: escapes") {
    CHECK(parse_json(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\u0000")", "f").string() ==
          std::string("\"\\/\b\f\n\r\tA\xC3\xA9\xF0\x9F\x98\x80\0", 16));
    CHECK(dump(Json(std::string("\"\\/\n\x01\x1F\x7F\xC3\xA9\0", 10))) ==
          "\"\\\"\\\\/\\n\\u0001\\u001f\x7F\xC3\xA9\\u0000\"");
    CHECK(dump(Json("a\xFF")) == "\"a\xEF\xBF\xBD\"");
}

TEST_CASE("JSON errors say where and what") {
    CHECK(json_error("") == "f: line 1 column 1: expected a value, found the end");
    CHECK(json_error("{\n  \"\xC3\xA9\": x}") == "f: line 2 column 8: expected a value, found x");
    CHECK(json_error("[1,]") == "f: line 1 column 4: expected a value, found ]");
    CHECK(json_error("[1 2]") == "f: line 1 column 4: expected , or ] in an array, found 2");
    CHECK(json_error("{\"a\":1,}") == "f: line 1 column 8: expected a key in double quotes, found }");
    CHECK(json_error("{\"a\" 1}") == "f: line 1 column 6: expected : after a key, found 1");
    CHECK(json_error("{\"a\":1 \"b\"") == "f: line 1 column 8: expected , or } in an object, found \"");
    CHECK(json_error("{\"a\":1,\n\"a\":2}") == "f: line 2 column 1: the key \"a\" occurs twice");
    CHECK(json_error("1 1") == "f: line 1 column 3: expected the end, found 1");
    CHECK(json_error("tru") == "f: line 1 column 1: expected true");
    CHECK(json_error("\"a\xFF\"") == "f: line 1 column 3: this byte is not UTF-8; save the file as UTF-8");
    CHECK(json_error("\"\n\"") == "f: line 1 column 2: a control character in a string must be escaped");
    CHECK(json_error("\"abc") == "f: line 1 column 1: the string is not closed");
    CHECK(json_error("\"\\x\"") == "f: line 1 column 2: unknown escape in a string");
    CHECK(json_error("\"\\u12g4\"") == "f: line 1 column 2: \\u needs four hex digits");
    CHECK(json_error("1e999") == "f: line 1 column 1: the number does not fit a double");
    for (const char* half : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\""})
        CHECK(json_error(half) == "f: line 1 column 2: half of a surrogate pair");
    for (const char* bad :
         {"01",   "-",          "+1", "1.", ".5",     "1e",      "NaN", "Infinity", "-Infinity", "nan",
          "'a'",  "\"\\u1\"",   "[",  "{",  "{\"a\"", "{\"a\":", "]",   "\"\\",     "0x10",      "// a comment\n1",
          "True", "\"\\u-123\""})
        CHECK_MESSAGE(contains(json_error(bad), "f: line 1 column "), bad);
    CHECK(dump(parse_json(std::string(200, '[') + std::string(200, ']'), "f")).size() == 400);
    for (size_t depth : {201u, 100000u})
        CHECK(json_error(std::string(depth, '[') + std::string(depth, ']')) ==
              "f: line 1 column 201: arrays and objects are nested more than 200 deep");
}

TEST_CASE("JSON: random values there and back") {
    Rng rng(1);
    for (int i = 0; i < 2000; i++) {
        Json json = random_json(rng, 0);
        for (int indent : {0, 1, 4}) {
            std::string text = dump(json, indent);
            Json again = parse_json(text, "f");
            REQUIRE(again == json);
            REQUIRE(dump(again, indent) == text);
        }
    }
}

TEST_CASE("JSON: whatever the bytes, a value or an error") {
    Rng rng(2);
    const std::string alphabet = "{}[]\",:\\/u0123456789abcdefntrl.-+eE \n\r\t\xC3\xA9\xFF";
    size_t parsed = 0, refused = 0;
    for (int i = 0; i < 20000; i++) {
        std::string text;
        if (rng.chance(0.7)) {
            text = dump(random_json(rng, 0), rng.chance(0.5) ? 1 : 0);
            for (size_t n = rng.below(4); n > 0 && !text.empty(); n--) {
                size_t at = rng.below(text.size());
                char c = rng.chance(0.8) ? alphabet[rng.below(alphabet.size())] : static_cast<char>(rng.below(256));
                if (rng.chance(0.3))
                    text.erase(at, 1 + rng.below(4));
                else if (rng.chance(0.5))
                    text.insert(at, 1, c);
                else
                    text[at] = c;
            }
        } else {
            for (size_t n = rng.below(20); n > 0; n--) text += alphabet[rng.below(alphabet.size())];
        }
        try {
            Json json = parse_json(text, "f");
            REQUIRE(parse_json(dump(json), "f") == json);
            parsed++;
        } catch (const Error& error) {
            REQUIRE(std::string(error.what()).starts_with("f: line "));
            refused++;
        }
    }
    CHECK(parsed > 4000);
    CHECK(refused > 4000);
}

TEST_CASE("JSON Lines") {
    std::vector<Json> values = parse_jsonl("\xEF\xBB\xBF{\"a\":1}\r\n\r\n  \n{\"a\":2}", "f");
    CHECK(dump_jsonl(values) == "{\"a\":1}\n{\"a\":2}\n");
    CHECK(parse_jsonl("", "f").empty());
    CHECK(dump_jsonl(parse_jsonl(" [{\"a\":1},\n 2]\n", "f")) == "{\"a\":1}\n2\n");  // an array, as some datasets
    CHECK(error_of([] { parse_jsonl("{}\n\n{\"a\":}\n", "f"); }) == "f: line 3 column 6: expected a value, found }");

    TemporaryFolder folder;
    write_file(folder.path / "x.jsonl", dump_jsonl(values));
    CHECK(read_jsonl(folder.path / "x.jsonl") == values);
    write_file(folder.path / "x.json", "{");
    CHECK(contains(error_of([&] { read_json(folder.path / "x.json"); }), "x.json: line 1 column 2: "));
}
