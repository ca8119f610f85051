// A stage's manifest: its stage is finished or not, has its seconds and its changed outputs, or the manifest is refused
// in a sentence that names it.
#include "fuzz.h"

#include "../../core/io/run_directory.h"

void cai::read_input(const std::string& input) {
    static const Run run(file_of("", "none").parent_path());
    const std::filesystem::path path = run.manifest_path("world");
    write_file(path, input);
    write_file(run / "made", "made");
    const Task task = {"world", {}, {}, {"made"}, Json::Object{{"documents", 2}}};
    try {
        if (!run.is_finished(task)) return;
        must_succeed([&] {
            run.changed_outputs(task);
            must(run.seconds().find("world") != nullptr, "a finished stage without seconds");
        });
    } catch (const Error& error) {
        must(std::string(error.what()).starts_with(path.string()), error.what());
        throw;
    }
}
