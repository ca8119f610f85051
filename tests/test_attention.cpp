// Attention against the plain loops in double, those against numbers by hand and central differences, and decoding
// against forward.
#include "../cpu/plain/attention.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

struct Shape {
    std::vector<int32_t> offsets;  // of the sequences
    size_t H, K, D;
    size_t N() const { return offsets.back(); }
    size_t S() const { return offsets.size() - 1; }
    size_t row() const { return (H + 2 * K) * D; }
};

// Sequences of one token, primes, one around the width of a tile (6), a vector (16) and a block (48); ragged head
// widths.
const Shape kShapes[] = {{{0, 1}, 1, 1, 2},           {{0, 1, 2, 9}, 2, 1, 4},
                         {{0, 6, 13, 14}, 4, 1, 10},  {{0, 17, 48, 97}, 4, 2, 32},
                         {{0, 49, 50, 131}, 3, 3, 6}, {{0, 5, 5, 70}, 2, 2, 48},  // one sequence is empty
                         {{0, 23}, 8, 2, 80}};

struct Reference {
    std::vector<double> out, logsumexp;
};

// The plain loops in double.
Reference plain_forward(const std::vector<double>& qkv, const Shape& s) {
    Reference r{std::vector<double>(s.N() * s.H * s.D, kNaN), std::vector<double>(s.N() * s.H, kNaN)};
    plain::attention_forward(r.out.data(), r.logsumexp.data(), qkv.data(), s.offsets.data(), s.S(), s.H, s.K, s.D);
    return r;
}
std::vector<double> plain_backward(const std::vector<double>& dout, const std::vector<double>& qkv, const Shape& s) {
    const Reference r = plain_forward(qkv, s);
    std::vector<double> dqkv(qkv.size(), kNaN);
    plain::attention_backward(dqkv.data(), dout.data(), r.out.data(), r.logsumexp.data(), qkv.data(), s.offsets.data(),
                              s.S(), s.H, s.K, s.D);
    return dqkv;
}

struct Result {
    std::vector<float> out, logsumexp;
};

Result forward(const Kernels& k, const std::vector<float>& qkv, const Shape& s) {
    Floats qkv_(k, qkv), out(k, poison(s.N() * s.H * s.D)), logsumexp(k, poison(s.N() * s.H));
    k.attention_forward(out, logsumexp, qkv_, s.offsets.data(), s.S(), s.H, s.K, s.D);
    return {out.read(), logsumexp.read()};
}

std::vector<float> backward(const Kernels& k, const std::vector<float>& dout, const Result& r,
                            const std::vector<float>& qkv, const Shape& s) {
    Floats dqkv(k, poison(s.N() * s.row())), dout_(k, dout), out(k, r.out), logsumexp(k, r.logsumexp), qkv_(k, qkv);
    k.attention_backward(dqkv, dout_, out, logsumexp, qkv_, s.offsets.data(), s.S(), s.H, s.K, s.D);
    return dqkv.read();
}

// Softmax exponentiates scores of order 3: their roundings of 6e-8 · 3 become relative errors of the probabilities.
constexpr Tolerance kSoftmax = {3e-6, 3e-5, "softmax in float against double"};

}  // namespace

TEST_CASE("attention by hand: which head reads which") {
    // Four query heads of width 2 over two key-value heads, one token: it sees itself alone, so out is its value.
    const Shape s = {{0, 1}, 4, 2, 2};
    const std::vector<float> qkv = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    for (const Kernels* k : backends())
        CHECK(forward(*k, qkv, s).out == std::vector<float>{13, 14, 13, 14, 15, 16, 15, 16});
}

TEST_CASE("attention by hand") {
    // One head of width 1, keys 0 and ln 3, queries 1: the second row weighs its keys 1 : 3.
    const Shape s = {{0, 2}, 1, 1, 1};
    const std::vector<float> qkv = {1, 0, 8, 1, std::log(3.0f), 16};
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, qkv, s);
        CHECK(r.out[0] == 8);
        CHECK(r.out[1] == doctest::Approx(0.25 * 8 + 0.75 * 16).epsilon(1e-6));
        CHECK(r.logsumexp[0] == 0);
        CHECK(r.logsumexp[1] == doctest::Approx(std::log(4.0)).epsilon(1e-6));
        // dout = 1 for row 1: dv = (1/4, 3/4), dscores = p (v - out) = (-1.5, 1.5), dq = Σ dscores k, dk = dscores q.
        const auto dqkv = backward(*k, {0, 1}, r, qkv, s);
        CHECK_CLOSE(dqkv, (std::vector<double>{0, -1.5, 0.25, 1.5 * std::log(3.0), 1.5, 0.75}), kSoftmax);
    }
}

TEST_CASE("attention against the plain loops in double") {
    for (const Kernels* k : backends())
        for (const Shape& s : kShapes) {
            INFO(k->name, ", N ", s.N(), ", H ", s.H, ", K ", s.K, ", D ", s.D);
            const auto qkv = normals(s.N() * s.row(), 1, 1.5);
            const Result r = forward(*k, qkv, s);
            const Reference expected = plain_forward(to_double(qkv), s);
            CHECK_CLOSE(r.out, expected.out, kSoftmax);
            CHECK_CLOSE(r.logsumexp, expected.logsumexp, kSoftmax);
        }
}

TEST_CASE("attention: the plain gradient is the slope of plain forward") {
    const Shape small[] = {{{0, 1, 8}, 2, 1, 6}, {{0, 7, 9}, 4, 2, 4}, {{0, 19}, 1, 1, 18}, {{0, 3, 4, 55}, 2, 2, 2}};
    for (const Shape& s : small) {
        INFO("N ", s.N(), ", H ", s.H, ", K ", s.K, ", D ", s.D);
        const auto qkv = to_double(normals(s.N() * s.row(), 2)), dout = to_double(normals(s.N() * s.H * s.D, 3));
        const auto slopes = central_differences(
            [&](const std::vector<double>& v) { return inner(dout, plain_forward(v, s).out); }, qkv);
        CHECK_CLOSE(plain_backward(dout, qkv, s), slopes, kDifferences);
    }
}

TEST_CASE("attention's gradient against the plain loops in double") {
    for (const Shape& s : kShapes) {
        const auto qkv = normals(s.N() * s.row(), 4), dout = normals(s.N() * s.H * s.D, 5);
        const auto expected = plain_backward(to_double(dout), to_double(qkv), s);
        for (const Kernels* k : backends()) {
            INFO(k->name, ", N ", s.N(), ", H ", s.H, ", K ", s.K, ", D ", s.D);
            CHECK_CLOSE(backward(*k, dout, forward(*k, qkv, s), qkv, s), expected, kSoftmax);
        }
    }
}

TEST_CASE("a sequence does not know its neighbours, nor a row what follows") {
    const Shape s = {{0, 31, 90}, 4, 2, 32}, alone = {{0, 59}, 4, 2, 32}, shorter = {{0, 40}, 4, 2, 32};
    const auto qkv = normals(s.N() * s.row(), 6), dout = normals(s.N() * s.H * s.D, 7);
    for (const Kernels* k : backends()) {
        const Result all = forward(*k, qkv, s);
        const size_t out_row = s.H * s.D;
        const auto second = slice(qkv, 31 * s.row(), 59 * s.row());
        const Result one = forward(*k, second, alone);
        CHECK_BITS(one.out, slice(all.out, 31 * out_row, 59 * out_row));
        CHECK_BITS(one.logsumexp, slice(all.logsumexp, 31 * s.H, 59 * s.H));
        CHECK_BITS(backward(*k, slice(dout, 31 * out_row, 59 * out_row), one, second, alone),
                   slice(backward(*k, dout, all, qkv, s), 31 * s.row(), 59 * s.row()));
        CHECK_BITS(forward(*k, slice(second, 0, 40 * s.row()), shorter).out, slice(one.out, 0, 40 * out_row));
    }
}

TEST_CASE("attention_decode has attention_forward's bits, whatever the layout of the cache and the order of the rows") {
    for (const Kernels* k : backends())
        for (const Shape& s : kShapes)
            for (size_t room : {0, 5}) {
                size_t longest = 0;
                for (size_t i = 0; i < s.S(); ++i) longest = std::max<size_t>(longest, s.offsets[i + 1] - s.offsets[i]);
                const size_t capacity = room ? (longest + 15) / 16 * 16 : longest;  // ragged and not
                INFO("N ", s.N(), ", H ", s.H, ", K ", s.K, ", D ", s.D, ", capacity ", capacity);
                const auto qkv = normals(s.N() * s.row(), 8, 1.5);
                const Result expected = forward(*k, qkv, s);
                // Stale contents, as another sequence would leave them, must not show.
                Floats keys(*k, normals((s.S() + 1) * s.K * s.D * capacity, 9, 100));
                Floats values(*k, normals((s.S() + 1) * s.K * s.D * capacity, 10, 100));
                std::vector<float> got(s.N() * s.H * s.D);
                // Steps of ragged size: every sequence hands over its next 1, 2, 3 ... rows; slots in reverse order.
                std::vector<int32_t> done(s.S());
                for (int32_t chunk = 1, left = 1; left; ++chunk) {
                    std::vector<int32_t> slots, positions, rows;
                    left = 0;
                    for (size_t q = 0; q < s.S(); ++q) {
                        const int32_t length = s.offsets[q + 1] - s.offsets[q];
                        for (int32_t i = 0; i < chunk && done[q] < length; ++i) {
                            slots.push_back(static_cast<int32_t>(s.S() - q));
                            positions.push_back(done[q]);
                            rows.push_back(s.offsets[q] + done[q]++);
                        }
                        left += length - done[q];
                    }
                    std::vector<float> step;
                    for (int32_t row : rows) {
                        const auto one = slice(qkv, row * s.row(), s.row());
                        step.insert(step.end(), one.begin(), one.end());
                    }
                    Floats step_(*k, step), out(*k, poison(rows.size() * s.H * s.D));
                    k->cache_store(keys, values, step_, slots.data(), positions.data(), rows.size(), s.H, s.K, s.D,
                                   capacity);
                    k->attention_decode(out, step_, keys, values, slots.data(), positions.data(), rows.size(), s.H, s.K,
                                        s.D, capacity);
                    const auto result = out.read();
                    for (size_t i = 0; i < rows.size(); ++i)
                        std::copy_n(&result[i * s.H * s.D], s.H * s.D, &got[rows[i] * s.H * s.D]);
                }
                keys.read(), values.read();
                CHECK_BITS(got, expected.out);
            }
}

TEST_CASE("attention gives the same bits for any number of threads") {
    const Shape s = {{0, 61, 100, 249, 250}, 4, 2, 32};
    const auto qkv = normals(s.N() * s.row(), 11), dout = normals(s.N() * s.H * s.D, 12);
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, qkv, s);
        CHECK_THREADS(*k, { return forward(*k, qkv, s).out; });
        CHECK_THREADS(*k, { return backward(*k, dout, r, qkv, s); });
    }
}

TEST_CASE("attention passes NaN on, to its own sequence and not to earlier tokens' scores") {
    const Shape s = {{0, 10, 30}, 2, 1, 8};
    auto qkv = normals(s.N() * s.row(), 13);
    qkv[15 * s.row() + s.H * s.D] = kNaN;  // one key of the second sequence
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, qkv, s);
        for (size_t n = 0; n < s.N(); ++n)
            for (size_t i = 0; i < s.H * s.D; ++i) CHECK(std::isnan(r.out[n * s.H * s.D + i]) == (n >= 15));
    }
}

TEST_CASE("attention of large scores stays finite and exact") {
    // Scores of +-2000: without the maximum subtracted every exponential would overflow.
    const Shape s = {{0, 3}, 1, 1, 1};
    const std::vector<float> qkv = {1, 2000, 1, 1, -2000, 2, 1, 2000, 4};
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, qkv, s);
        CHECK(r.out == std::vector<float>{1, 1, 2.5});
        CHECK(r.logsumexp[1] == 2000);
        CHECK(r.logsumexp[2] == doctest::Approx(2000 + std::log(2.0)));
    }
}
