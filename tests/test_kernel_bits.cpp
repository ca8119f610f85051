// The bits of the CPU's kernels, written out one float at a time: sixteen sums folded in half, std::fma where the
// source says multiply_add, and nothing else fused. A machine whose vectors have another width has to agree to the last
// bit.
#include <cmath>

#include "../core/base/elementary.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

using Row = std::vector<float>;

// Sums over lanes: number i goes to sum i % 16.
struct Sixteen {
    float sums[16] = {};
    void add(size_t i, float x) { sums[i % 16] += x; }
    void add_product(size_t i, float a, float b) { sums[i % 16] = std::fma(a, b, sums[i % 16]); }
    float total() const {
        Row part(sums, sums + 16);
        for (size_t half = 8; half > 0; half /= 2)
            for (size_t i = 0; i < half; ++i) part[i] += part[i + half];
        return part[0];
    }
};

// cpu/vector.h's exp, for |x| < 87.
float exp_of(float x) {
    const float shifted = std::fma(x, 0x1.715476p+0f, 0x1.8p23f), n = shifted - 0x1.8p23f;
    const float r = std::fma(n, -0x1.7f7d1cp-20f, std::fma(n, -0x1.62e4p-1f, x));
    float y = 1.0f / 5040;
    for (float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
        y = std::fma(y, r, coefficient);
    return std::ldexp(y, static_cast<int>(n));
}

const size_t kWidths[] = {1, 7, 8, 17, 33, 64, 67};

}  // namespace

TEST_CASE("kernel bits: rmsnorm") {
    const size_t N = 70;  // more than one block of rows
    const float eps = 1e-5f;
    for (size_t C : kWidths) {
        const Row x = normals(N * C, 1), weight = normals(C, 2), dout = normals(N * C, 3), before = normals(N * C, 4);
        Row out(N * C), rstd(N), dx = before, sums(2 * C), dweight(C);
        for (size_t n = 0; n < N; ++n) {
            Sixteen squares, products;
            for (size_t c = 0; c < C; ++c) squares.add_product(c, x[n * C + c], x[n * C + c]);
            const float r = rstd[n] = 1 / std::sqrt(squares.total() / static_cast<float>(C) + eps);
            for (size_t c = 0; c < C; ++c) {
                const size_t i = n * C + c;
                out[i] = x[i] * r * weight[c];
                products.add_product(c, dout[i] * weight[c], x[i]);
                float& sum = sums[n / 64 * C + c];
                sum = std::fma(dout[i] * x[i], r, sum);
            }
            const float pull = r * r * (products.total() / static_cast<float>(C));
            for (size_t c = 0; c < C; ++c) {
                const size_t i = n * C + c;
                dx[i] += r * (dout[i] * weight[c] - x[i] * pull);
            }
        }
        for (size_t i = 0; i < sums.size(); ++i) dweight[i % C] += sums[i];

        const Kernels& k = cpu_kernels;
        Floats out_(k, poison(N * C)), rstd_(k, poison(N)), x_(k, x), weight_(k, weight), dout_(k, dout),
            dx_(k, before), dweight_(k, Row(C));
        k.rmsnorm_forward(out_, rstd_, x_, weight_, N, C, eps);
        k.rmsnorm_backward(dx_, dweight_, dout_, x_, rstd_, weight_, N, C);
        CHECK_BITS(out_.read(), out);
        CHECK_BITS(rstd_.read(), rstd);
        CHECK_BITS(dx_.read(), dx);
        CHECK_BITS(dweight_.read(), dweight);
    }
}

TEST_CASE("kernel bits: log-probabilities and entropies") {
    const float temperature = 0.7f, scale = 1 / temperature;
    for (size_t V : {1, 7, 24, 101, 1031}) {
        const Row logits = normals(V, 5, 3);
        float largest = logits[0];
        for (float logit : logits) largest = std::max(largest, logit);
        Sixteen sum, products;
        for (size_t j = 0; j < V; ++j) {
            const float z = (logits[j] - largest) * scale, e = exp_of(z);
            sum.add(j, e);
            products.add(j, e * z);
        }
        const float log_sum = static_cast<float>(elementary::log(static_cast<double>(sum.total())));
        const Row expected = {(logits[V / 2] - largest) * scale - log_sum, log_sum - products.total() / sum.total()};

        const Kernels& k = cpu_kernels;
        Floats logprob(k, poison(1)), entropy(k, poison(1)), logits_(k, logits);
        Ints target(k, {static_cast<int32_t>(V / 2)});
        k.logprob_forward(logprob, entropy, logits_, target, 1, V, temperature);
        CHECK_BITS(Row({logprob.read()[0], entropy.read()[0]}), expected);
    }
}

TEST_CASE("kernel bits: attention") {
    for (size_t D : {2, 6, 16, 34})
        for (size_t n : kWidths) {
            const float scale = 1 / std::sqrt(static_cast<float>(D));
            const Row qkv = normals(n * 3 * D, 6);
            Row out(n * D), logsumexp(n);
            for (size_t i = 0; i < n; ++i) {
                const float* q = &qkv[i * 3 * D];
                Row p(i + 1);
                for (size_t j = 0; j <= i; ++j)
                    for (size_t d = 0; d < D; ++d) p[j] = std::fma(q[d], qkv[(j * 3 + 1) * D + d], p[j]);
                float top = p[0];
                for (float score : p) top = std::max(top, score);
                Sixteen sum;
                for (size_t j = 0; j <= i; ++j) sum.add(j, p[j] = exp_of((p[j] - top) * scale));
                const float share = 1 / sum.total();
                for (size_t j = 0; j <= i; ++j)
                    for (size_t d = 0; d < D; ++d)
                        out[i * D + d] = std::fma(p[j] * share, qkv[(j * 3 + 2) * D + d], out[i * D + d]);
                logsumexp[i] = top * scale + static_cast<float>(elementary::log(static_cast<double>(sum.total())));
            }
            const Kernels& k = cpu_kernels;
            Floats out_(k, poison(n * D)), logsumexp_(k, poison(n)), qkv_(k, qkv);
            Ints offsets(k, {0, static_cast<int32_t>(n)});
            k.attention_forward(out_, logsumexp_, qkv_, offsets, 1, 1, 1, D);
            CHECK_BITS(out_.read(), out);
            CHECK_BITS(logsumexp_.read(), logsumexp);
        }
}

TEST_CASE("kernel bits: a matrix product adds along its depth, in blocks of 256") {
    const size_t N = 7, O = 37;
    for (size_t I : {1, 64, 256, 257, 600}) {
        const Row x = normals(N * I, 7), weight = normals(O * I, 8), residual = normals(N * O, 9);
        Row out = residual;
        for (size_t n = 0; n < N; ++n)
            for (size_t o = 0; o < O; ++o)
                for (size_t first = 0; first < I; first += 256) {
                    float sum = 0;
                    for (size_t i = first; i < std::min(first + 256, I); ++i)
                        sum = std::fma(x[n * I + i], weight[o * I + i], sum);
                    out[n * O + o] += sum;
                }
        const Kernels& k = cpu_kernels;
        Floats out_(k, poison(N * O)), x_(k, x), weight_(k, weight), residual_(k, residual),
            packed(k, poison(k.packed_size(O, I)));
        k.matmul_pack(packed, weight_, O, I);
        k.matmul_forward(out_, x_, packed, residual_, N, I, O);
        CHECK_BITS(out_.read(), out);
    }
}
