// A model on disk, whatever its format: its configuration, and its tensors under Hugging Face's names and in Hugging
// Face's layout. The readers of the formats make one (checkpoint.h opens a path with the reader that fits it).
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../lm/generation.h"
#include "../lm/tokenizer.h"
#include "../nn/weights.h"

namespace cai {

using TensorShapes = std::map<std::string, std::vector<size_t>>;  // by name

struct ModelSource {
    std::string where;                                  // the path, for error messages
    Config config;
    TensorShapes shapes;  // of each tensor in the file
    // Reads a tensor, converted to floats; and how one is quantised, and what read_quantized makes of it. Formats that
    // have floats alone leave the latter two out.
    ReadFloats read;
    QuantizationOf quantization;
    ReadQuantized read_quantized;
    std::function<Tokenizer()> tokenizer;               // errors: there is none, or it is of a kind that cai cannot run
    Generation generation;
};

}  // namespace cai
