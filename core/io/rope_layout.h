// Two orders of the rows of q_proj and k_proj. RoPE turns pairs of a head's D values: in Hugging Face's layout, which
// is ours, value i pairs with i + D/2 (the halves of a head); in llama2.c's and GGUF's, 2i with 2i + 1 (neighbours).
#pragma once
#include <cstddef>

namespace cai {

// The row, in the order of neighbours, of what is row `row` in the order of halves; D: head_dim. As in the functions
// permute() of llama.cpp's convert_hf_to_gguf.py and permute_reverse() of llama2.c's export.py.
inline size_t neighbour_row(size_t row, size_t D) {
    const size_t d = row % D, half = d / (D / 2), pair = d % (D / 2);
    return row - d + 2 * pair + half;
}

}  // namespace cai
