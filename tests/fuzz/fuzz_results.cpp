// A run's results.json, as `cai report` and `cai all --from` make their tables of it, and a preference model's
// score.json.
#include "fuzz.h"

#include "../../core/method/score_answers.h"
#include "../../core/tools/tables.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path folder = folder_of(input, {"results.json", "score.json"});
    if (std::filesystem::exists(folder / "score.json")) load_score_mean(folder);
    const Json results = read_results(folder);
    results_table(results);
    seeds_table({results, results});
    change_table(results, results);
}
