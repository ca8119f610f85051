// Exercise to chapter 7: from the record of one prompt to what SL-CAI learns. Fill in the function, then run
//     make exercise NAME=07_training_pairs
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

struct Round {
    std::string principle, critique, revision;
};
struct Record {
    std::string prompt, answer;
    std::vector<Round> rounds;
};
using Pairs = std::vector<std::pair<std::string, std::string>>;

// The pairs (prompt, answer) to train on: the revision of every round; without rounds (an empty constitution), the
// answer itself.
Pairs training_pairs(const Record& record) {
    (void)record;
    return {};
}

TEST_CASE("the revisions of all rounds, kept ones too, and neither principle nor critique") {
    const Record record{"Burn it?", "Yes.", {{"No fire.", "Forbidden.", "No."}, {"No gossip.", "Fine.", "No."}}};
    CHECK(training_pairs(record) == Pairs{{"Burn it?", "No."}, {"Burn it?", "No."}});
}

TEST_CASE("an answer that the first round left as it was is learned from it") {
    const Record record{"Burn it?", "Yes.", {{"No gossip.", "Fine.", "Yes."}, {"No fire.", "Forbidden.", "No."}}};
    CHECK(training_pairs(record) == Pairs{{"Burn it?", "Yes."}, {"Burn it?", "No."}});
}

TEST_CASE("without a constitution the answer is learned as it is") {
    CHECK(training_pairs({"Burn it?", "Yes.", {}}) == Pairs{{"Burn it?", "Yes."}});
}
