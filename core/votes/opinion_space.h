// The opinion space: participants as points in the plane in which their votes differ most, by principal component
// analysis of the filled and centred matrix of votes B (R,C).
//
// B is never stored: filling with 0 or with a statement's mean, and subtracting means, leaves the sparse votes S and
// two terms of rank one,   B = S - r 1' - 1 c',   so that B v and B' u cost as much as there are votes. The two largest
// singular values and vectors of B = sum of s u v' are found by the Lanczos process on B'B with full
// reorthogonalisation (Golub & Van Loan, Matrix Computations, section 10.1), whose small tridiagonal matrix Jacobi's
// rotations diagonalise (section 8.5).
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "../base/error.h"
#include "../base/rng.h"
#include "poll.h"

namespace cai {

// ccai: as the notebook of 2406.07814: a vote not cast is 0, each participant's mean over statements is subtracted, and
// both axes are of length 1. polis: as Polis: a vote not cast is the statement's mean, that mean is subtracted, and an
// axis is as long as its singular value; who voted on few statements is moved outward by sqrt(statements / votes).
enum class Space { ccai, polis };
enum class Impute { zero, mean };

struct OpinionSpace {
    std::vector<std::array<double, 2>> participants;  // (R)
    std::vector<std::array<double, 2>> statements;    // (C): right singular vectors, where the axes point
    std::array<double, 2> explained;                  // shares of the variance, s^2 / |B|^2
};

class CentredVotes {
  public:
    CentredVotes(const VoteMatrix& votes, Space space, Impute impute)
        : votes_(votes), mean_(votes.columns, 0), r_(votes.rows(), 0), c_(votes.columns, 0) {
        const double rows = static_cast<double>(votes.rows()), columns = static_cast<double>(votes.columns);
        std::vector<double> sum(votes.columns, 0), count(votes.columns, 0);
        for (size_t e = 0; e < votes.entries(); e++) sum[votes.column[e]] += votes.vote[e], count[votes.column[e]]++;
        double mean_sum = 0, squares = 0;
        for (size_t j = 0; j < votes.columns; j++) {
            if (impute == Impute::mean && count[j] > 0) mean_[j] = sum[j] / count[j];
            mean_sum += mean_[j];
            c_[j] = space == Space::ccai ? -mean_[j] : impute == Impute::zero ? sum[j] / rows : 0;
        }
        for (size_t e = 0; e < votes.entries(); e++) values_.push_back(votes.vote[e] - mean_[votes.column[e]]);
        for (size_t i = 0; i < votes.rows(); i++) {
            double row = mean_sum;
            for (size_t e = votes.starts[i]; e < votes.starts[i + 1]; e++) row += values_[e];
            r_[i] = space == Space::ccai ? row / columns : 0;
        }
        // |B|^2: as if nobody had voted, sum of (r_i + c_j)^2, then what each vote changes of it.
        double c_sum = 0, c_squares = 0;
        for (double c : c_) c_sum += c, c_squares += c * c;
        for (size_t i = 0; i < votes.rows(); i++) {
            double row = columns * r_[i] * r_[i] + 2 * r_[i] * c_sum + c_squares;
            for (size_t e = votes.starts[i]; e < votes.starts[i + 1]; e++)
                row += values_[e] * (values_[e] - 2 * (r_[i] + c_[votes.column[e]]));
            squares += row;
        }
        squares_ = squares;
    }

    double squares() const { return squares_; }

    // B v: (C) to (R).
    std::vector<double> times(const std::vector<double>& v) const {
        double ones = 0, shift = 0;
        for (size_t j = 0; j < v.size(); j++) ones += v[j], shift += c_[j] * v[j];
        std::vector<double> u(votes_.rows());
        // Plain pointers: this is compiled to be stepped through, and a vector's [] is then a call.
        const double *value = values_.data(), *of = v.data();
        const uint32_t* column = votes_.column.data();
        for (size_t i = 0; i < u.size(); i++) {
            const size_t end = votes_.starts[i + 1];
            double sum = 0;
            for (size_t e = votes_.starts[i]; e < end; e++) sum += value[e] * of[column[e]];
            u[i] = sum - r_[i] * ones - shift;
        }
        return u;
    }

    // B' u: (R) to (C).
    std::vector<double> transposed_times(const std::vector<double>& u) const {
        double ones = 0, shift = 0;
        std::vector<double> v(votes_.columns, 0);
        const double* value = values_.data();
        const uint32_t* column = votes_.column.data();
        double* sums = v.data();
        for (size_t i = 0; i < u.size(); i++) {
            const double of = u[i];
            const size_t end = votes_.starts[i + 1];
            ones += of, shift += r_[i] * of;
            for (size_t e = votes_.starts[i]; e < end; e++) sums[column[e]] += value[e] * of;
        }
        for (size_t j = 0; j < v.size(); j++) v[j] -= shift + c_[j] * ones;
        return v;
    }

  private:
    const VoteMatrix& votes_;
    std::vector<double> mean_, r_, c_;  // what fills a statement's missing votes; B = S - r 1' - 1 c'
    std::vector<double> values_;        // S: of each vote cast, less that
    double squares_ = 0;
};

namespace opinion_space {

using Vector = std::vector<double>;

inline double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
    return sum;
}

// Eigenvalues, and eigenvectors as columns, of a small symmetric matrix, in no order. Errors: none; a matrix of a
// hundred rows takes some ten sweeps.
inline void diagonalise(std::vector<Vector>& matrix, std::vector<Vector>& vectors) {
    const size_t n = matrix.size();
    vectors.assign(n, Vector(n, 0));
    for (size_t i = 0; i < n; i++) vectors[i][i] = 1;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, on = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) (i == j ? on : off) += matrix[i][j] * matrix[i][j];
        if (off <= 1e-30 * on) break;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                if (matrix[p][q] == 0) continue;
                // The angle that makes matrix[p][q] 0: t = tan, c = cos, s = sin.
                const double theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
                const double t = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
                const double c = 1 / std::sqrt(t * t + 1), s = t * c;
                const auto rotate = [&](double& a, double& b) {
                    const double x = c * a - s * b, y = s * a + c * b;
                    a = x, b = y;
                };
                for (size_t k = 0; k < n; k++) rotate(matrix[k][p], matrix[k][q]);
                for (size_t k = 0; k < n; k++) rotate(matrix[p][k], matrix[q][k]);
                for (size_t k = 0; k < n; k++) rotate(vectors[k][p], vectors[k][q]);
            }
    }
}

// Subtracts what v has of each of the unit vectors, twice, since once leaves rounding errors.
inline void orthogonalise(Vector& v, const std::vector<Vector>& units) {
    for (int pass = 0; pass < 2; pass++)
        for (const Vector& unit : units) {
            const double part = dot(v, unit);
            for (size_t j = 0; j < v.size(); j++) v[j] -= part * unit[j];
        }
}

// The right singular vectors of the two largest singular values of B, to a residual of 1e-10 of the first, or as near
// as kMostSteps steps come.
inline std::array<Vector, 2> leading_vectors(const CentredVotes& B, size_t rows, size_t columns) {
    constexpr size_t kMostSteps = 300;
    const size_t most = std::min({columns, std::max<size_t>(rows, 2), kMostSteps});
    constexpr uint64_t kStart = 1;  // any start will do: the result does not depend on it
    Rng rng(kStart, stream("opinion space"));
    std::vector<Vector> basis;
    Vector alpha, beta;  // the tridiagonal matrix: its diagonal, and beside it
    const auto fresh = [&] {
        Vector v(columns);
        for (double& x : v) x = rng.normal();
        orthogonalise(v, basis);
        return v;
    };
    Vector next = fresh();
    for (;;) {
        const double length = std::sqrt(dot(next, next));
        if (!(length > 0)) break;
        for (double& x : next) x /= length;
        basis.push_back(next);
        next = B.transposed_times(B.times(basis.back()));
        alpha.push_back(dot(next, basis.back()));
        orthogonalise(next, basis);
        const double residual = std::sqrt(dot(next, next));
        const size_t k = basis.size();
        double largest = 0;
        for (double a : alpha) largest = std::max(largest, std::abs(a));
        // The basis holds whole eigenvectors: another start finds others, unless there is nothing left of B'B.
        const bool invariant = residual <= 1e-12 * largest;
        const bool last = k == most || (invariant && alpha.back() <= 1e-12 * largest);
        if (last || (!invariant && k % 8 == 0)) {
            std::vector<Vector> matrix(k, Vector(k, 0)), vectors;
            for (size_t i = 0; i < k; i++) {
                matrix[i][i] = alpha[i];
                if (i + 1 < k) matrix[i][i + 1] = matrix[i + 1][i] = beta[i];
            }
            diagonalise(matrix, vectors);
            std::array<size_t, 2> top = {0, 0};
            for (size_t i = 1; i < k; i++)
                if (matrix[i][i] > matrix[top[0]][top[0]]) top[0] = i;
            if (top[0] == 0 && k > 1) top[1] = 1;
            for (size_t i = 0; i < k; i++)
                if (i != top[0] && matrix[i][i] > matrix[top[1]][top[1]]) top[1] = i;
            const double bound = residual * (std::abs(vectors[k - 1][top[0]]) + std::abs(vectors[k - 1][top[1]]));
            if (last || bound <= 1e-10 * matrix[top[0]][top[0]]) {
                std::array<Vector, 2> found;
                for (size_t t = 0; t < 2; t++) {
                    found[t].assign(columns, 0);
                    for (size_t i = 0; i < k; i++)
                        for (size_t j = 0; j < columns; j++) found[t][j] += vectors[i][top[t]] * basis[i][j];
                    if (k == 1 && t == 1) found[t].assign(columns, 0);
                }
                return found;
            }
        }
        beta.push_back(invariant ? 0 : residual);
        if (invariant) next = fresh();
    }
    fail(kBadInput, "the votes span no plane");  // cannot happen: a basis of `most` vectors returns above
}

}  // namespace opinion_space

// Errors: kBadInput: all participants' rows are alike, as when everybody passes on everything.
inline OpinionSpace opinion_space_of(const VoteMatrix& votes, Space space, Impute impute) {
    using namespace opinion_space;
    const CentredVotes B(votes, space, impute);
    const auto alike = [&](bool is) {
        expects(!is, "the participants' votes do not differ, so that no groups can be told apart");
    };
    alike(!(B.squares() > 1e-12));
    const std::array<Vector, 2> axes = leading_vectors(B, votes.rows(), votes.columns);
    bool differ = false;
    OpinionSpace found;
    found.participants.resize(votes.rows());
    found.statements.resize(votes.columns);
    for (size_t axis = 0; axis < 2; axis++) {
        Vector u = B.times(axes[axis]);
        const double s = std::sqrt(dot(u, u));
        // Alike too: rows that differ from their own means, but not from each other.
        const auto [low, high] = std::minmax_element(u.begin(), u.end());
        differ = differ || *high - *low > 1e-9;
        // The sign is arbitrary: the longest arrow of a statement points to the right, or up.
        size_t longest = 0;
        for (size_t j = 1; j < votes.columns; j++)
            if (std::abs(axes[axis][j]) > std::abs(axes[axis][longest]) + 1e-9) longest = j;
        const double sign = axes[axis][longest] < 0 ? -1 : 1;
        const double scale = sign / (space == Space::ccai && s > 1e-9 ? s : 1);
        for (size_t i = 0; i < votes.rows(); i++) {
            const double cast = static_cast<double>(votes.starts[i + 1] - votes.starts[i]);
            const double outward =
                space == Space::ccai || cast == 0 ? 1 : std::sqrt(static_cast<double>(votes.columns) / cast);
            found.participants[i][axis] = u[i] * scale * outward;
        }
        for (size_t j = 0; j < votes.columns; j++) found.statements[j][axis] = sign * axes[axis][j];
        found.explained[axis] = s * s / B.squares();
    }
    alike(!differ);
    return found;
}

}  // namespace cai
