// The fields of the recipe, each listed once: its option, its variable, what it does, and the values it may have. The
// command line, config.cfg, `cai all --help` and the stages' manifests come from this table; recipe.h has the defaults.
#pragma once
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "../base/format.h"
#include "../base/json.h"
#include "../base/words.h"
#include "recipe.h"

namespace cai {

// The values that a number may have.
struct Range {
    double least = 0, most = std::numeric_limits<double>::infinity();
    bool above_least = false, below_most = false;  // the bound itself is excluded
    bool or_zero = false;                          // 0, which turns the field off, is allowed too

    bool holds(double x) const {  // false for NaN
        return (or_zero && x == 0) ||
               ((above_least ? x > least : x >= least) && (below_most ? x < most : x <= most));
    }
    std::string text() const {
        const std::string zero = or_zero ? "0 or " : "";
        if (std::isinf(most)) return concat(zero, above_least ? "above " : "at least ", least);
        if (!above_least && !below_most) return concat(zero, "from ", least, " to ", most);
        return concat(zero, above_least ? "above " : "at least ", least, below_most ? " and below " : " and at most ",
                      most);
    }
};

// One of several names, stored as an enumeration, which get and set know.
struct Choice {
    const char* const* names;
    size_t count;
    void* value;
    size_t (*get)(const void* value);
    void (*set)(void* value, size_t i);
};

template <class Enum, size_t n>
Choice choice(const char* const (&names)[n], Enum& value) {
    return {names, n, &value, [](const void* value) { return static_cast<size_t>(*static_cast<const Enum*>(value)); },
            [](void* value, size_t i) { *static_cast<Enum*>(value) = static_cast<Enum>(i); }};
}

struct RecipeField {
    const char* name;  // without its stage's prefix
    std::variant<size_t*, int*, float*, double*, bool*, LabelBounds*, Choice> value;  // its variable in a recipe
    const char* does;
    Range range = {};          // of a number
    std::vector<std::string> also_of = {};  // other stages whose results depend on it
    bool of_like = false;      // set by --like
    const char* prefix = "";   // of its stage
    const char* implied = "";  // the value that manifests leave out: those of older runs, without the field, mean it

    std::string option() const { return std::string(prefix) + name; }
};

struct RecipeStage {
    const char *name, *prefix, *does;
    std::vector<RecipeField> fields;
};

inline constexpr Range kCount = {.least = 1, .most = 1e9}, kEpochs = {.most = 1e6, .above_least = true},
                       kShare = {.most = 1}, kUpTo10 = {.most = 10};

inline std::vector<RecipeField> supervised_fields(SupervisedRecipe& r) {
    return {
        {"tokens-per-batch", &r.tokens_per_batch, "tokens that a step learns from", {.least = 1, .most = 1e7}},
        {"epochs", &r.epochs, "passes over the documents", kEpochs},
        {"learning-rate", &r.learning_rate, "at its peak", kUpTo10},
        {"warmup-steps", &r.warmup_steps, "steps until the learning rate is at its peak", {.most = 1e9}},
        {"final-fraction", &r.final_fraction, "the learning rate's last value, as a share of its peak", kShare},
        {"weight-decay", &r.weight_decay, "of matrices", kUpTo10},
        {"embedding-rate", &r.embedding_rate, "the embedding table's learning rate, as a share of the others'",
         kUpTo10},
        {"optimizer", choice(kMatrixUpdates, r.optimizer), "of the layers' matrices; the rest is AdamW's"},
    };
}

// Who uses what, and why: see the table in ppo_conventions.h.
inline std::vector<RecipeField> ppo_convention_fields(PpoOptions& o) {
    std::vector<RecipeField> fields = {
        {"kl-coefficient", &o.kl_coefficient, "beta: the price of a nat of divergence from SL-CAI, at the start"},
        {"kl-estimator", choice(kKlEstimators, o.kl_estimator), "how a token's divergence is estimated"},
        {"kl-placement", choice(kKlPlacements, o.kl_placement), "where a response pays for its divergence"},
        {"kl-clip", &o.kl_clip, "bound on a token's divergence; 0: none"},
        {"kl-target", &o.kl_target, "divergence of a response that beta adapts to; 0: beta stays"},
        {"kl-horizon", &o.kl_horizon, "responses within which beta adapts", {.above_least = true}},
        {"score-clip", &o.score_clip, "bound on a score; 0: none"},
        {"missing-end", choice(kMissingEnds, o.missing_end), "what the score of a response without an end becomes"},
        {"missing-end-penalty", &o.missing_end_penalty, "what is subtracted from that score, or, negated, replaces it"},
        {"whiten-rewards", &o.whiten_rewards, "scale rewards to a deviation of 1"},
        {"advantage-estimator", choice(kAdvantageEstimators, o.advantage_estimator),
         "what an answer is compared with: a value model, the other answers to its prompt, or all of them"},
        {"group-size", &o.group_size, "answers to one prompt in an iteration", kCount},
        {"advantage-whitening", choice(kWhitenings, o.advantage_whitening), "what advantages are whitened over"},
        {"variance", choice(kVariances, o.variance), "which variance whitening uses, biased or Bessel's"},
        {"whiten-epsilon", &o.whiten_epsilon, "added to the variance that whitening divides by", {.above_least = true}},
        {"gamma", &o.gamma, "discount per token", {.most = 1, .above_least = true}},
        {"lambda", &o.lambda, "of generalised advantage estimation", kShare},
        {"ratio", choice(kRatios, o.ratio), "whether the probability ratio is a token's or a whole answer's"},
        {"clip-ratio", &o.clip_ratio, "epsilon: bound on the probability ratio's distance from 1; 0: none",
         {.most = 1, .below_most = true}},
        {"dual-clip", &o.dual_clip, "bound on the ratio of a bad token; 0: none",
         {.least = 1, .above_least = true, .or_zero = true}},
        {"clip-value", &o.clip_value, "bound on a value's distance from the old one; 0: none"},
        {"value-coefficient", &o.value_coefficient, "weight of the value loss"},
        {"aggregation", choice(kAggregations, o.aggregation), "whether a loss is a mean over tokens or over responses"},
        {"target-kl", &o.target_kl, "an iteration stops at 1.5 times this divergence from the old policy; 0: none"},
    };
    for (RecipeField& field : fields) field.of_like = true;
    for (auto [name, value] : {std::pair{"advantage-estimator", "gae"}, {"group-size", "1"}, {"ratio", "token"}})
        for (RecipeField& field : fields)
            if (field.name == std::string(name)) field.implied = value;
    return fields;
}

// Runs without wishes were made before there were these fields, and their manifests lack them.
inline std::vector<RecipeField> wish_fields(WishRecipe& r) {
    std::vector<RecipeField> fields = {
        {"wishes-per-comparison", &r.per_comparison, "drawn for each comparison, each draw independent of the others",
         kCount},
        {"wish-sampling", choice(kWishSamplings, r.sampling),
         "with probabilities in proportion to their burns, or all alike"},
        {"wish-aggregation", choice(kWishAggregations, r.aggregation),
         "what the label is of the judge's probabilities under the wishes drawn"},
        {"worst-served-share", &r.worst_served_share,
         "of the wishes drawn, those that --wish-aggregation worst-served counts",
         {.most = 1, .above_least = true}},
        {"wishes-relevant", &r.relevant, "drawn among those that speak of the request, and among all if none does"},
    };
    for (auto [name, value] : {std::pair{"wishes-per-comparison", "4"}, {"wish-sampling", "proportional"},
                               {"wish-aggregation", "mean"}, {"worst-served-share", "0.25"},
                               {"wishes-relevant", "true"}})
        for (RecipeField& field : fields)
            if (field.name == std::string(name)) field.implied = value;
    return fields;
}

inline std::vector<RecipeField> joined(std::vector<RecipeField> fields, const std::vector<RecipeField>& more) {
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

// The table, with pointers into the recipe, which must outlive them.
inline std::vector<RecipeStage> recipe_stages(Recipe& r) {
    std::vector<RecipeStage> stages = {
        {"world",
         "world-",
         "the documents and prompts of the toy world",
         {{"documents", &r.corpus.documents, "for pretraining", kCount},
          {"dialogues", &r.corpus.dialogues, "for helpful-only fine-tuning", kCount},
          {"reviews",
           &r.corpus.reviews,
           "critiques, comparisons, drills and echoes, mixed into helpful-only fine-tuning",
           kCount},
          {"critique-prompts", &r.corpus.critique_prompts, "whose answers are criticised and revised", kCount},
          {"helpful-prompts", &r.corpus.helpful_prompts, "harmless ones, whose answers SL-CAI learns unrevised",
           kCount},
          {"compare-prompts", &r.corpus.compare_prompts, "whose answers are compared", kCount},
          {"ppo-prompts", &r.corpus.ppo_prompts, "for PPO", kCount}}},
        {"tokenizer",
         "tokenizer-",
         "the vocabulary",
         {{"vocab-size", &r.vocab_size, "tokens", {.least = 300, .most = 1e6}}}},
        {"pretrain",
         "pretrain-",
         "the pretrained model",
         joined({{"drill-tokens-per-batch",
                  &r.drill_tokens_per_batch,
                  "tokens that a step of the drills, which come first, learns from",
                  {.least = 1, .most = 1e7}},
                 {"drill-learning-rate", &r.drill_learning_rate, "at its peak, of the drills", kUpTo10}},
                supervised_fields(r.pretrain))},
        {"sft-helpful", "helpful-", "the helpful-only assistant", supervised_fields(r.helpful)},
        {"critique",
         "critique-",
         "critiques and revisions",
         {{"rounds", &r.critique.rounds, "of critique and revision", {.most = 64}},
          {"temperature", &r.critique.temperature, "of answers, critiques and revisions; 0 takes the likeliest token",
           kUpTo10, {"evaluate"}}}},
        {"critique",
         "",
         "the principles of critiques and comparisons",
         {{"draw",
           choice(kDraws, r.draw),
           "how they are drawn: uniformly, or, unlike the paper, among those that speak of the request",
           {},
           {"compare"},
           false,
           "",
           "uniform"}}},
        {"sft-sl-cai", "sl-cai-", "SL-CAI",
         joined(supervised_fields(r.sl_cai),
                {{"replayed", &r.corpus.replayed, "documents of the encyclopedia mixed in", kCount},
                 {"replayed-conversations", &r.corpus.replayed_conversations, "of pretraining, mixed in", kCount}})},
        {"sft-sl-cai",
         "",
         "SL-CAI and all models after it",
         {{"weights",
           choice(kWeightTypes, r.weights),
           "the type of the numbers in their files; float16 halves the files, and is read back as float32",
           {},
           {"reward", "ppo", "dpo"},
           false,
           "",
           "float32"}}},
        {"compare",
         "compare-",
         "the judge's labels",
         {{"reasoning", &r.compare.reasoning, "the judge writes a reason before its verdict", {}, {"evaluate"}},
          {"clamp", &r.compare.clamp, "the bounds of a label"},
          {"temperature", &r.compare.temperature, "of the two answers; 0 takes the likeliest token", kUpTo10}}},
        {"compare", "", "the wishes of --wishes FILE, which the judge is asked about in place of a principle",
         wish_fields(r.wishes)},
        {"compare-helpfulness", "compare-helpfulness-", "the labels of helpfulness", {}},
        {"reward",
         "reward-",
         "the preference model",
         {{"pairs-per-batch", &r.reward.pairs_per_batch, "comparisons that a step learns from", kCount},
          {"epochs", &r.reward.epochs, "passes over the comparisons", kEpochs},
          {"learning-rate", &r.reward.learning_rate, "at the start; it falls to 0", kUpTo10},
          {"optimizer", choice(kMatrixUpdates, r.reward.optimizer), "of the layers' matrices; the rest is AdamW's"}}},
        {"ppo", "ppo-", "RL-CAI",
         joined({{"iterations", &r.ppo.iterations, "of rollouts and updates", kCount},
                 {"rollouts", &r.ppo.rollouts, "answers in an iteration", kCount},
                 {"epochs", &r.ppo.epochs, "passes over an iteration's rollouts", {.least = 1, .most = 1000}},
                 {"minibatches",
                  &r.ppo.minibatches,
                  "steps of an epoch, at most as many as rollouts",
                  {.least = 1, .most = 1e6}},
                 {"learning-rate", &r.ppo.learning_rate, "of the policy, at the start; it falls to 0", kUpTo10},
                 {"value-learning-rate", &r.ppo.value_learning_rate, "of the value model, at the start; it falls to 0",
                  kUpTo10},
                 {"optimizer", choice(kMatrixUpdates, r.ppo.optimizer), "of both models' layers; the rest is AdamW's"},
                 {"max-new-tokens", &r.ppo.max_new_tokens, "the longest answer", {.least = 1, .most = 1e6}}},
                ppo_convention_fields(r.ppo.options))},
        {"dpo",
         "dpo-",
         "direct preference optimisation, which only `cai dpo` runs",
         {{"beta",
           &r.dpo.beta,
           "the score that a nat of log-ratio of policy and SL-CAI is worth",
           {.above_least = true}},
          {"pairs-per-batch", &r.dpo.pairs_per_batch, "comparisons that a step learns from", kCount},
          {"epochs", &r.dpo.epochs, "passes over the comparisons", kEpochs},
          {"learning-rate", &r.dpo.learning_rate, "at the start; it falls to 0", kUpTo10},
          {"optimizer", choice(kMatrixUpdates, r.dpo.optimizer), "of the layers' matrices; the rest is AdamW's"},
          {"least-certainty",
           &r.dpo.least_certainty,
           "how far a label must be from one half for its pair to be learned from",
           {.most = 0.5}}}},
        {"evaluate",
         "evaluate-",
         "the table of results",
         {{"prompts", &r.evaluate.prompts, "of a cell of the table, at most", kCount},
          {"pairs", &r.evaluate.pairs, "matched pairs that critic and judge are measured on", kCount}}},
    };
    for (RecipeStage& stage : stages)
        for (RecipeField& field : stage.fields) field.prefix = stage.prefix;
    return stages;
}

// The field's value as written on the command line, in the fewest digits that read back as the same bits.
inline std::string value_text(const RecipeField& field) {
    return std::visit(
        []<class Value>(const Value& value) -> std::string {
            if constexpr (std::is_same_v<Value, Choice>)
                return value.names[value.get(value.value)];
            else if constexpr (std::is_same_v<Value, LabelBounds*>)
                return shortest(value->low) + "," + shortest(value->high);
            else if constexpr (std::is_same_v<Value, bool*>)
                return *value ? "true" : "false";
            else
                return shortest(*value);
        },
        field.value);
}

// The values that the field may have, in words.
inline std::string range_text(const RecipeField& field) {
    if (const Choice* choice = std::get_if<Choice>(&field.value))
        return "one of " + join_list({choice->names, choice->names + choice->count}, "or");
    if (std::holds_alternative<LabelBounds*>(field.value))
        return "LOW,HIGH with 0 <= LOW <= HIGH <= 1, such as 0.4,0.6";
    if (std::holds_alternative<bool*>(field.value)) return "true or false";
    return field.range.text();
}

// where: "" or "FILE: line N: ".
[[noreturn]] inline void refuse(const RecipeField& field, const std::string& value, const std::string& where = "") {
    fail(kUsage, where, "option --", field.option(), ": '", value, "' is not ", range_text(field));
}

// Errors: kUsage, for a number outside the field's range.
template <class Number>
void check_range(const RecipeField& field, Number value, const std::string& where = "") {
    if (!field.range.holds(static_cast<double>(value))) refuse(field, shortest(value), where);
}
inline void check_range(const RecipeField& field, LabelBounds bounds, const std::string& where = "") {
    if (!(0 <= bounds.low && bounds.low <= bounds.high && bounds.high <= 1))
        refuse(field, shortest(bounds.low) + "," + shortest(bounds.high), where);
}

// Checks every range, and the limits that fields set each other. Errors: kUsage,
// with the option, its value and its range.
inline void check_recipe(Recipe recipe) {
    for (const RecipeStage& stage : recipe_stages(recipe))
        for (const RecipeField& field : stage.fields)
            std::visit(
                [&]<class Value>(const Value& value) {
                    if constexpr (!std::is_same_v<Value, Choice> && !std::is_same_v<Value, bool*>)
                        check_range(field, *value);
                },
                field.value);
    if (static_cast<size_t>(recipe.ppo.minibatches) > recipe.ppo.rollouts)
        fail(kUsage, "option --ppo-minibatches: '", recipe.ppo.minibatches, "' is above --ppo-rollouts, ",
             recipe.ppo.rollouts, ", and every minibatch needs a rollout");
    if (recipe.wishes.sampling == WishSampling::proportional &&
        recipe.wishes.aggregation == WishAggregation::burn_weighted)
        fail(kUsage, "option --wish-aggregation: 'burn-weighted' with --wish-sampling proportional would count every "
             "burn twice, so that a burn twice as large weighs four times as much; say --wish-sampling uniform too, or "
             "--wish-aggregation mean");
    const PpoOptions& o = recipe.ppo.options;
    if (recipe.ppo.rollouts % o.group_size != 0)
        fail(kUsage, "option --ppo-group-size: '", o.group_size, "' does not divide --ppo-rollouts, ",
             recipe.ppo.rollouts);
    if (o.ratio == Ratio::sequence && o.aggregation != Aggregation::sequence_mean)
        fail(kUsage, "option --ppo-ratio: 'sequence' gives each answer one loss, so --ppo-aggregation has to be "
             "sequence_mean");
    if (o.has_value_model()) {
        if (o.ratio == Ratio::sequence)
            fail(kUsage, "option --ppo-ratio: 'sequence' needs one advantage for a whole answer, and "
                 "--ppo-advantage-estimator gae gives one for each token");
        return;
    }
    if (o.group_size < 2)
        fail(kUsage, "option --ppo-group-size: '1' leaves --ppo-advantage-estimator ",
             kAdvantageEstimators[static_cast<size_t>(o.advantage_estimator)], " no other answer to compare with");
    if (o.whiten_rewards)
        fail(kUsage, "option --ppo-whiten-rewards: 'true' is for --ppo-advantage-estimator gae only");
}

inline Json value_json(const RecipeField& field) {
    const std::string text = value_text(field);
    return std::visit(
        [&]<class Value>(const Value& value) -> Json {
            if constexpr (std::is_same_v<Value, bool*>)
                return *value;
            else if constexpr (std::is_same_v<Value, Choice> || std::is_same_v<Value, LabelBounds*>)
                return text;
            else
                return parse_json(text, field.option());
        },
        field.value);
}

// Everything in the recipe that determines a stage's output, by the names of the options.
inline Json stage_options(Recipe recipe, const std::string& name) {
    Json options = Json::Object{{"seed", recipe.seed}};
    if (name == "pretrain") options.set("size", recipe.size);
    bool known = false;
    for (const RecipeStage& stage : recipe_stages(recipe)) {
        known |= stage.name == name;
        for (const RecipeField& field : stage.fields)
            if ((stage.name == name || holds(field.also_of, name)) && value_text(field) != field.implied)
                options.set(field.option(), value_json(field));
    }
    expects(known, "the recipe has no stage ", name);
    return options;
}

}  // namespace cai
