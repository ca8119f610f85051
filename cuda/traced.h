// Numbers that report who reads and writes them: Traced<float> is a float whose every use tells the emulator's observer
// its address and the source line. replay.cu compiles the kernels of this folder a second time with these types in
// place of float, double, int32_t and size_t, so the kernels know nothing of it.
//
// The line comes from a default argument, which C++ evaluates at the place of the call, here of a conversion: operands
// are taken as Values, and to make a Value of a Traced is to read it, at that line.
#pragma once
#include <cmath>
#include <concepts>
#include <type_traits>

#include "../core/base/elementary.h"
#include "launch.h"

namespace cai::emulator {

template <class T>
struct Traced;

// Takes the place of size_t. It is not traced itself, but to make one of a traced number is to read that.
struct Index {
    unsigned long value;

    Index() = default;
    template <std::integral Number>
    constexpr Index(Number value) : value(static_cast<unsigned long>(value)) {}
    template <std::integral Number>
    Index(const Traced<Number>& from, Site at = Site::here()) : value(static_cast<unsigned long>(from.read(at))) {}
    constexpr operator unsigned long() const { return value; }
    constexpr operator unsigned long&() { return value; }
};

// An operand: a number that was read, and at which line.
template <class T>
struct Value {
    T value;
    Site at;

    // A double is never made a float in passing.
    template <class Number>
        requires std::is_arithmetic_v<Number> && (!std::same_as<Number, double> || std::same_as<T, double>)
    Value(Number value, Site at = Site::here()) : value(static_cast<T>(value)), at(at) {}
    Value(Index index, Site at = Site::here()) : value(static_cast<T>(index.value)), at(at) {}
    template <class Number>
        requires(!std::same_as<Number, double> || std::same_as<T, double>)
    Value(const Traced<Number>& from, Site at = Site::here()) : value(static_cast<T>(from.read(at))), at(at) {}
};

template <class T>
struct Traced {
    T value;

    Traced() = default;
    constexpr Traced(T value) : value(value) {}
    Traced(const Traced& from, Site at = Site::here()) : value(from.read(at)) {}
    template <class Number>
    Traced(const Traced<Number>& from, Site at = Site::here()) : value(static_cast<T>(from.read(at))) {}
    operator Part() const { return value; }

    T read(Site at) const {
        if (observer) observer->accessed(this, sizeof(T), false, at);
        return value;
    }
    T write(T number, Site at) {
        if (observer) observer->accessed(this, sizeof(T), true, at);
        return value = number;
    }
    // An assignment gives the number and not the variable: in a = b = c nobody reads b again.
    T operator=(Value<T> v) { return write(v.value, v.at); }
    Traced& operator=(const Traced&) requires(sizeof(T) == 0);  // which leaves this to the one above, with its line
    T operator+=(Value<T> v) { return write(read(v.at) + v.value, v.at); }
    T operator-=(Value<T> v) { return write(read(v.at) - v.value, v.at); }
    T operator*=(Value<T> v) { return write(read(v.at) * v.value, v.at); }
    T operator++() { return write(read({"", 0}) + 1, {"", 0}); }

    friend T operator+(Value<T> a, Value<T> b) { return a.value + b.value; }
    friend T operator-(Value<T> a, Value<T> b) { return a.value - b.value; }
    friend T operator*(Value<T> a, Value<T> b) { return a.value * b.value; }
    friend T operator/(Value<T> a, Value<T> b) { return a.value / b.value; }
    friend T operator-(Value<T> a) { return -a.value; }
    friend bool operator<(Value<T> a, Value<T> b) { return a.value < b.value; }
    friend bool operator>(Value<T> a, Value<T> b) { return a.value > b.value; }
    friend bool operator<=(Value<T> a, Value<T> b) { return a.value <= b.value; }
    friend bool operator>=(Value<T> a, Value<T> b) { return a.value >= b.value; }
    friend bool operator==(Value<T> a, Value<T> b) { return a.value == b.value; }
    friend bool operator!=(Value<T> a, Value<T> b) { return a.value != b.value; }

    // A double and a float make a double.
    template <std::same_as<double> Double>
        requires(!std::same_as<T, double>)
    friend double operator-(Double a, Value<T> b) { return a - b.value; }
    template <std::same_as<double> Double>
        requires(!std::same_as<T, double>)
    friend double operator*(Double a, Value<T> b) { return a * b.value; }

    friend T fmaf(Value<T> a, Value<T> b, Value<T> c) { return ::fmaf(a.value, b.value, c.value); }
    friend T fmaxf(Value<T> a, Value<T> b) { return ::fmaxf(a.value, b.value); }
    friend T expf(Value<T> x) { return ::expf(x.value); }
    friend T logf(Value<T> x) { return ::logf(x.value); }
    friend T sqrtf(Value<T> x) { return ::sqrtf(x.value); }
    friend T exp(Value<T> x) { return ::exp(x.value); }
    friend T fabs(Value<T> x) { return ::fabs(x.value); }
    friend unsigned __float_as_uint(Value<T> x) { return ::__float_as_uint(x.value); }
};

}  // namespace cai::emulator

namespace cai::elementary {
inline double pow(emulator::Value<double> x, double y) { return pow(x.value, y); }
}  // namespace cai::elementary
