// The results.json of runs, as `cai report` and `cai all --from` make their tables of it.
#include "../../core/tools/tables.h"
#include "fuzz.h"

void cai::read_input(const std::string& input) {
    const Json results = parse_json(input, "input");
    results_table(results);
    seeds_table({results, results});
    change_table(results, results);
}
