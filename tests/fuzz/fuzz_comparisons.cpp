// The comparisons of answers that the preference model learns from: labels are probabilities; and the principle or the
// wishes under which each was judged.
#include "fuzz.h"

#include "../../core/method/comparisons.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path file = file_of(input);
    for (const ComparisonPair& pair : read_comparisons(file, true))
        must(pair.p_a >= 0 && pair.p_a <= 1, "a label that is no probability");
    for (const Json& record : read_jsonl(file)) judged_lines(record);
}
