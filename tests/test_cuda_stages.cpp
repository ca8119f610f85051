// Each stage of a small story on the other backends, started from the files that the CPU's stages left: its first
// losses and the tokens it samples are those of the CPU.
#include <doctest/doctest.h>

#include <cmath>

#include "../core/pipeline.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// Smaller than micro in everything but the number of steps.
Recipe short_recipe() {
    Recipe r = recipe("micro", 1);
    r.corpus = {60, 50, 20, 4, 4, 6, 20, 4, 4};
    r.pretrain.tokens_per_batch = 256;
    r.helpful.tokens_per_batch = r.sl_cai.tokens_per_batch = 128;
    r.sl_cai.epochs = 4;
    r.critique.rounds = 2, r.critique.temperature = 1;  // an untrained model soon repeats itself at a lower one
    r.reward.pairs_per_batch = 1;
    r.reward.epochs = 2;
    r.ppo.iterations = 5;
    r.ppo.rollouts = 4;
    r.ppo.max_new_tokens = 16;
    return r;
}

// A story in a folder, told by one backend on one thread.
struct ShortStory {
    Quiet hush;
    const World& world = cai::world();
    Recipe recipe = short_recipe();
    const Constitution& constitution = cai::constitution();
    Run run;
    Pipeline pipeline;

    ShortStory(const fs::path& folder, const Kernels& kernels)
        : run(folder, world_files(kData)),
          pipeline{kernels, run, world, constitution, recipe, 1} {
        run.pending_files["constitution.txt"] = constitution.text();
        run.force = true;
        kernels.set_threads(1);
    }
    ~ShortStory() { pipeline.kernels.set_threads(0); }
};

struct Compared {
    const char* stage;
    std::vector<const char*> losses;
    size_t count;                    // of losses there have to be
    std::vector<const char*> texts;  // files of what it sampled
};
const Compared kStagesOfModels[] = {
    {"pretrain", {"loss"}, 10, {}},
    {"sft-helpful", {"loss"}, 10, {}},
    {"critique", {}, 0, {"revisions.jsonl", "helpful-samples.jsonl"}},
    {"sft-sl-cai", {"loss"}, 10, {}},
    {"compare", {}, 0, {"comparisons.jsonl", "helpfulness.jsonl"}},
    {"reward", {"loss"}, 10, {}},
    {"ppo", {"loss/policy_avg", "loss/value_avg"}, 10, {}},
};

// The stage, and compare-helpfulness with compare.
void run_command(const Pipeline& pipeline, const std::string& name) {
    run_stage(pipeline, stage_named(name));
    if (name == "compare") run_stage(pipeline, stage_named("compare-helpfulness"));
}

std::vector<double> first_losses(const fs::path& run, const Compared& compared) {
    std::vector<double> losses;
    for (const Json& line : read_jsonl(run / "metrics.jsonl"))
        if (line["stage"].string() == compared.stage)
            for (const char* name : compared.losses)
                if (const Json* loss = line.find(name); loss && losses.size() < 10) losses.push_back(loss->number());
    return losses;
}

void add_strings(const Json& json, std::vector<std::string>& texts) {
    if (json.is_string()) texts.push_back(json.string());
    if (json.is_array())
        for (const Json& item : json.array()) add_strings(item, texts);
    if (json.is_object())
        for (const auto& [name, value] : json.object())
            if (name != "prompt" && name != "principle" && name != "labelled_by") add_strings(value, texts);
}

// What was sampled into those files, as tokens: a text a row.
std::vector<std::vector<Token>> sampled(const fs::path& run, const Compared& compared) {
    const Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
    std::vector<std::string> texts;
    for (const char* file : compared.texts)
        for (const Json& record : read_jsonl(run / file)) add_strings(record, texts);
    std::vector<std::vector<Token>> tokens;
    for (const std::string& text : texts) tokens.push_back(tokenizer.encode(text));
    return tokens;
}

// The share of tokens that are the same at the same place.
double agreement(const std::vector<std::vector<Token>>& a, const std::vector<std::vector<Token>>& b) {
    REQUIRE(a.size() == b.size());
    size_t same = 0, all = 0;
    for (size_t i = 0; i < a.size(); i++) {
        all += std::max(a[i].size(), b[i].size());
        for (size_t j = 0; j < std::min(a[i].size(), b[i].size()); j++) same += a[i][j] == b[i][j];
    }
    REQUIRE(all > 200);
    return static_cast<double>(same) / static_cast<double>(all);
}

#ifdef __SANITIZE_ADDRESS__
constexpr bool kTooSlow = true;  // the kernels' own tests run under the sanitizers
#else
constexpr bool kTooSlow = false;
#endif

}  // namespace

TEST_CASE("each stage on the other backends, from the CPU's files: the same first losses and tokens" *
          doctest::skip(kTooSlow)) {
    std::vector<const Kernels*> others = {&plain_kernels};
    try {
        cuda_kernels.device();
        others.push_back(&cuda_kernels);
    } catch (const Error& error) {
        MESSAGE(error.what());
    }
    TemporaryFolder folder;
    const fs::path cpu = folder.path / "cpu", copy = folder.path / "copy";
    {
        ShortStory told(cpu, cpu_kernels);
        for (const char* stage : {"world", "tokenizer"}) run_stage(told.pipeline, stage_named(stage));
        for (const Compared& compared : kStagesOfModels) run_command(told.pipeline, compared.stage);
    }
    for (const Kernels* kernels : others)
        for (const Compared& compared : kStagesOfModels) {
            INFO(std::string(kernels->name), ", ", std::string(compared.stage));
            fs::remove_all(copy);
            fs::copy(cpu, copy, fs::copy_options::recursive);
            fs::remove(copy / "metrics.jsonl");
            {
                ShortStory told(copy, *kernels);
                run_command(told.pipeline, compared.stage);
            }
            const std::vector<double> expected = first_losses(cpu, compared);
            CHECK(expected.size() == compared.count);
            if (!compared.losses.empty()) {
                const std::vector<double> actual = first_losses(copy, compared);
                REQUIRE(actual.size() == expected.size());
                for (size_t i = 0; i < expected.size(); i++) CHECK(std::abs(actual[i] - expected[i]) < 1e-4);
            }
            if (!compared.texts.empty()) CHECK(agreement(sampled(copy, compared), sampled(cpu, compared)) >= 0.99);
        }

    // What ppo and evaluate sample stands in no file: the sampler itself, on the models they use.
    const Tokenizer tokenizer = read_tokenizer(cpu / "tokenizer");
    for (const char* name : {"sl-cai", "rl-cai"}) {
        const std::vector<std::vector<Token>> prompts(
            32, encode_prompt(tokenizer, dialogue_prompt("How do I brush the goat?")));
        GenerateOptions options;
        options.max_new_tokens = 20;
        const auto sample = [&](const Kernels& kernels) {
            std::vector<std::vector<Token>> tokens;
            for (Completion& completion : generate(load_model(kernels, cpu / name), prompts, options))
                tokens.push_back(completion.tokens);
            return tokens;
        };
        for (const Kernels* kernels : others) CHECK(agreement(sample(*kernels), sample(cpu_kernels)) >= 0.99);
    }
}
