// core/tools/diff.h and core/io/typed_tensors.h: what departs, where and by how much, for planted differences.
#include <doctest/doctest.h>

#include <limits>
#include <sstream>

#include "../core/tools/diff.h"
#include "support.h"

using namespace cai;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The verb's exit status and output.
struct Ran {
    int status;
    std::string out;
};
Ran diff(const std::vector<std::string>& words) {
    Arguments arguments(words, {"json", "all", "common"});
    std::ostringstream out;
    std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
    int status = -1;
    try {
        status = run_diff(arguments, "");
    } catch (...) {
        std::cout.rdbuf(before);
        throw;
    }
    std::cout.rdbuf(before);
    return {status, out.str()};
}

}  // namespace

TEST_CASE("typed tensors come back with their values, order and settings") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder.path / "t.safetensors";
    write_typed_tensors(
        path,
        {typed_tensor("z", {2}, std::vector<int64_t>{-7, 9007199254740991}),
         typed_tensor("b", {}, std::vector<double>{0.1}), typed_tensor("a", {2, 1}, std::vector<float>{0.5f, -3}),
         typed_tensor("m", {3}, std::vector<int32_t>{1, 2, -2147483647})},
        Json::Object{{"step", "sft"}});
    const Safetensors file = read_safetensors(path);
    CHECK(computed_order(path, file) == std::vector<std::string>{"z", "b", "a", "m"});
    CHECK(doubles(file, "z") == std::vector<double>{-7, 9007199254740991});
    CHECK(doubles(file, "b") == std::vector<double>{0.1});
    CHECK(doubles(file, "a") == std::vector<double>{0.5, -3});
    CHECK(doubles(file, "m") == std::vector<double>{1, 2, -2147483647});
    CHECK(file.entries.at("b").dtype == "F64");
    CHECK(file.entries.at("b").shape.empty());
    CHECK(contains(read_file(path), "\"settings\":\"{\\\"step\\\":\\\"sft\\\"}\""));
    CHECK(contains(error_of([] { typed_tensor("a", {2}, std::vector<float>{1}); }), "shape [2] got 1 values"));
    std::string twice = read_file(path);  // a name that stands in the order twice is one tensor
    const std::string in_order = "\\\"b\\\",\\\"a\\\"", doubled = "\\\"z\\\",\\\"a\\\"";
    twice.replace(twice.find(in_order), in_order.size(), doubled);
    write_file(path, twice);
    CHECK(computed_order(path, file) == std::vector<std::string>{"z", "a", "m", "b"});
    const TypedTensor one = typed_tensor("a", {1}, std::vector<float>{1});
    CHECK(contains(error_of([&] { write_typed_tensors(path, {one, one}, {}); }), "two tensors have the name a"));

    // Half precision, and whole numbers that no double holds: written by hand.
    const std::string header =
        "{\"bf\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[8,10]},"
        "\"half\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[10,12]},"
        "\"huge\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"odd\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[12,16]}}";
    const uint64_t length = header.size();
    const Safetensors halves = parse_safetensors(std::string(reinterpret_cast<const char*>(&length), 8) + header +
                                                     std::string("\x01\0\0\0\0\0\0\x40"
                                                                 "\xc0\x3f"
                                                                 "\0\xc0"
                                                                 "\0\0\0\0",
                                                                 16),
                                                 "h.safetensors");
    CHECK(doubles(halves, "bf") == std::vector<double>{1.5});
    CHECK(doubles(halves, "half") == std::vector<double>{-2});
    CHECK(contains(error_of([&] { doubles(halves, "huge"); }), "beyond 2^53"));
    CHECK(contains(error_of([&] { doubles(halves, "odd"); }), "odd is U32"));
}

TEST_CASE("a pair departs beyond atol + rtol times the largest magnitude of its tensor") {
    DiffOptions options;
    const std::vector<double> a = {100, 1, 0};
    CHECK(compare_values("t", a, {100, 1.0099, 0}, false, options).verdict == TensorDifference::alike);
    const TensorDifference d = compare_values("t", a, {100, 1.0101, -0.5}, false, options);
    CHECK(d.verdict == TensorDifference::departs);
    CHECK(d.departing == 2);
    CHECK(d.index == 2);
    CHECK(d.a == 0);
    CHECK(d.b == -0.5);
    CHECK(d.largest == 0.5);
    CHECK(d.largest_relative == 1);
    CHECK(d.scale == 100);
    options.atol = 0.5;
    CHECK(compare_values("t", a, {100, 1.0101, -0.5}, false, options).verdict == TensorDifference::alike);
    options = {0, 0, false};
    CHECK(compare_values("t", a, a, false, options).verdict == TensorDifference::alike);
    CHECK(compare_values("t", a, {100, std::nextafter(1, 2), 0}, false, options).departing == 1);
    // Whole numbers may not differ at all: token 1000 is not token 1001.
    CHECK(compare_values("ids", {100000}, {100001}, true, {}).verdict == TensorDifference::departs);
    CHECK(compare_values("ids", {100000}, {100001}, false, {}).verdict == TensorDifference::alike);
}

TEST_CASE("NaN equals NaN only, and an infinity only itself, whatever the tolerance") {
    const DiffOptions loose = {1e9, 1e9, false};
    CHECK(compare_values("t", {kNaN, kInfinity, 1}, {kNaN, kInfinity, 1}, false, {}).verdict ==
          TensorDifference::alike);
    for (const auto& [a, b] :
         {std::pair{kNaN, 1.0}, {1.0, kNaN}, {kInfinity, 1.0}, {kInfinity, -kInfinity}, {kNaN, kInfinity}}) {
        const TensorDifference d = compare_values("t", {5, a}, {5, b}, false, loose);
        CHECK(d.verdict == TensorDifference::departs);
        CHECK(d.index == 1);
        CHECK(d.largest == kInfinity);
    }
}

TEST_CASE("cai diff names the first tensor that departs, in A's order of computation") {
    const TemporaryFolder folder;
    const std::string a = (folder.path / "a.safetensors").string(), b = (folder.path / "b.safetensors").string();
    std::vector<TypedTensor> tensors = {typed_tensor("z.first", {2}, std::vector<float>{1, 2}),
                                        typed_tensor("m.second", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}),
                                        typed_tensor("a.third", {1}, std::vector<float>{7})};
    write_typed_tensors(a, tensors, {});
    write_typed_tensors(b, tensors, {});
    Ran ran = diff({a, b});
    CHECK(ran.status == 0);
    CHECK(ran.out == "All 3 tensors are alike.\n");

    tensors[1] = typed_tensor("m.second", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6.5});
    tensors[2] = typed_tensor("a.third", {1}, std::vector<float>{8});
    write_typed_tensors(b, tensors, {});
    ran = diff({a, b});
    CHECK(ran.status == 1);
    CHECK(contains(ran.out, "First: m.second [2,3] departs, most at [1,2]: 6 and 6.5, a difference of 0.5"));
    CHECK(contains(ran.out, "Alike before it: 1. In all: 1 alike, 2 not; --all lists them."));
    CHECK(diff({a, b, "--atol", "1"}).status == 0);
    CHECK(diff({a, b, "--rtol", "0.2"}).status == 0);
    CHECK(diff({a, b, "--rtol", "0.1"}).status == 1);
    ran = diff({a, b, "--all"});
    CHECK(contains(ran.out, "z.first"));
    CHECK(ran.out.find("z.first") < ran.out.find("m.second"));
    CHECK(ran.out.find("m.second") < ran.out.find("a.third"));
    const Json json = parse_json(diff({a, b, "--json"}).out, "stdout");
    CHECK(json["first"].string() == "m.second");
    CHECK(json["different"].integer() == 2);
    CHECK(json["tensors"].array()[1]["largest"].number() == 0.5);
    CHECK(json["tensors"].array()[1]["at"].string() == "[1,2]");

    // Missing, additional and reshaped tensors.
    tensors = {typed_tensor("z.first", {2}, std::vector<float>{1, 2}), typed_tensor("new", {1}, std::vector<float>{2}),
               typed_tensor("a.third", {1, 1}, std::vector<float>{7})};
    write_typed_tensors(b, tensors, {});
    ran = diff({a, b});
    CHECK(ran.status == 1);
    CHECK(contains(ran.out, "First: m.second is in " + a + " only"));
    ran = diff({b, a, "--all"});
    CHECK(contains(ran.out, "First: new is in " + b + " only"));
    CHECK(contains(ran.out, "only in B"));
    ran = diff({a, b, "--common"});
    CHECK(ran.status == 1);
    CHECK(contains(ran.out, "First: a.third has the shape [1] in " + a + " and [1,1] in " + b));
    CHECK(contains(ran.out, "In all: 1 alike, 1 not."));
}

TEST_CASE("cai diff reads folders, of one file or of several, and says what it cannot read") {
    const TemporaryFolder folder;
    const std::filesystem::path one = folder.path / "one", two = folder.path / "two", empty = folder.path / "empty";
    make_folder(empty);
    const TypedTensor a = typed_tensor("a", {1}, std::vector<float>{1}),
                      b = typed_tensor("b", {0}, std::vector<float>{});
    write_typed_tensors(one / "model.safetensors", {a, b}, {});
    write_typed_tensors(two / "part-1.safetensors", {b}, {});
    write_typed_tensors(two / "part-2.safetensors", {a}, {});
    CHECK(diff({one.string(), two.string()}).out == "All 2 tensors are alike.\n");
    CHECK(contains(diff({one.string(), two.string(), "--all"}).out, "[0]"));
    write_typed_tensors(two / "part-3.safetensors", {a}, {});
    CHECK(contains(error_of([&] { diff({one.string(), two.string()}); }), "a is in another file of the folder too"));
    CHECK(contains(error_of([&] { diff({one.string(), empty.string()}); }), "no safetensors file"));
    CHECK(contains(error_of([&] { diff({one.string(), (folder.path / "none").string()}); }), "cannot open"));
    write_typed_tensors(empty / "c.safetensors", {typed_tensor("c", {1}, std::vector<float>{1})}, {});
    CHECK(contains(error_of([&] { diff({one.string(), empty.string(), "--common"}); }), "no tensor in common"));
}
