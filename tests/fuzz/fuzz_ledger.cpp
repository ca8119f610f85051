// A ledger of wishes: what was read is written as the same bytes, and its weights are numbers of at least 0.
#include "fuzz.h"

#include "../../core/method/ledger.h"

void cai::read_input(const std::string& input) {
    const std::vector<LedgerEntry> entries = parse_ledger(input, "input");
    std::string written;
    must_succeed([&] {
        for (const LedgerEntry& entry : entries) written += ledger_line(entry) + "\n";
    });
    must(written == input, "other bytes after ledger_line()");
    for (BurnScale scale : {BurnScale::linear, BurnScale::sqrt, BurnScale::log})
        for (double weight : ledger_weights(entries, scale, 10, 1)) must(weight >= 0, "a weight that is no weight");
}
