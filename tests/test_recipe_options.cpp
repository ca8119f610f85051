// The recipe: its table of fields, and through the command line and config.cfg and back.
#include <doctest/doctest.h>

#include <set>

#include "../core/recipe_options.h"
#include "support.h"

using namespace cai;

namespace {

// The recipe of these words on top of a file with these lines.
Recipe on_top_of(const std::string& lines, const std::vector<std::string>& words) {
    TemporaryFolder folder;
    const std::string path = (folder.path / "config.cfg").string();
    write_file(path, lines);
    Arguments arguments(words, {});
    arguments.read_config(path);
    Recipe r = read_recipe(arguments);
    arguments.finish();
    return r;
}

Recipe of_words(const std::vector<std::string>& words) { return on_top_of("", words); }

void refused(const std::vector<std::string>& words, const std::string& message) {
    INFO(words[0]);
    const std::string found = error_of([&] { of_words(words); }, kUsage);
    CHECK_MESSAGE(contains(found, message), found);
}

// A value that is allowed and is not the field's own.
std::string another(const RecipeField& field) {
    return std::visit(
        [&]<class Value>(const Value& value) -> std::string {
            if constexpr (std::is_same_v<Value, Choice>)
                return value.names[(value.get(value.value) + 1) % value.count];
            else if constexpr (std::is_same_v<Value, bool*>)
                return *value ? "false" : "true";
            else if constexpr (std::is_same_v<Value, LabelBounds*>)
                return "0.4,0.6";
            else if constexpr (std::is_floating_point_v<std::remove_pointer_t<Value>>)
                return *value == 0 ? "2" : shortest(*value / 2);
            else
                return shortest(*value + 1);
        },
        field.value);
}

// Values on either side of what is allowed.
std::vector<std::string> wrong_values(const RecipeField& field) {
    if (std::holds_alternative<Choice>(field.value)) return {"", "no-such-thing"};
    if (std::holds_alternative<bool*>(field.value)) return {"", "yes", "0"};
    if (std::holds_alternative<LabelBounds*>(field.value))
        return {"", "0.4", "a,b", "0.6,0.4", "-0.1,1", "0,1.5", "0.4,0.6,1"};
    const Range& range = field.range;
    std::vector<std::string> values = {"x", "-1", "nan"};
    if (range.above_least && !range.or_zero) values.push_back(concat(range.least));
    if (range.least > 0) values.push_back(shortest(range.or_zero ? range.least : range.least - 1));
    if (std::isfinite(range.most))
        values.push_back(shortest(static_cast<int64_t>(range.most) + (range.below_most ? 0 : 1)));
    return values;
}

// The words beside which a field can have another value: two conventions are refused where others do not fit them.
std::vector<std::string> company_of(const RecipeField& field) {
    const std::string option = field.option();
    if (option == "ppo-advantage-estimator" || option == "ppo-ratio") return {"--like", "rloo"};
    return {};
}

std::vector<RecipeField> fields_of(Recipe& recipe) {
    std::vector<RecipeField> fields;
    for (const RecipeStage& stage : recipe_stages(recipe))
        fields.insert(fields.end(), stage.fields.begin(), stage.fields.end());
    return fields;
}

}  // namespace

TEST_CASE("every field is read, refused outside its range, listed, saved, and part of its stage's manifest") {
    Recipe tiny = recipe("tiny", 1);
    const std::string help = recipe_help(tiny);
    std::set<std::string> names;
    for (const RecipeStage& stage : recipe_stages(tiny))
        for (const RecipeField& field_of_tiny : stage.fields) {
            INFO(field_of_tiny.option());
            Recipe plain = of_words(company_of(field_of_tiny));
            const std::vector<RecipeField> before = fields_of(plain);
            const RecipeField& field = *std::find_if(before.begin(), before.end(), [&](const RecipeField& f) {
                return f.option() == field_of_tiny.option();
            });
            CHECK(field.option().starts_with(stage.prefix));
            CHECK(names.insert(field.option()).second);
            CHECK(contains(help, concat("--", field.option(), " ")));
            CHECK(contains(help, concat(" (", value_text(field_of_tiny), "; ", range_text(field), ")\n")));

            const std::string value = another(field);
            std::vector<std::string> words = company_of(field);
            words.insert(words.end(), {"--" + field.option(), value});
            Recipe changed = of_words(words);
            CHECK_FALSE(changed == plain);
            const std::vector<RecipeField> after = fields_of(changed);
            for (size_t i = 0; i < after.size(); i++)
                CHECK(value_text(after[i]) == (after[i].option() == field.option() ? value : value_text(before[i])));
            CHECK(on_top_of(recipe_configuration(changed), {}) == changed);

            std::set<std::string> touched, expected = {stage.name};
            expected.insert(field.also_of.begin(), field.also_of.end());
            for (const RecipeStage& other : recipe_stages(plain))
                if (!(stage_options(plain, other.name) == stage_options(changed, other.name)))
                    touched.insert(other.name);
            CHECK(touched == expected);

            for (const std::string& wrong : wrong_values(field)) {
                refused({concat("--", field.option(), "=", wrong)},
                        concat("option --", field.option(), ": '", wrong, "' "));
                const std::string line = concat(field.option(), " = ", wrong, "\n");
                const std::string message = error_of([&] { on_top_of(line, {}); }, kUsage);
                CHECK_MESSAGE(contains(message, "config.cfg: line 1: option --"), message);
            }
        }
    CHECK(names.size() > 60);
    CHECK(stage_options(tiny, "compare-helpfulness") == Json(Json::Object{{"seed", 1}}));
    CHECK_THROWS_WITH_AS(stage_options(tiny, "weather"), doctest::Contains("no stage weather"), Error);
}

TEST_CASE("what a manifest and a message say of a field, by hand") {
    Recipe r = of_words({"--seed", "3", "--compare-temperature", "0.7", "--compare-clamp", "0.4,0.6"});
    CHECK(dump(stage_options(r, "compare")) ==
          R"({"seed":3,"compare-reasoning":true,"compare-clamp":"0.4,0.6","compare-temperature":0.7})");
    CHECK(dump(stage_options(r, "evaluate")) ==
          R"({"seed":3,"critique-temperature":0.5,"compare-reasoning":true,)"
          R"("evaluate-prompts":400,"evaluate-pairs":300})");
    CHECK(contains(dump(stage_options(r, "pretrain")),
                   R"({"seed":3,"size":"tiny","pretrain-drill-tokens-per-batch":512,)"
                   R"("pretrain-drill-learning-rate":0.002,"pretrain-tokens-per-batch":2048,)"));
    CHECK(r.compare.clamp == LabelBounds{0.4f, 0.6f});
    // Fields that came later are left out at the value that a manifest without them means.
    for (const char* name : {"ppo-advantage-estimator", "ppo-group-size", "ppo-ratio"}) {
        CHECK_FALSE(stage_options(r, "ppo").find(name));
        CHECK(stage_options(of_words({"--like", "rloo"}), "ppo").find(name));
    }

    const std::vector<std::pair<std::vector<std::string>, std::string>> refusals = {
        {{"--ppo-gamma", "2"}, "option --ppo-gamma: '2' is not above 0 and at most 1"},
        {{"--ppo-clip-ratio", "1"}, "option --ppo-clip-ratio: '1' is not at least 0 and below 1"},
        {{"--ppo-dual-clip", "0.5"}, "option --ppo-dual-clip: '0.5' is not 0 or above 1"},
        {{"--ppo-kl-coefficient", "-1"}, "option --ppo-kl-coefficient: '-1' is not at least 0"},
        {{"--ppo-variance", "n-1"}, "option --ppo-variance: 'n-1' is not one of biased or bessel"},
        {{"--pretrain-epochs", "0"}, "option --pretrain-epochs: '0' is not above 0 and at most 1e+06"},
        {{"--critique-rounds", "5000000000"}, "option --critique-rounds: '5000000000' is not from 0 to 64"},
        {{"--compare-clamp", "0.6,0.4"},
         "option --compare-clamp: '0.6,0.4' is not LOW,HIGH with 0 <= LOW <= HIGH <= 1"},
        {{"--ppo-minibatches", "129"}, "option --ppo-minibatches: '129' is above --ppo-rollouts, 128, and every"},
        {{"--ppo-rollouts", "1"}, "option --ppo-minibatches: '4' is above --ppo-rollouts, 1, and every"},
        {{"--ppo-group-size", "3"}, "option --ppo-group-size: '3' does not divide --ppo-rollouts, 128"},
        {{"--ppo-advantage-estimator", "group"},
         "option --ppo-group-size: '1' leaves --ppo-advantage-estimator group no other answer to compare with"},
        {{"--ppo-ratio", "sequence"}, "option --ppo-ratio: 'sequence' gives each answer one loss, so --ppo-aggr"},
        {{"--ppo-ratio", "sequence", "--ppo-aggregation", "sequence_mean"},
         "option --ppo-ratio: 'sequence' needs one advantage for a whole answer"},
        {{"--like", "grpo", "--ppo-whiten-rewards", "true"}, "option --ppo-whiten-rewards: 'true' is for --ppo-adv"},
        {{"--like", "gpt"}, "option --like: there are no conventions of \"gpt\""},
    };
    for (const auto& [words, message] : refusals) refused(words, message);
    CHECK(of_words({"--ppo-rollouts", "4"}).ppo.rollouts == 4);
    CHECK(of_words({"--ppo-dual-clip", "0"}).ppo.options.dual_clip == 0);

    r.ppo.options.gamma = std::numeric_limits<double>::quiet_NaN();  // as no command line can say
    CHECK_THROWS_WITH_AS(check_recipe(r), doctest::Contains("--ppo-gamma: 'nan'"), Error);
    r = recipe("tiny", 1), r.compare.clamp = {.low = 0.6f, .high = 0.4f};
    CHECK_THROWS_WITH_AS(check_recipe(r), doctest::Contains("--compare-clamp: '0.6,0.4'"), Error);
}

TEST_CASE("an option without its stage's name is answered with the options that may be meant") {
    refused({"--rounds", "2"}, "unknown option --rounds; did you mean --critique-rounds?");
    refused({"--minibatches", "2"}, "did you mean --ppo-minibatches?");
    refused({"--critique-prompts", "2"}, "did you mean --world-critique-prompts?");
    refused({"--temperature", "1"}, "did you mean --compare-temperature or --critique-temperature?");
    refused({"--value-learning-rate", "1"}, "did you mean --ppo-value-learning-rate?");
}

TEST_CASE("each size's recipe is written in short numbers, reads back, and has the conventions of --like cai") {
    for (const char* size : {"micro", "tiny", "small", "base"}) {
        const Recipe r = recipe(size, 3);
        CHECK_NOTHROW(check_recipe(r));
        CHECK(r.like == "cai");
        CHECK(r.ppo.options == like("cai"));
        CHECK(of_words({"--size", size, "--seed", "3"}) == r);
        CHECK(of_words({"--size", size, "--seed", "3", "--like", "cai"}) == r);
        CHECK(on_top_of(recipe_configuration(r), {}) == r);
        Recipe copy = r;
        for (const RecipeField& field : fields_of(copy))
            if (std::string value = value_text(field); value.starts_with("0."))
                CHECK_MESSAGE((value.size() <= 7 && value.substr(value.find_first_not_of("0.")).size() <= 2),
                              field.option());
    }
    const std::string lines = recipe_configuration(recipe("tiny", 1));
    CHECK(lines.starts_with("size = tiny\nseed = 1\nlike = cai\n\n# world: the documents and prompts of the toy"));
    CHECK(contains(lines, "\nhelpful-final-fraction = 0.02         # the learning rate's last value"));
}

TEST_CASE("another --size or --like than the file's wins over the numbers that it governs") {
    const std::string micro =
        recipe_configuration(of_words({"--size", "micro", "--seed", "3", "--critique-rounds", "2"}));
    CHECK(on_top_of(micro, {}).critique.rounds == 2);
    CHECK(on_top_of(micro, {"--size", "micro"}).critique.rounds == 2);
    const Recipe tiny = on_top_of(micro, {"--size", "tiny", "--world-documents", "7"});
    CHECK(tiny.size == "tiny");
    CHECK(tiny.seed == 3);
    CHECK(tiny.vocab_size == 2048);
    CHECK(tiny.critique.rounds == 4);
    CHECK(tiny.ppo.iterations == recipe("tiny", 3).ppo.iterations);
    CHECK(tiny.corpus.documents == 7);
    CHECK(on_top_of("critique-rounds = 2\n", {"--size", "micro"}).critique.rounds == 2);  // of no size: meant for any

    const Recipe r = on_top_of(micro, {"--like", "trl", "--ppo-gamma", "0.5"});
    CHECK(r.size == "micro");
    CHECK(r.critique.rounds == 2);
    PpoOptions expected = like("trl");
    expected.gamma = 0.5;
    CHECK(r.ppo.options == expected);
    const std::string trl = recipe_configuration(r);
    CHECK(on_top_of(trl, {}) == r);
    CHECK(on_top_of(trl, {"--like", "trl"}) == r);
    CHECK(on_top_of(trl, {"--like", "cai"}).ppo == recipe("micro", 3).ppo);
}

TEST_CASE("--config wins over the run's config.cfg") {
    TemporaryFolder folder;
    const std::string own = (folder.path / "own.cfg").string(), other = (folder.path / "other.cfg").string();
    write_file(own, "seed = 8\n");
    write_file(other, "seed = 9\ncritique-rounds = 2\n");
    Arguments both({"--config", own}, {});
    both.read_config(other);
    const Recipe r = read_recipe(both);
    CHECK(r.seed == 8);
    CHECK(r.critique.rounds == 4);
}

TEST_CASE("a stage of another seed or size than its run's is refused") {
    TemporaryFolder folder;
    CHECK_NOTHROW(expect_same_recipe(recipe("tiny", 1), folder.path));
    write_file(folder.path / "config.cfg", "seed = 3\nsize = micro\n");
    CHECK_NOTHROW(expect_same_recipe(recipe("micro", 3), folder.path));
    CHECK_THROWS_WITH_AS(expect_same_recipe(recipe("micro", 4), folder.path), doctest::Contains("seed 3, not 4"),
                         Error);
    CHECK_THROWS_WITH_AS(expect_same_recipe(recipe("tiny", 3), folder.path), doctest::Contains("size micro, not tiny"),
                         Error);
}
