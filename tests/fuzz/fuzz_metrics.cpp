// A run's metrics.jsonl, before a stage that is in it goes on: its later rows are dropped, and global_step rises with
// the row that follows.
#include "fuzz.h"

#include "../../core/base/metrics.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path path = file_of(input);
    Metrics metrics(path);
    metrics.drop_after("sft", 2);
    must_succeed([&] {
        for (const Json& row : read_jsonl(path))
            must(row["stage"] != "sft" || row["step"].number() <= 2, "a row that was to be dropped");
        metrics.log("sft", 3, {{"loss", 0.5}});
        metrics.log("ppo", 1, {});
        const std::vector<Json> rows = read_jsonl(path);
        const auto step = [&](size_t from_end) { return rows[rows.size() - from_end]["global_step"].natural(); };
        must(step(1) > step(2), "global_step does not rise");
    });
}
