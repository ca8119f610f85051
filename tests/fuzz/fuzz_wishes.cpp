// Wishes: what was read is written and reads back as the same wishes, and their burns make probabilities.
#include "fuzz.h"

#include "../../core/method/wishes.h"

void cai::read_input(const std::string& input) {
    const Wishes wishes = read_wishes(file_of(input));
    must_succeed([&] {
        const Wishes again = read_wishes(file_of(wishes.text(), "again"));
        must(again.list.size() == wishes.list.size() && again.text() == wishes.text(), "other wishes after text()");
        must(wishes.effective_number() > 0.999 &&
                 wishes.effective_number() < static_cast<double>(wishes.list.size()) + 0.001,
             "an effective number of wishes below 1 or above their number");
    });
}
