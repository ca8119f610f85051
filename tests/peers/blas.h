// A library with the interface of sgemm as a contender (contender.h).
#pragma once
#include <vector>

#include "contender.h"

namespace cai {

// multiply(transpose_a, transpose_b, M, N, K, a, lda, b, ldb, beta, c, ldc), row-major: c = a · b + beta c.
template <class Multiply>
int answer_with_sgemm(const std::string& version, Multiply multiply) {
    return answer_requests([&](const std::string& verb, std::istream& words) -> std::string {
        if (verb == "version") return version;
        std::string product;
        int N, I, O;
        words >> product >> N >> I >> O;
        const auto numbers = [](int rows, int columns) {
            std::vector<float> values(static_cast<size_t>(rows) * static_cast<size_t>(columns));
            for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<float>(i % 97) / 48 - 1;
            return values;
        };
        std::vector<float> x = numbers(N, I), weight = numbers(O, I), out = numbers(N, O);
        const double seconds = seconds_of([&] {
            if (product == "forward")  // out = x · weightᵀ
                multiply(false, true, N, O, I, x.data(), I, weight.data(), I, 0.0f, out.data(), O);
            else if (product == "backward_input")  // dx = dout · weight
                multiply(false, false, N, I, O, out.data(), O, weight.data(), I, 0.0f, x.data(), I);
            else  // dweight += doutᵀ · x
                multiply(true, false, O, I, N, out.data(), O, x.data(), I, 1.0f, weight.data(), I);
        });
        std::ostringstream text;
        text << seconds;
        return text.str();
    });
}

}  // namespace cai
