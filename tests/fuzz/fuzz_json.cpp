// JSON: what was read is written, with and without indentation, so that it reads back as the same value.
#include "fuzz.h"

#include "../../core/base/json.h"

void cai::read_input(const std::string& input) {
    const Json json = parse_json(input, "input");
    must_succeed([&] {
        for (int indent : {0, 2}) must(parse_json(dump(json, indent), "dump") == json, "another value after dump()");
    });
}
