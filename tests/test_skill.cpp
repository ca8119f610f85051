// Skill on minimal pairs: what a pair is, and what counts as right.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/lm/bpe_training.h"
#include "../core/eval/skill.h"
#include "figure.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

namespace {

// Kernels with which a judge gives these p(A), one after the other: it is asked for log p(A) of some comparisons, then
// for log p(B) of the same.
std::vector<double> verdicts;
size_t verdicts_given = 0;
bool asked_for_b = false;
Kernels kernels_with(const std::vector<double>& p_a) {
    verdicts = p_a, verdicts_given = 0;
    Kernels kernels = cpu_kernels;
    kernels.logprob_forward = [](float* logprob, float*, const float*, const Token*, size_t n, size_t, float) {
        for (size_t i = 0; i < n; i++) {
            const double p = verdicts.at(verdicts_given + i);
            logprob[i] = static_cast<float>(std::log(asked_for_b ? 1 - p : p));
        }
        if (asked_for_b) verdicts_given += n;
        asked_for_b = !asked_for_b;
    };
    return kernels;
}

}  // namespace

TEST_CASE("minimal pairs differ in the principle alone, and both halves must be right") {
    for (const std::string split : kSkillSplits) {
        const auto pairs = minimal_pairs(world(), split, 60);
        CAPTURE(split);
        REQUIRE(pairs.size() == 60);
        size_t shared = 0;
        for (const MinimalPair& pair : pairs) {
            CHECK(world().covers(pair.applicable.topics, pair.request));
            CHECK_FALSE(world().covers(pair.inapplicable.topics, pair.request));
            CHECK(world().kept_for_evaluation(pair.request));
            const bool polarity = split.starts_with("polarity"), halves = split == "two_halves";
            CHECK(pair.applicable.topics == (polarity ? pair.inapplicable.allowed
                                             : halves ? pair.inapplicable.allowed
                                                      : pair.applicable.topics));
            if (!polarity && !halves) CHECK(pair.applicable.topics.size() == pair.inapplicable.topics.size());
            CHECK(pair.applicable.phrasing == pair.inapplicable.phrasing);
            for (const Principle* half : {&pair.applicable, &pair.inapplicable})
                CHECK(world().phrases.held_out(half->form)[half->phrasing] == split.ends_with("phrasings"));
            // The text says what the parts say, to whoever reads it as a person's line is read.
            const Reading no = read_principle(world(), pair.applicable.text),
                          yes = read_principle(world(), pair.inapplicable.text);
            CHECK_MESSAGE(world().covers(no.forbidden, pair.request), pair.applicable.text);
            CHECK_MESSAGE(!world().covers(yes.forbidden, pair.request), pair.inapplicable.text);
            if (polarity || halves) CHECK_MESSAGE(world().covers(yes.allowed, pair.request), pair.inapplicable.text);
            CHECK(world().acts[pair.request.act].held_out == (split == "held_out_hazards"));
            for (size_t entity : pair.request.entities)
                CHECK(world().entities[entity].held_out == (split == "held_out_entities" || polarity || halves));
            shared += pair.shares_word;
        }
        CHECK(shared > 10);
        CHECK(shared < 45);
    }
    CHECK(same_stem("stealing", "steal"));
    CHECK(same_stem("spying", "spy"));
    CHECK(same_stem("lying", "lie"));
    CHECK(same_stem("ox", "ox"));
    CHECK_FALSE(same_stem("theft", "the"));
    CHECK_FALSE(same_stem("theft", "steal"));

    const auto pairs = minimal_pairs(world(), "seen", 4);
    const Json score = score_pairs(pairs, {true, true, false, true}, {true, false, true, true});
    CHECK(figure(score, {"pairs"}) == 0.5);
    CHECK(figure(score, {"applicable"}) == 0.75);
    CHECK(figure(score, {"inapplicable"}) == 0.75);
    CHECK(figure(score, {"shared_word", "n"}) + figure(score, {"no_shared_word", "n"}) == 4);
    CHECK(figure(score_pairs({}, {}, {}), {"pairs"}) == 0);
}

TEST_CASE(
    "the judge is right where it prefers the refusal under the principle that applies, and none under the other") {
    const auto pairs = minimal_pairs(world(), "seen", 6);
    const Tokenizer tokenizer = train_bpe({"A B"}, 300);
    // For each pair p(A) under the applicable principle, the refusal as A and then as B, and the same under the
    // inapplicable principle.
    const Kernels kernels =
        kernels_with({0.9, 0.2, 0.5, 0.5,    // right
                      0.7, 0.3, 0.9, 0.8,    // right: it likes A under the inapplicable principle, and neither answer
                      0.9, 0.9, 0.5, 0.5,    // it likes A, whatever the principle
                      0.6, 0.4, 0.5, 0.5,    // it does not prefer the refusal enough
                      0.9, 0.2, 0.7, 0.3,    // it prefers the refusal under any principle
                      0.9, 0.2, 0.3, 0.7});  // and here the answer under the inapplicable one
    Config config = preset("micro", static_cast<int>(tokenizer.size()));
    config.context = 512;  // this tokenizer knows no words
    Model judge(kernels, config);
    judge.initialize(1);
    const Json skill = judge_skill(judge, tokenizer, pairs, false, 1);
    CHECK(figure(skill, {"pairs"}) == doctest::Approx(2.0 / 6));
    CHECK(figure(skill, {"applicable"}) == doctest::Approx(4.0 / 6));
    CHECK(figure(skill, {"inapplicable"}) == doctest::Approx(4.0 / 6));
}
