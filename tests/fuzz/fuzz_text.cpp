// Any text as the data of a tokenizer: whatever was learned from it, the text comes back.
#include "fuzz.h"

#include "../../core/lm/bpe_training.h"

void cai::read_input(const std::string& input) {
    const Tokenizer tokenizer = train_bpe({input}, 300);
    must(tokenizer.size() <= 300, "more tokens than were asked for");
    must(tokenizer.decode(tokenizer.encode(input)) == input, "another text");
}
