// OpenBLAS as a contender.
#include <cblas.h>

#include "blas.h"

int main() {
    const auto multiply = [](bool transpose_a, bool transpose_b, int M, int N, int K, const float* a, int lda,
                             const float* b, int ldb, float beta, float* c, int ldc) {
        const auto order = [](bool transpose) { return transpose ? CblasTrans : CblasNoTrans; };
        cblas_sgemm(CblasRowMajor, order(transpose_a), order(transpose_b), M, N, K, 1, a, lda, b, ldb, beta, c, ldc);
    };
    return cai::answer_with_sgemm(openblas_get_config(), multiply);
}
