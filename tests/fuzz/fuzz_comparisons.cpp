// The comparisons of answers that the preference model learns from: labels are probabilities.
#include "fuzz.h"

#include "../../core/method/comparisons.h"

void cai::read_input(const std::string& input) {
    for (const ComparisonPair& pair : read_comparisons(file_of(input), true))
        must(pair.p_a >= 0 && pair.p_a <= 1, "a label that is no probability");
}
