// Two safetensors files side by side, as `cai diff` compares them: each tensor of both gets one verdict.
#include "fuzz.h"

#include "../../core/tools/diff.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path folder = folder_of(input, {"a", "b"});
    const TensorCollection a(folder / "a"), b(folder / "b");
    size_t verdicts = 0;
    compare_collections(a, b, {}, [&](const TensorDifference& difference) {
        verdicts++;
        sentence(difference, "a", "b");
        dump(to_json(difference));
    });
    std::vector<std::string> names = a.order;
    for (const std::string& name : b.order) names.push_back(name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    must(verdicts == names.size(), "another number of verdicts than of tensors");
}
