// The optimizer: AdamW, or Muon for the layers' matrices and AdamW for the rest, with clipping by the global norm.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "gradients.h"

namespace cai {

// How the matrices of the layers are updated. All other parameters are AdamW's: each row of the embedding table and of
// a head stands for one token or score by itself, and norms are vectors (Jordan et al. 2024 except them too).
enum class MatrixUpdate { adamw, muon };
inline constexpr const char* kMatrixUpdates[] = {"adamw", "muon"};

struct Optimizer {
    MatrixUpdate matrix_update = MatrixUpdate::adamw;
    // eps is 1e-6, not the usual 1e-8. The softmax gives the embedding of a word that never occurs tiny gradients, all
    // of one sign; once v has forgotten the word's last real gradient, an eps of 1e-8 would turn them into full steps.
    // Names held out of reviews are such words.
    float beta1 = 0.9f, beta2 = 0.95f, eps = 1e-6f;
    float momentum = 0.95f;     // of Muon, the beta of its running mean
    float weight_decay = 0.1f;  // of matrices; norms do not decay
    float embedding_rate = 1;   // the embedding table's learning rate, relative to the others'
    float max_norm = 1.0f;      // gradients of a larger norm are scaled down to it; 0: never
    int step = 0;               // updates made so far
    // Running means of the gradients and of their squares, laid out like the parameters. v stays 0 where Muon updates.
    Buffer<float> m, v;

    explicit Optimizer(const Model& model, MatrixUpdate matrix_update = MatrixUpdate::adamw)
        : matrix_update(matrix_update),
          m(*model.kernels, model.parameters.size()),
          v(*model.kernels, model.parameters.size()) {}

    // One step: clips, updates, clears the gradients and packs the model. Returns the gradients' norm before clipping.
    // Throws kDiverged when that norm is not finite; the parameters are then untouched and the gradients cleared, so
    // that the caller can go on with the next batch.
    float update(Model& model, Gradients& gradients, float learning_rate) {
        const Kernels& k = *model.kernels;
        const size_t count = model.parameters.size(), matrices = model.matrix_parameters();
        const size_t table = alphabet(model.config).V * alphabet(model.config).C;  // the first of the matrices
        expects(m.size() == count && gradients.values.size() == count, "an optimizer for ", m.size(),
                " parameters cannot update a model of ", count);
        const double norm = std::sqrt(k.sum_of_squares(gradients.values.data(), count));
        if (!std::isfinite(norm)) {
            gradients.set_zero();
            fail(kDiverged, "the gradient's norm is ", norm, " at optimizer step ", step + 1,
                 ": lower the learning rate or look for NaN in the last batch");
        }
        const float scale = max_norm > 0 && norm > max_norm ? static_cast<float>(max_norm / norm) : 1.0f;
        step++;
        const auto group = [&](size_t begin, size_t end, float rate, float decay) {
            k.adamw(model.parameters.data() + begin, m.data() + begin, v.data() + begin,
                    gradients.values.data() + begin, end - begin, rate, beta1, beta2, eps, decay, scale, step);
        };
        group(0, table, learning_rate * embedding_rate, weight_decay);
        size_t rest = table;  // what follows the matrices that Muon updates: a head, if the table is not the head
        if (matrix_update == MatrixUpdate::muon) {
            const std::vector<Matrix> of_layers = layer_matrices(model);
            k.parallel_for(of_layers.size(), [&](size_t i) {
                const auto [begin, rows, columns] = of_layers[i];
                k.muon(model.parameters.data() + begin, m.data() + begin, gradients.values.data() + begin, rows,
                       columns, learning_rate, momentum, weight_decay, scale);
            });
            for (const Matrix& matrix : of_layers) rest += matrix.rows * matrix.columns;
        }
        group(rest, matrices, learning_rate, weight_decay);
        group(matrices, count, learning_rate, 0);
        gradients.set_zero();
        model.pack();
        return static_cast<float>(norm);
    }

  private:
    struct Matrix {
        size_t begin, rows, columns;  // begin: its first number among the parameters
    };
    // The matrices that Muon updates, each on its own: q_proj, k_proj and v_proj are three, though multiplied as one.
    static std::vector<Matrix> layer_matrices(const Model& model) {
        std::vector<Matrix> found;
        model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
            if (name.starts_with("model.layers.") && shape.size() == 2)
                found.push_back({static_cast<size_t>(data - model.parameters.data()), shape[0], shape[1]});
        });
        return found;
    }
};

}  // namespace cai
