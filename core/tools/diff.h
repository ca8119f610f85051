// cai diff: which tensor of one file first departs from another file's, by how much and where.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../base/format.h"
#include "../base/table.h"
#include "../io/replace_directory.h"
#include "../io/typed_tensors.h"
#include "verb.h"

namespace cai {

// The tensors of a safetensors file, or of all such files in a model's folder.
struct TensorCollection {
    std::vector<std::unique_ptr<Safetensors>> files;
    std::vector<std::string> order;  // names, as they were computed where the file says so
    std::map<std::string, const Safetensors*> file_of;

    explicit TensorCollection(std::filesystem::path path) {
        std::vector<std::filesystem::path> paths = {path};
        if (path = find_checkpoint(path); std::filesystem::is_directory(path)) {
            paths.clear();
            for (const auto& entry : std::filesystem::directory_iterator(path))
                if (entry.path().extension() == ".safetensors") paths.push_back(entry.path());
            std::sort(paths.begin(), paths.end());
            expects(!paths.empty(), path, ": there is no safetensors file in this folder");
        }
        for (const std::filesystem::path& one : paths) {
            files.push_back(std::make_unique<Safetensors>(read_safetensors(one)));
            for (const std::string& name : computed_order(one, *files.back())) {
                expects(file_of.emplace(name, files.back().get()).second, one, ": tensor ", name,
                        " is in another file of the folder too");
                order.push_back(name);
            }
        }
    }
    const Safetensors::Entry& entry(const std::string& name) const { return file_of.at(name)->entries.at(name); }
    std::vector<double> values(const std::string& name) const { return doubles(*file_of.at(name), name); }
};

struct DiffOptions {
    double atol = 0, rtol = 1e-4;
    bool common = false;  // a tensor that only one side has is no difference
};

// One tensor in A and in B.
struct TensorDifference {
    enum Verdict { alike, departs, other_shape, only_in_a, only_in_b };
    std::string name;
    Verdict verdict = alike;
    std::vector<size_t> shape_a, shape_b;
    double largest = 0;           // |a - b|; infinite where one of them is not finite and the other differs
    double largest_relative = 0;  // |a - b| / max(|a|, |b|) of one pair
    double scale = 0;             // the largest finite magnitude on either side
    double a = 0, b = 0;          // the pair with the largest difference
    size_t index = 0;             // its place, counted row by row
    size_t departing = 0;         // pairs beyond the tolerance
};

// Compares number by number. A pair departs beyond atol + rtol · scale, where the scale is the tensor's largest
// magnitude: a sum that cancels is as inexact as its terms are large. Whole numbers depart at any difference. NaN
// equals NaN, and an infinity itself.
inline TensorDifference compare_values(const std::string& name, const std::vector<double>& a,
                                       const std::vector<double>& b, bool integers, const DiffOptions& options) {
    TensorDifference d;
    d.name = name;
    for (const std::vector<double>* side : {&a, &b})
        for (double x : *side)
            if (std::isfinite(x)) d.scale = std::max(d.scale, std::abs(x));
    const double tolerance = integers ? 0 : options.atol + options.rtol * d.scale;
    for (size_t i = 0; i < a.size(); i++) {
        if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
        const bool finite = std::isfinite(a[i]) && std::isfinite(b[i]);
        const double infinity = std::numeric_limits<double>::infinity();
        const double difference = finite ? std::abs(a[i] - b[i]) : infinity;
        const double relative = finite ? difference / std::max(std::abs(a[i]), std::abs(b[i])) : infinity;
        if (difference > d.largest) d.largest = difference, d.index = i, d.a = a[i], d.b = b[i];
        d.largest_relative = std::max(d.largest_relative, relative);
        d.departing += difference > tolerance;
    }
    d.verdict = d.departing ? TensorDifference::departs : TensorDifference::alike;
    return d;
}

// Every tensor of A in A's order, then those that only B has. visit(difference) is called after each.
template <class Visit>
void compare_collections(const TensorCollection& a, const TensorCollection& b, const DiffOptions& options,
                         Visit visit) {
    const auto whole = [](const std::string& dtype) { return dtype[0] == 'I' || dtype[0] == 'U' || dtype == "BOOL"; };
    for (const std::string& name : a.order) {
        TensorDifference d;
        if (!b.file_of.count(name)) {
            d.name = name, d.verdict = TensorDifference::only_in_a;
        } else if (a.entry(name).shape != b.entry(name).shape) {
            d.name = name, d.verdict = TensorDifference::other_shape;
        } else {
            const bool integers = whole(a.entry(name).dtype) && whole(b.entry(name).dtype);
            d = compare_values(name, a.values(name), b.values(name), integers, options);
        }
        d.shape_a = a.entry(name).shape;
        if (b.file_of.count(name)) d.shape_b = b.entry(name).shape;
        visit(d);
    }
    for (const std::string& name : b.order) {
        if (a.file_of.count(name)) continue;
        TensorDifference d;
        d.name = name, d.verdict = TensorDifference::only_in_b, d.shape_b = b.entry(name).shape;
        visit(d);
    }
}

// "[2,5]": the index of a place in a tensor of this shape, counted row by row.
inline std::string place_text(size_t index, const std::vector<size_t>& shape) {
    std::vector<size_t> place(shape.size());
    for (size_t i = shape.size(); i-- > 0;)
        if (shape[i]) place[i] = index % shape[i], index /= shape[i];
    return shape_text(place);
}

// "layers.0.q [7,2,32] departs at [3,1,5]: ...".
inline std::string sentence(const TensorDifference& d, const std::string& a, const std::string& b) {
    const auto number = [](double x) { return std::isfinite(x) ? shortest(x) : concat(x); };
    switch (d.verdict) {
        case TensorDifference::other_shape:
            return concat(d.name, " has the shape ", shape_text(d.shape_a), " in ", a, " and ", shape_text(d.shape_b),
                          " in ", b);
        case TensorDifference::only_in_a:
            return concat(d.name, " is in ", a, " only");
        case TensorDifference::only_in_b:
            return concat(d.name, " is in ", b, " only");
        case TensorDifference::alike:
            return concat(d.name, " is alike");
        case TensorDifference::departs:
            break;
    }
    return concat(d.name, " ", shape_text(d.shape_a), " departs, most at ", place_text(d.index, d.shape_a), ": ",
                  number(d.a), " and ", number(d.b), ", a difference of ", format_value(d.largest),
                  " where the largest number is ", format_value(d.scale),
                  "; the largest relative difference of a pair is ", format_value(d.largest_relative), "; ",
                  d.departing, " of ", element_count(d.shape_a), " numbers depart");
}

inline Json to_json(const TensorDifference& d) {
    static const char* const kVerdicts[] = {"alike", "departs", "other shape", "only in A", "only in B"};
    const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(concat(x)); };
    Json json = Json::Object{{"name", d.name}, {"verdict", kVerdicts[d.verdict]}};
    if (d.verdict == TensorDifference::alike || d.verdict == TensorDifference::departs)
        json.set("largest", number(d.largest))
            .set("largest_relative", number(d.largest_relative))
            .set("scale", d.scale)
            .set("departing", d.departing)
            .set("at", place_text(d.index, d.shape_a))
            .set("a", number(d.a))
            .set("b", number(d.b));
    return json;
}

// Exit status 0: alike; 1: different, as for `diff`.
inline int run_diff(Arguments& arguments, const std::filesystem::path&) {
    const std::string what = "two safetensors files, or folders with such files";
    const std::string path_a = arguments.positional(0, what), path_b = arguments.positional(1, what);
    DiffOptions options;
    options.atol = arguments.number("atol", options.atol, 0);
    options.rtol = arguments.number("rtol", options.rtol, 0);
    options.common = arguments.flag("common");
    const bool all = arguments.flag("all"), json = arguments.flag("json");
    arguments.finish();
    const TensorCollection a(path_a), b(path_b);

    std::vector<TensorDifference> different;
    std::vector<std::vector<std::string>> rows = {{"tensor", "shape", "largest", "relative", "departing", "at", ""}};
    Json list = Json::Array{};
    size_t alike = 0, alike_before = 0;
    compare_collections(a, b, options, [&](const TensorDifference& d) {
        const bool one_sided = d.verdict == TensorDifference::only_in_a || d.verdict == TensorDifference::only_in_b;
        if (one_sided && options.common) return;
        const bool is_alike = d.verdict == TensorDifference::alike;
        if (is_alike) alike++, alike_before += different.empty();
        if (!is_alike) different.push_back(d);
        if (json) list.push(to_json(d));
        if (!all) return;
        const bool compared = is_alike || d.verdict == TensorDifference::departs;
        rows.push_back({d.name, shape_text(d.verdict == TensorDifference::only_in_b ? d.shape_b : d.shape_a),
                        compared ? format_value(d.largest) : "-", compared ? format_value(d.largest_relative) : "-",
                        compared ? std::to_string(d.departing) : "-", compared ? place_text(d.index, d.shape_a) : "-",
                        is_alike   ? ""
                        : compared ? "departs"
                                   : to_json(d)["verdict"].string()});
    });
    expects(alike + different.size() > 0, path_a, " and ", path_b, " have no tensor in common");
    if (json) {
        Json result = Json::Object{{"alike", alike}, {"different", different.size()}};
        result.set("first", different.empty() ? Json() : Json(different[0].name)).set("tensors", list);
        std::cout << dump(result) << "\n";
        return different.empty() ? kDone : 1;
    }
    if (all) std::cout << format_table(rows) << "\n";
    if (different.empty()) {
        std::cout << "All " << alike << " tensors are alike.\n";
        return kDone;
    }
    std::cout << "First: " << sentence(different[0], path_a, path_b) << ".\n"
              << "Alike before it: " << alike_before << ". In all: " << alike << " alike, " << different.size()
              << " not" << (all || different.size() == 1 ? "" : "; --all lists them") << ".\n";
    return 1;
}

inline Verb diff_verb() {
    return {"diff",
            "which tensor of one safetensors file or model first departs from another's; exit status 1 if any does",
            "cai diff ours.safetensors theirs.safetensors",
            {{"rtol", "R", "a number may differ by R times its tensor's largest magnitude (0.0001) ..."},
             {"atol", "A", "... plus A (0); whole numbers may not differ at all"},
             {"common", "", "compare only the tensors that both have; without it, a missing one is a difference"},
             {"all", "", "a table of all tensors, in the order of their computation"},
             kJson},
            run_diff,
            false};
}

}  // namespace cai
