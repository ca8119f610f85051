// config.json: the configuration that was read is written so that it reads back as the same one.
#include "fuzz.h"

#include "../../core/io/hf_config.h"

void cai::read_input(const std::string& input) {
    const Config config = parse_config(input, "input");
    must_succeed([&] { must(parse_config(config_json(config), "again") == config, "another one after writing"); });
}
