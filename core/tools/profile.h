// A profiler for kernels: a kernel table that wraps another one and records how long each kernel takes.
#pragma once
#include <algorithm>
#include <vector>

#include "../nn/kernels.h"
#include "timing.h"

namespace cai {

// A kernel table holds plain function pointers, so the profile has to be global: there is one in the program.
struct Profile {
    struct Row {
        const char* kernel;
        double seconds = 0;
        size_t calls = 0;
    };
    static inline const Kernels* kernels = nullptr;  // the kernels being timed
    static inline std::vector<Row> rows;             // in the order of first use

    static void add(const char* kernel, double seconds) {
        auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.kernel == kernel; });
        if (row == rows.end()) row = rows.insert(rows.end(), Row{kernel});
        row->seconds += seconds;
        row->calls++;
    }
};

struct Stopwatch {
    const char* kernel;
    double start = seconds_now();
    ~Stopwatch() {
        Profile::kernels->wait();
        Profile::add(kernel, seconds_now() - start);
    }
};

template <auto Member>
struct Timed;

template <class Result, class... Inputs, Result (*Kernels::*Member)(Inputs...)>
struct Timed<Member> {
    static inline const char* name;

    static Result call(Inputs... inputs) {
        const Stopwatch stopwatch{name};
        return (Profile::kernels->*Member)(inputs...);
    }
};

// A table of timed kernels to give to a model; clears the profile. `kernels` must outlive it.
inline Kernels timed(const Kernels& kernels) {
    Kernels table = kernels;
    Profile::kernels = &kernels;
    Profile::rows.clear();
    const auto time = [&]<auto Member>(Timed<Member>, const char* name) {
        Timed<Member>::name = name;
        if (kernels.*Member) table.*Member = Timed<Member>::call;
    };
#define CAI_TIME(kernel) time(Timed<&Kernels::kernel>(), #kernel)
    CAI_TIME(upload), CAI_TIME(download), CAI_TIME(set_zero);
    CAI_TIME(embedding_forward), CAI_TIME(embedding_backward), CAI_TIME(rmsnorm_forward), CAI_TIME(rmsnorm_backward);
    CAI_TIME(matmul_pack), CAI_TIME(matmul_forward), CAI_TIME(matmul_backward_input), CAI_TIME(matmul_backward_weight);
    CAI_TIME(matmul_pack_quantized), CAI_TIME(matmul_forward_quantized), CAI_TIME(embedding_forward_quantized);
    CAI_TIME(rope_forward), CAI_TIME(rope_backward), CAI_TIME(attention_forward), CAI_TIME(attention_backward);
    CAI_TIME(cache_store), CAI_TIME(attention_decode), CAI_TIME(swiglu_forward), CAI_TIME(swiglu_backward);
    CAI_TIME(logprob_forward), CAI_TIME(logprob_backward), CAI_TIME(sample);
    CAI_TIME(gather_rows), CAI_TIME(scatter_rows), CAI_TIME(accumulate_and_clear);
    CAI_TIME(sum_of_squares), CAI_TIME(adamw), CAI_TIME(muon);
    CAI_TIME(gae), CAI_TIME(policy_loss), CAI_TIME(value_loss), CAI_TIME(preference_loss);
#undef CAI_TIME
    return table;
}

}  // namespace cai
