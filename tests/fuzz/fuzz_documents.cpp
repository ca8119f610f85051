// Documents and dialogues as the runs' .jsonl files hold them: what was read is encoded, and written so that it reads
// back as the same segments.
#include "fuzz.h"

#include "../../core/lm/encode_document.h"
#include "byte_tokenizer.h"

void cai::read_input(const std::string& input) {
    for (const Json& json : parse_jsonl(input, "input")) {
        const std::vector<Segment> segments = segments_from_json(json);
        must_succeed([&] {
            must(segments_from_json(to_json("kind", segments)) == segments, "other segments after to_json()");
            const Document document = encode_document(byte_tokenizer(), segments);
            must(document.tokens.size() == document.learn.size(), "a mask of another length than its tokens");
        });
    }
}
