// Lists of constants that g++ 12.2 has written wrongly for AVX-512, built at run time with the flags of the file that
// includes this one.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../core/base/error.h"

namespace {

// As text, since a compiler that knows the list may know the outcome of a comparison too.
template <class Number>
std::string listed(const std::vector<Number>& numbers) {
    std::string text;
    for (Number number : numbers) text += cai::concat(number, " ");
    return text;
}

[[gnu::noinline]] std::vector<double> doubles() { return {2, 2, 2, 0}; }
[[gnu::noinline]] std::vector<float> floats() { return {1, 1, 1, 1, 1, 1, 0, 0}; }
[[gnu::noinline]] std::vector<int32_t> integers() { return {2, 2, 2, 2, 2, 2, 0, 0}; }
[[gnu::noinline]] std::vector<int64_t> negatives() { return {-5, -5, -1, -1}; }
[[gnu::noinline]] std::vector<double> eight() { return {3, 3, 3, 3, 3, 0, 0, 0}; }
[[gnu::noinline]] void characters(char* to) { std::memcpy(to, "aaaaaaaaaaaaaaaaaaaaaaaa\0\0\0\0\0\0\0", 32); }

[[maybe_unused]] std::string all_constants() {
    char text[32];
    characters(text);
    return listed(doubles()) + "| " + listed(floats()) + "| " + listed(integers()) + "| " + listed(negatives()) + "| " +
           listed(eight()) + "| " + std::string(text, strnlen(text, sizeof text));
}

}  // namespace
