// A training loop's state.json: the loop goes on from it and ends, or refuses it in a sentence that names its folder.
#include "fuzz.h"

#include "../../core/method/supervised.h"
#include "../../cpu/plain.cpp"
#include "byte_tokenizer.h"

namespace {

namespace fs = std::filesystem;

const cai::Config kConfig = {.vocab_size = static_cast<int>(cai::kSpecialCount) + 256,
                             .width = 2,
                             .layers = 1,
                             .heads = 1,
                             .kv_heads = 1,
                             .head_dim = 2,
                             .ff = 2,
                             .context = 4};

// The rest of a state, made once: weights, tokenizer and the optimizer's means.
fs::path rest_of_the_state() {
    static const fs::path made = [] {
        cai::Model model(cai::plain_kernels, kConfig);
        model.initialize(1);
        const fs::path folder = cai::file_of("", "none").parent_path() / "rest";
        fs::create_directories(folder);
        cai::write_model(folder, model, cai::byte_tokenizer());
        cai::write_training_state(folder, model, cai::Optimizer(model), cai::Json::Object{});
        return folder;
    }();
    return made;
}

}  // namespace

void cai::read_input(const std::string& input) {
    quiet = true;
    const fs::path saved = rest_of_the_state().parent_path() / "model.training";
    fs::create_directories(saved);
    // Not by fs::copy, which libFuzzer's timer may interrupt.
    for (const fs::directory_entry& file : fs::directory_iterator(rest_of_the_state()))
        write_file(saved / file.path().filename(), read_file(file.path()));
    write_file(saved / "state.json", input);

    Model model(plain_kernels, kConfig);
    model.initialize(1);
    const Document document = {{0, 1, 2, 3, 4}, {0, 1, 1, 1, 1}};
    BatchStream stream({document, document}, 4, 4, 1);
    TrainingOptions options;
    options.steps = 3, options.fingerprint = "f", options.learning_rate = 1e-3f;
    Metrics metrics("/dev/null");
    try {
        train(model, stream, options, "sft", metrics, saved.parent_path() / "model", byte_tokenizer());
    } catch (const Error& error) {
        must(std::string(error.what()).find("cannot go on from " + saved.string()) != std::string::npos, error.what());
        throw;
    }
}
