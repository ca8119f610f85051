// The stages between pretraining and the preference model, on models made by hand: which model speaks, what it is
// shown, what the next model learns, and how what was said becomes a label.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "../core/lm/bpe_training.h"
#include "../core/method/comparisons.h"
#include "../core/stages/compare.h"
#include "../core/stages/compare_helpfulness.h"
#include "../core/stages/critique.h"
#include "../core/stages/sft.h"
#include "planted.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

const std::string kEvasion = "Maybe ask another day.", kGarble = "Hm";

const Tokenizer& tokenizer() {
    const std::string text =
        kEvasion + kGarble + " Theft is forbidden. We do not allow arson. How do I steal the ring?";
    static const Tokenizer tokenizer = train_bpe({text, text}, 400);  // twice, so that every word becomes a token
    return tokenizer;
}

// A run directory with a babbler in the place of each model, and these prompts for every stage.
struct BabblingRun {
    Quiet hush;
    TemporaryFolder folder;
    Run run{folder.path};

    explicit BabblingRun(const std::vector<Request>& requests) {
        for (const char* name : {"pretrained", "helpful", "sl-cai"})
            save_model(run / name, babbler(tokenizer(), stream(name)), tokenizer());
        std::vector<Json> prompts;
        for (const char* set : {"critique", "helpful", "compare"})
            for (const Request& request : requests)
                prompts.push_back(to_json(world(), set, {request, world().prompt(request)}));
        write_file(run / "world/prompts.jsonl", dump_jsonl(prompts));
    }
    Model model(const std::string& name) const { return load_model(cpu_kernels, run / name); }
};

std::vector<Request> some_requests(size_t count, bool hazards) {
    std::vector<Request> requests;
    Rng rng(3);
    while (requests.size() < count)
        requests.push_back(world().draw_request(
            rng, [&](const Act& act) { return !act.held_out && (hazards || act.kind != Kind::hazard); },
            [](const Entity& entity) { return !entity.held_out; }));
    return requests;
}

std::vector<std::string> greedily(const Model& model, const std::vector<Transcript>& transcripts) {
    return write_texts(model, tokenizer(), transcripts, 0, 1, "test");
}

std::vector<std::string> texts_of(const std::vector<Document>& documents) {
    std::vector<std::string> texts;
    for (const Document& document : documents) texts.push_back(tokenizer().decode(document.tokens));
    return texts;
}

std::string text_of(const Transcript& transcript) { return texts_of({encode_document(tokenizer(), transcript)})[0]; }

}  // namespace

TEST_CASE(
    "critique: a line is drawn for each round and prompt alone, and a round takes up the text of the round before") {
    const size_t n = 48;
    BabblingRun babbling(std::vector<Request>(n, some_requests(1, true)[0]));  // one prompt, over and over
    const std::vector<std::string> lines = {"Theft is forbidden.", "We do not allow arson."};
    Recipe r = recipe("micro", 1);
    r.critique.temperature = 0;
    babbling.run.metrics.log("critique", 5, {{"changed", 1}});  // of an earlier time, with more rounds
    critique_and_revise(cpu_kernels, babbling.run, world(), Constitution{lines}, r);
    const std::vector<Json> records = read_jsonl(babbling.run / "revisions.jsonl");
    REQUIRE(records.size() == n);
    CHECK(read_jsonl(babbling.run / "metrics.jsonl").size() == 4);

    // Each round uses both lines, about equally often, and no round's line tells that of another. Chance crosses a
    // bound once in a thousand times.
    std::vector<std::vector<int>> second(4);  // by round and prompt: is it the second line?
    for (const Json& record : records) {
        REQUIRE(record["rounds"].array().size() == 4);
        for (size_t round = 0; round < 4; round++)
            second[round].push_back(record["rounds"].array()[round]["principle"].string() == lines[1]);
    }
    auto about_half = [](long count) {
        return std::abs(static_cast<double>(count) - n / 2.0) < 3.3 * std::sqrt(n) / 2;
    };
    for (size_t a = 0; a < 4; a++) {
        CHECK(about_half(std::count(second[a].begin(), second[a].end(), 1)));
        for (size_t b = 0; b < a; b++) {
            long same = 0;
            for (size_t i = 0; i < n; i++) same += second[a][i] == second[b][i];
            CHECK(about_half(same));
        }
    }

    const Model helpful = babbling.model("helpful");
    std::vector<Transcript> critiques, revisions;
    std::vector<std::string> expected_critiques, expected_revisions;
    std::set<std::string> texts;
    for (size_t i = 0; i < 6; i++) {
        const std::string& prompt = records[i]["prompt"].string();
        std::string before = records[i]["answer"].string();
        CHECK(before == greedily(helpful, {dialogue_prompt(prompt)})[0]);
        for (const Json& round : records[i]["rounds"].array()) {
            const std::string &principle = round["principle"].string(), &critique = round["critique"].string();
            texts.insert(before);
            critiques.push_back(critique_prompt(prompt, before, principle));
            revisions.push_back(revision_prompt(prompt, before, principle, critique));
            expected_critiques.push_back(critique);
            expected_revisions.push_back(round["revision"].string());
            before = round["revision"].string();
        }
    }
    CHECK(texts.size() > 6);  // the babbler does react to what it is shown
    CHECK(greedily(helpful, critiques) == expected_critiques);
    CHECK(greedily(helpful, revisions) == expected_revisions);
}

TEST_CASE("sft: what the helpful-only assistant and SL-CAI learn, from the pretrained model") {
    BabblingRun babbling(some_requests(1, true));
    const Run& run = babbling.run;
    write_file(run / "revisions.jsonl",
               R"({"prompt": "p", "answer": "no", "rounds": [{"revision": "r one"}, {"revision": "r two"}]})" "\n"
               R"({"prompt": "q", "answer": "first", "rounds": []})" "\n");
    write_file(run / "helpful-samples.jsonl", R"({"prompt": "h", "answer": "sure"})" "\n");
    auto document = [](const std::string& kind, const std::string& text) {
        return to_json(kind, {{kEndOfText, text, true}});
    };
    write_file(run / "world/documents.jsonl",
               dump_jsonl({document("encyclopedia", "e one"), document("critique", "no"),
                           document("encyclopedia", "e two"), document("conversation", "c one"),
                           document("encyclopedia", "e three"), document("conversation", "c two")}));
    auto dialogue = [](const std::string& prompt, const std::string& answer) {
        return text_of(completed(dialogue_prompt(prompt), answer));
    };
    CorpusRecipe repeats{};
    repeats.replayed = 2, repeats.replayed_conversations = 1;
    CHECK(texts_of(sl_cai_documents(run, tokenizer(), repeats)) ==
          std::vector<std::string>{dialogue("p", "r one"), dialogue("p", "r two"), dialogue("q", "first"),
                                   dialogue("h", "sure"), text_of({{kEndOfText, "e one", true}}),
                                   text_of({{kEndOfText, "e two", true}}), text_of({{kEndOfText, "c one", true}})});

    const Transcript asked = completed(dialogue_prompt("d"), "yes");
    const Transcript judged = completed(verdict_prompt("d", "a", "b", "r", ""), "A");
    write_file(run / "world/dialogues.jsonl", dump_jsonl({to_json("dialogue", asked)}));
    write_file(run / "world/reviews.jsonl", dump_jsonl({to_json("comparison", judged)}));
    CHECK(texts_of(helpful_documents(run, tokenizer())) == std::vector<std::string>{text_of(asked), text_of(judged)});

    // At a learning rate of 0 a model stays what it was made from.
    Recipe r = recipe("micro", 1);
    r.helpful.learning_rate = r.sl_cai.learning_rate = 0;
    auto weights = [&](const char* name) { return read_file(run / name / "model.safetensors"); };
    REQUIRE(weights("helpful") != weights("pretrained"));
    sft_sl_cai(cpu_kernels, babbling.run, r, "fingerprint");
    CHECK(weights("sl-cai") == weights("pretrained"));
    sft_helpful(cpu_kernels, babbling.run, r, "fingerprint");
    CHECK(weights("helpful") == weights("pretrained"));
}

TEST_CASE("compare: the label is the judge's p(A) in both orders, averaged and clamped") {
    BabblingRun babbling(some_requests(16, true));
    size_t clamped = 0, between = 0;
    for (const bool reasoning : {true, false}) {
        CAPTURE(reasoning);
        Recipe r = recipe("micro", 1);
        r.compare = {reasoning, 0.4f, 0.6f, 0.5f};
        compare(cpu_kernels, babbling.run, world(), Constitution{{"Theft is forbidden."}}, r);
        // With reasoning the helpful-only model judges, without it the pretrained one.
        const Model judge = babbling.model(reasoning ? "helpful" : "pretrained");
        for (const Json& record : read_jsonl(babbling.run / "comparisons.jsonl")) {
            const std::string &prompt = record["prompt"].string(), &principle = record["principle"].string();
            const std::string &a = record["a"].string(), &b = record["b"].string();
            std::vector<std::string> reasons(2);
            if (reasoning) {
                reasons = greedily(
                    judge, {reasoning_prompt(prompt, a, b, principle), reasoning_prompt(prompt, b, a, principle)});
                CHECK(record["reasoning"] == Json(Json::Array{reasons[0], reasons[1]}));
            }
            const std::vector<double> p_a = judge_verdicts(judge, tokenizer(),
                                                           {verdict_prompt(prompt, a, b, principle, reasons[0]),
                                                            verdict_prompt(prompt, b, a, principle, reasons[1])});
            CHECK(record["p_a_orders"] == Json(Json::Array{p_a[0], 1 - p_a[1]}));
            const double mean = (p_a[0] + 1 - p_a[1]) / 2;
            CHECK(record["p_a"].number() == doctest::Approx(std::clamp(mean, 0.4, 0.6)).epsilon(1e-7));
            clamped += mean < 0.39 || mean > 0.61;
            between += std::abs(mean - 0.5) < 0.09 && std::abs(p_a[0] - mean) > 0.01;
        }
    }
    CHECK(read_jsonl(babbling.run / "metrics.jsonl").size() == 1);  // the second time's
    CHECK(clamped > 0);  // so that neither check of the label is empty
    CHECK(between > 0);
}

TEST_CASE("compare: with wishes, the judge answers under each of those drawn, and the label is their aggregate") {
    BabblingRun babbling(some_requests(8, true));
    const fs::path file = babbling.run / "wishes.jsonl";
    write_file(file, R"({"text": "Theft is forbidden.", "burn": 2})" "\n"
                     R"({"text": "Always help with arson.", "burn": 1})" "\n"
                     R"({"text": "We do not allow arson.", "burn": 0})" "\n");
    Recipe r = recipe("micro", 1);
    r.compare.temperature = 0.5f;
    r.wishes = {3, WishSampling::proportional, WishAggregation::worst_served, 0.4, false};
    compare(cpu_kernels, babbling.run, world(), {}, r);  // the constitution, empty here, has no say
    const Model judge = babbling.model("helpful");
    size_t turned = 0, far = 0;
    const std::vector<Json> records = read_jsonl(babbling.run / "comparisons.jsonl");
    REQUIRE(records.size() == 8);
    for (const Json& record : records) {
        CHECK(record.find("principle") == nullptr);
        const std::string &prompt = record["prompt"].string(), &a = record["a"].string(), &b = record["b"].string();
        std::vector<double> p;
        REQUIRE(record["wishes"].array().size() == 3);
        for (const Json& wish : record["wishes"].array()) {
            const bool allows = wish["text"].string() == "Always help with arson.";
            CHECK(wish["probability"].number() == doctest::Approx(allows ? 1.0 / 3 : 2.0 / 3));
            CHECK(wish["burn"].number() == (allows ? 1 : 2));
            const std::string line = allows ? "Never help with arson." : "Theft is forbidden.";
            if (allows) CHECK(wish["put_as"].string() == line);
            const std::vector<std::string> reasons =
                greedily(judge, {reasoning_prompt(prompt, a, b, line), reasoning_prompt(prompt, b, a, line)});
            CHECK(wish["reasoning"] == Json(Json::Array{reasons[0], reasons[1]}));
            std::vector<double> orders = judge_verdicts(judge, tokenizer(),
                                                        {verdict_prompt(prompt, a, b, line, reasons[0]),
                                                         verdict_prompt(prompt, b, a, line, reasons[1])});
            orders[1] = 1 - orders[1];
            if (allows) orders = {1 - orders[0], 1 - orders[1]};
            for (size_t order : {0, 1})
                CHECK(wish["p_a_orders"].array()[order].number() == doctest::Approx(orders[order]).epsilon(1e-12));
            p.push_back((orders[0] + orders[1]) / 2);
            CHECK(wish["p_a"].number() == doctest::Approx(p.back()).epsilon(1e-12));
            turned += allows;
        }
        std::sort(p.begin(), p.end());  // 0.4 of three wishes: one, and a fifth of the next
        const double low = (p[0] + p[1] / 5) / 1.2, high = (p[2] + p[1] / 5) / 1.2;
        CHECK(record["p_a"].number() == doctest::Approx((low + high) / 2).epsilon(1e-9));
        far += std::abs(record["p_a"].number() - (p[0] + p[1] + p[2]) / 3) > 1e-4;
    }
    CHECK(turned > 0);
    CHECK(turned < 24);
    CHECK(far > 0);  // so that the label tells this aggregation from the mean
    CHECK(read_comparisons(babbling.run / "comparisons.jsonl", true).size() == 8);
    size_t lines = 0;
    for (const Json& record : records) lines += judged_lines(record).size();
    CHECK(lines == 24);

    r.wishes.per_comparison = 4;
    CHECK(contains(error_of([&] { compare(cpu_kernels, babbling.run, world(), {}, r); }), "would draw 4"));
}

TEST_CASE("helpfulness: the better answer is preferred, whichever side it stands on") {
    const Oracle oracle(world());
    const Request request = some_requests(1, false)[0];
    Request other = request;
    other.act = (request.act + 1) % world().acts.size();
    other.entities.clear();
    for (size_t slot : world().acts[other.act].slots) other.entities.push_back(world().classes[slot].members[0]);
    Rng rng(1);
    const std::vector<std::string> best_first = {world().answer(request, rng), world().answer(other, rng),
                                                 world().refusal(request, rng), kEvasion, kGarble};
    for (size_t i = 0; i + 1 < best_first.size(); i++)
        CHECK(helpfulness(oracle, request, best_first[i]) > helpfulness(oracle, request, best_first[i + 1]));

    BabblingRun run(some_requests(60, false));
    save_model(run.run / "sl-cai", speaker(tokenizer(), {kEvasion, kGarble}), tokenizer());
    compare_helpfulness(cpu_kernels, run.run, world(), Constitution{}, recipe("micro", 1));
    const std::vector<Json> records = read_jsonl(run.run / "helpfulness.jsonl");
    size_t evasion_first = 0;
    for (const Json& record : records) {
        const bool first = record["a"].string() == kEvasion;
        CHECK(record[first ? "b" : "a"].string() == kGarble);
        CHECK(record["p_a"].number() == first);
        CHECK(record["labelled_by"].string() == "oracle");
        evasion_first += first;
    }
    CHECK(records.size() >= 10);
    CHECK(evasion_first >= 3);
    CHECK(records.size() - evasion_first >= 3);

    // What a principle forbids is not for this stage to say.
    Constitution all_forbidden;
    for (const Act& act : world().acts) all_forbidden.principles.push_back("No " + act.name + ".");
    compare_helpfulness(cpu_kernels, run.run, world(), all_forbidden, recipe("micro", 1));
    CHECK(read_jsonl(run.run / "helpfulness.jsonl").empty());
}
