// How doctest shows the vectors and pairs that exercises compare: {5, 6} in the place of {?}.
#pragma once
#include <doctest/doctest.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace doctest {

template <class T>
struct StringMaker<std::vector<T>> {
    static String convert(const std::vector<T>& values) {
        String text = "{";
        for (size_t i = 0; i < values.size(); i++) {
            const T value = values[i];
            text += (i ? String(", ") : String("")) + toString(value);
        }
        return text + "}";
    }
};

template <class First, class Second>
struct StringMaker<std::pair<First, Second>> {
    static String convert(const std::pair<First, Second>& pair) {
        return String("{") + toString(pair.first) + ", " + toString(pair.second) + "}";
    }
};

}  // namespace doctest
