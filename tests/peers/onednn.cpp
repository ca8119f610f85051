// oneDNN as a contender, by its sgemm.
#include <dnnl.h>

#include "blas.h"

int main() {
    const dnnl_version_t* v = dnnl_version();
    const std::string version =
        "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
    return cai::answer_with_sgemm(version, [](bool transpose_a, bool transpose_b, int M, int N, int K, const float* a,
                                              int lda, const float* b, int ldb, float beta, float* c, int ldc) {
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', M, N, K, 1, a, lda, b, ldb, beta, c, ldc);
    });
}
