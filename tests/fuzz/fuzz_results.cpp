// The results.json of runs, as `cai report` and `cai all --from` make their tables of it.
#include "fuzz.h"

#include "../../core/tools/tables.h"

void cai::read_input(const std::string& input) {
    const Json results = parse_json(input, "input");
    results_table(results);
    seeds_table({results, results});
    change_table(results, results);
}
