#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "../core/lm/bpe_training.h"
#include "../core/lm/batch_stream.h"
#include "support.h"

using namespace cai;

namespace {

Tokenizer bytes_and_a_few_merges() {
    return train_bpe({"the farmer asked the smith", "the smith asked the farmer"}, 280);
}

// A document whose tokens tell where they come from: 1000 · number + place.
Document numbered_document(int number, size_t length) {
    Document document;
    for (size_t i = 0; i < length; i++) {
        document.tokens.push_back(static_cast<Token>(1000 * number + i));
        document.learn.push_back(1);
    }
    return document;
}

std::vector<Document> numbered_documents(int count) {
    std::vector<Document> documents;
    for (int i = 0; i < count; i++) documents.push_back(numbered_document(i, 2 + static_cast<size_t>(i * 7 % 13)));
    return documents;
}

// The numbers of the documents in a batch, and whether each is there from its first token to its last.
std::vector<int> numbers_in(const Batch& batch, const std::vector<Document>& documents) {
    std::vector<int> numbers;
    for (size_t s = 0; s + 1 < batch.offsets.size(); s++) {
        size_t begin = static_cast<size_t>(batch.offsets[s]), end = static_cast<size_t>(batch.offsets[s + 1]);
        int number = batch.tokens[begin] / 1000;
        const std::vector<Token>& whole = documents[static_cast<size_t>(number)].tokens;
        CHECK(std::vector<Token>(batch.tokens.begin() + begin, batch.tokens.begin() + end) ==
              std::vector<Token>(whole.begin(), whole.end() - 1));
        for (size_t i = begin; i < end; i++) CHECK(batch.positions[i] == static_cast<int32_t>(i - begin));
        numbers.push_back(number);
    }
    return numbers;
}

}  // namespace

TEST_CASE("dataset: roles open segments, and what is learned includes the stop after it") {
    Tokenizer tokenizer = bytes_and_a_few_merges();
    std::vector<Token> question = tokenizer.encode("who?"), answer = tokenizer.encode("the smith");
    Document document = encode_document(
        tokenizer,
        {{kUser, "who?", false}, {kAssistant, "the smith", true}, {kUser, "who?", false}, {kAssistant, "", true}});

    std::vector<Token> tokens;
    std::vector<uint8_t> learn;
    auto expect = [&](const std::vector<Token>& more, uint8_t mark) {
        for (Token token : more) tokens.push_back(token), learn.push_back(mark);
    };
    expect({kUser}, 0);
    expect(question, 0);
    expect({kAssistant}, 0);
    expect(answer, 1);
    expect({kUser}, 1);  // the assistant stops here
    expect(question, 0);
    expect({kAssistant}, 0);  // the user is not trained to stop
    expect({kEndOfText}, 1);  // an empty answer is learned as a stop alone
    CHECK(document.tokens == tokens);
    CHECK(document.learn == learn);

    // What the user says last is not learned, nor is its end.
    CHECK(encode_document(tokenizer, {{kUser, "", false}}).learn == std::vector<uint8_t>{0, 0});
}

TEST_CASE("dataset: a principle is read as if it stood within a sentence, whatever else is said as it stands") {
    const auto read = [](Token role, const std::string& text) { return normalize_principle({role, text, false}); };
    CHECK(read(kPrinciple, "Theft is forbidden.") == " theft is forbidden.");
    CHECK(read(kPrinciple, "nothing about theft") == " nothing about theft");
    CHECK(read(kPrinciple, "TNT is forbidden.") == " TNT is forbidden.");
    CHECK(read(kPrinciple, "A theft is a theft.") == " A theft is a theft.");
    CHECK(read(kPrinciple, "\u00c4ther is forbidden.") == " \u00c4ther is forbidden.");
    CHECK(read(kPrinciple, "T") == " T");
    CHECK(read(kPrinciple, "").empty());
    for (Token role : {Token{kUser}, Token{kAssistant}, Token{kCritique}, Token{kEndOfText}, kContinue})
        CHECK(read(role, "Theft.") == "Theft.");

    Tokenizer tokenizer = bytes_and_a_few_merges();
    std::vector<Token> tokens = {kPrinciple}, principle = tokenizer.encode(" the farmer"),
                       answer = tokenizer.encode("The smith");
    tokens.insert(tokens.end(), principle.begin(), principle.end());
    tokens.push_back(kAssistant);
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    CHECK(encode_document(tokenizer, {{kPrinciple, "The farmer", false}, {kAssistant, "The smith", true}}, false)
              .tokens == tokens);
}

TEST_CASE("dataset: a turn can be learned in part") {
    Tokenizer tokenizer = bytes_and_a_few_merges();
    const Document whole =
        encode_document(tokenizer, {{kPrinciple, "no ox", false}, {kCritique, "ox yes, cow no.", true}});
    const Document parts = encode_document(tokenizer, {{kPrinciple, "no ox", false},
                                                       {kCritique, "ox", false},
                                                       {kContinue, " yes", true},
                                                       {kContinue, ", cow no", false},
                                                       {kContinue, ".", false}});
    CHECK(parts.tokens == whole.tokens);
    const size_t learned = tokenizer.encode(" yes").size();
    const size_t from = 2 + tokenizer.encode(" no ox").size() + tokenizer.encode("ox").size();
    std::vector<uint8_t> learn(parts.tokens.size(), 0);
    std::fill_n(learn.begin() + static_cast<std::ptrdiff_t>(from), learned, 1);
    CHECK(parts.learn == learn);  // the end of text is not learned either
}

TEST_CASE("dataset: a prompt ends with the role that speaks next; plain text lies between two <|endoftext|>") {
    Tokenizer tokenizer = bytes_and_a_few_merges();
    Document prompt = encode_document(tokenizer, {{kUser, "x", false}, {kAssistant, "", true}}, false);
    CHECK(prompt.tokens == std::vector<Token>{kUser, tokenizer.encode("x")[0], kAssistant});

    Document text = encode_text(tokenizer, "x");
    CHECK(text.tokens == std::vector<Token>{kEndOfText, tokenizer.encode("x")[0], kEndOfText});
    CHECK(text.learn == std::vector<uint8_t>{0, 1, 1});
}

TEST_CASE("dataset: no text forges a special token") {
    Tokenizer tokenizer = bytes_and_a_few_merges();
    std::string forged;
    for (Token special = 0; special < kSpecialCount; special++) forged += tokenizer.piece(special) + " ";
    CHECK(forged.find("<|assistant|>") != std::string::npos);
    Document document = encode_document(tokenizer, {{kUser, forged, false}, {kAssistant, forged, true}});
    size_t specials = 0;
    for (Token token : document.tokens) specials += token < kSpecialCount;
    CHECK(specials == 3);  // user, assistant, end of text
    CHECK(error_of([&] { encode_document(tokenizer, {{kPad, "x", true}}); }) == "token 1 is not a role");
}

TEST_CASE("dataset: segments survive JSON") {
    std::vector<Segment> segments = {{kUser, "say \"hi\"\n\\ \xc3\xa9", false},
                                     {kAssistant, "", true},
                                     {kAssistant, "not learned", false},
                                     {kUser, "learned", true},
                                     {kEndOfText, "plain", true}};
    for (const RoleName& name : kRoleNames) segments.push_back({name.role, name.word, name.learn});
    std::string line = dump(to_json("review", segments));
    Json json = parse_json(line, "here");
    CHECK(json["kind"].string() == "review");
    CHECK(segments_from_json(json) == segments);

    CHECK(dump(to_json("chat", {{kUser, "a", false}, {kAssistant, "b", false}})) ==
          R"({"kind":"chat","segments":[["user","a"],["assistant","b",false]]})");
    CHECK(std::size(kRoleNames) == kSpecialCount);  // one without a token of its own; the padding is no role
}

TEST_CASE("dataset: malformed segments are named") {
    auto message = [](const char* text) {
        return error_of([&] {
            each_of_jsonl(concat("\n\n", text), "chat.jsonl", [](const Json& json) { segments_from_json(json); });
        });
    };
    CHECK(message(R"({"segments":[["villager","x"]]})") ==
          "chat.jsonl: line 3: unknown role \"villager\"; use one of: text, user, assistant, principle, critique, "
          "revision, "
          "option_a, option_b, reasoning, verdict");
    CHECK(message(R"({"segments":[["","x"]]})") == "chat.jsonl: line 3: segment 1 has no role");
    CHECK(message(R"({"kind":"x"})") ==
          "chat.jsonl: line 3: \"segments\" is missing or not a list of [role, text] pairs");
    for (const char* bad : {R"({"segments":[["user","x"],["user"]]})", R"({"segments":[["user","x"],["user",1]]})",
                            R"({"segments":[["user","x"],["user","x",1]]})", R"({"segments":[["user","x"],"user"]})"})
        CHECK(message(bad) == "chat.jsonl: line 3: segment 2 is not [role, text] or [role, text, true or false]");
}

TEST_CASE("dataset: a batch holds whole documents, and an epoch every document once") {
    std::vector<Document> documents = numbered_documents(101);
    BatchStream batches(documents, 256, 50, 7);
    CHECK(batches.documents() == documents.size());
    size_t inputs = 0;
    for (const Document& document : documents) inputs += document.tokens.size() - 1;
    CHECK(batches.tokens_per_epoch() == inputs);

    std::vector<int> dealt;
    while (dealt.size() < 3 * documents.size()) {
        Batch batch = batches.next();
        CHECK(batch.tokens.size() <= 50);
        CHECK(batch.tokens.size() > 50 - 15);  // the next document, at most 14 tokens, did not fit
        CHECK(batch.targets.size() == batch.tokens.size());
        for (int number : numbers_in(batch, documents)) dealt.push_back(number);
    }
    std::vector<std::vector<int>> orders;
    for (int epoch = 0; epoch < 3; epoch++) {
        auto begin = dealt.begin() + epoch * 101;
        orders.emplace_back(begin, begin + 101);
        CHECK(std::set<int>(begin, begin + 101).size() == 101);
    }
    CHECK(orders[0] != orders[1]);
    CHECK(orders[1] != orders[2]);
}

TEST_CASE("dataset: the first lesson comes once, before everything else, in batches of its own size") {
    const std::vector<Document> documents = numbered_documents(60);
    const std::vector<Document> first(documents.begin(), documents.begin() + 20),
        others(documents.begin() + 20, documents.end());
    BatchStream batches(others, 256, 80, 7, "others", {first, 30, 0.5f});
    CHECK(batches.learning_rate(2) == 0.5f);
    CHECK(batches.documents() == 40);
    size_t lesson_inputs = 0, inputs = 0;
    for (const Document& document : first) lesson_inputs += document.tokens.size() - 1;
    for (const Document& document : others) inputs += document.tokens.size() - 1;
    CHECK(batches.steps(2) == lesson_inputs / 30 + 2 * inputs / 80);
    std::vector<int> lesson;
    while (lesson.size() < 20) {
        const Batch batch = batches.next();
        CHECK(batch.tokens.size() <= 30);
        for (int number : numbers_in(batch, documents)) lesson.push_back(number);
    }
    CHECK(std::set<int>(lesson.begin(), lesson.end()).size() == 20);
    CHECK(*std::max_element(lesson.begin(), lesson.end()) == 19);
    CHECK(!std::is_sorted(lesson.begin(), lesson.end()));
    CHECK(batches.position() == BatchStream::Position{1, 0});
    CHECK(batches.learning_rate(2) == 2);

    std::map<int, int> dealt;
    for (int step = 0; step < 30; step++) {
        BatchStream resumed(others, 256, 80, 7, "others", {first, 30, 0.5f});
        resumed.restore(batches.position());
        const Batch batch = batches.next();
        CHECK(batch.tokens == resumed.next().tokens);
        CHECK(batch.tokens.size() > 80 - 15);
        for (int number : numbers_in(batch, documents)) dealt[number]++;
    }
    CHECK(dealt.size() == 40);
    CHECK(dealt.begin()->first == 20);
    CHECK(error_of([&] {
              batches.restore({0, 20});
          }) ==
          "the saved position 20 is outside of the training data of 20 documents; it has changed since the checkpoint "
          "was written: start again from the stage before");
}

TEST_CASE("dataset: the order depends on the seed and on nothing else") {
    auto first = [](uint64_t seed) { return BatchStream(numbered_documents(50), 256, 100, seed).next().tokens; };
    CHECK(first(1) == first(1));
    CHECK(first(1) != first(2));
}

TEST_CASE("dataset: a restored stream continues with identical batches") {
    std::vector<Document> documents = numbered_documents(40);
    BatchStream original(documents, 256, 64, 3);
    for (int batch = 0; batch < 25; batch++) {  // several epochs
        BatchStream resumed(documents, 256, 64, 3);
        resumed.restore(original.position());
        BatchStream ahead = resumed;
        for (int i = 0; i < 3; i++) {
            Batch a = ahead.next(), b = resumed.next();
            CHECK(a.tokens == b.tokens);
            if (i == 0) CHECK(original.next().tokens == b.tokens);
        }
    }
    CHECK(original.position().epoch >= 2);
    CHECK(error_of([&] {
              original.restore({0, 40});
          }) ==
          "the saved position 40 is outside of the training data of 40 documents; it has changed since the checkpoint "
          "was written: start again from the stage before");
}

TEST_CASE("dataset: long documents are cut so that each token is predicted once") {
    const size_t context = 8;
    for (size_t length : {2, 8, 9, 10, 16, 17, 18, 41}) {
        CAPTURE(length);
        BatchStream batches({numbered_document(0, length)}, context, 1, 1);  // a window a batch
        CHECK(batches.tokens_per_epoch() == length - 1);
        CHECK(batches.documents() == (length - 1 + context - 1) / context);
        std::map<Token, int> predicted;
        for (size_t i = 0; i < batches.documents(); i++) {
            Batch batch = batches.next();
            CHECK(batch.tokens.size() <= context);
            CHECK(batch.offsets.size() == 2);
            for (size_t k = 0; k < batch.targets.size(); k++) {
                CHECK(batch.targets[k] == batch.tokens[static_cast<size_t>(batch.rows[k])] + 1);
                predicted[batch.targets[k]]++;
            }
        }
        CHECK(predicted.size() == length - 1);
        for (auto [token, times] : predicted) CHECK(times == 1);
    }
}

TEST_CASE("dataset: only learned tokens become targets, and windows without any are left out") {
    Document document = numbered_document(0, 20);
    for (size_t i = 0; i < 20; i++) document.learn[i] = i == 3 || i == 19;
    document.learn[0] = 1;  // nothing comes before the first token: no target
    std::vector<Batch> batches = batches_in_order({document}, 6, 1);
    REQUIRE(batches.size() == 2);
    CHECK(batches[0].tokens.front() == 0);
    CHECK(batches[0].targets == std::vector<Token>{3});
    CHECK(batches[0].rows == std::vector<int32_t>{2});
    CHECK(batches[1].tokens.front() == 18);
    CHECK(batches[1].targets == std::vector<Token>{19});

    // Token 6 ends the first window of 6 inputs and begins the second, where nothing predicts it.
    Document at_the_seam = numbered_document(0, 12);
    at_the_seam.learn.assign(12, 0);
    at_the_seam.learn[6] = 1;
    CHECK(batches_in_order({at_the_seam}, 6, 1).size() == 1);

    Document unlearned = numbered_document(1, 5);
    unlearned.learn.assign(5, 0);
    CHECK(error_of([&] {
              BatchStream({unlearned, numbered_document(2, 1)}, 8, 8, 1, "chat.jsonl");
          }) == "chat.jsonl holds nothing to learn: no document has a token that is marked as learned");
    CHECK(batches_in_order({unlearned}, 8, 8).empty());
}

TEST_CASE("dataset: batches in order deal out every document once, in order") {
    std::vector<Document> documents = numbered_documents(30);
    std::vector<int> dealt, expected;
    for (const Batch& batch : batches_in_order(documents, 256, 40)) {
        CHECK(batch.tokens.size() <= 40);
        for (int number : numbers_in(batch, documents)) dealt.push_back(number);
    }
    for (int i = 0; i < 30; i++) expected.push_back(i);
    CHECK(dealt == expected);
}
