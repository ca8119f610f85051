// The training documents: encyclopedia, echoes, drills, villagers' reviews and dialogues, all generated from the world.
// Reviews teach a model to apply a stated principle, to benign acts as much as to hazards. Nothing here says which
// principles the assistant should follow. Held-out words appear only in the encyclopedia and in dialogues.
#pragma once
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "../lm/prompt_templates.h"
#include "teacher_texts.h"

namespace cai {

// The kinds of documents and their shares, by number of documents. A conversation is a dialogue about a benign act, as
// any web text contains them; the helpful-only assistant trains on dialogues about all acts.
struct DocumentShare {
    const char* kind;
    double share;
};
inline constexpr DocumentShare kPretrainingMix[] = {
    {"encyclopedia", 0.37},   {"echo", 0.05},     {"drill", 0.13},      {"request_drill", 0.08},
    {"verdict_drill", 0.015}, {"critique", 0.16}, {"comparison", 0.06}, {"conversation", 0.135}};

// The shares of the reviews that the helpful-only assistant trains on beside its dialogues.
inline constexpr DocumentShare kReviewMix[] = {{"critique", 0.42}, {"comparison", 0.28},    {"echo", 0.14},
                                               {"drill", 0.04},    {"request_drill", 0.11}, {"verdict_drill", 0.01}};

// Pretraining begins with these alone: so they teach the keyword check within some 200,000 tokens, and among other text
// in many times as many.
inline constexpr const char* kFirstLesson = "drill";

// Whether a document teaches to apply a principle or to copy an answer.
inline bool is_review(const std::string& kind) {
    return std::any_of(std::begin(kReviewMix), std::end(kReviewMix),
                       [&](const DocumentShare& mix) { return mix.kind == kind; });
}

// The fraction of the reviews' applicable principles that are forced to name an entity of the request; others may name
// one by chance. A name also appears in the prompt and the answers, so finding it in the principle is a separate skill
// from finding a topic. It is learned last and needs many examples.
inline constexpr double kNameShare = 0.4;

class DocumentWriter {
  public:
    explicit DocumentWriter(const World& world) : world_(world) {}

    Transcript write(const std::string& kind, Rng& rng) const {
        if (kind == "encyclopedia") return encyclopedia(rng);
        if (kind == "echo") return echo(rng);
        if (kind == "drill") return drill(rng);
        if (kind == "request_drill") return request_drill(rng);
        if (kind == "verdict_drill") return verdict_drill(rng);
        if (kind == "critique") return critique_review(rng);
        if (kind == "comparison") return comparison_review(rng);
        if (kind == "conversation") return answered(rng, any_request(rng, false));
        if (kind == "dialogue") return answered(rng, any_request(rng, true));
        fail(kBadInput, "unknown kind of document \"", kind, "\"");
    }

    // Facts, what each act is and what it leads to, the topics of requests, and an index; includes held-out words.
    Transcript encyclopedia(Rng& rng) const {
        Request request = any_request(rng);
        const Act& act = world_.acts[request.act];
        Bindings all = world_.bindings(request);
        std::string result = fill(act.result, all), instead = fill(rng.pick(act.insteads), all);
        std::string text;
        switch (rng.below(5)) {
            case 0:
                for (size_t i = 0; i < 4; i++) text += (i ? " " : "") + any_fact(rng);
                break;
            case 1:
                text = concat(world_.prompt(request), " This is ", act.name, ", or ", act.also, ". It is done to ",
                              act.target, " and brings ", act.brings, ". After ", act.name, ", ", result,
                              ". One could also ", instead, ".");
                break;
            case 2:
                text = concat(world_.prompt(request), " Topics: ", join_list(world_.topics_of(request), "and"), ".");
                break;
            case 3: {
                const std::string words = join_list(draw_topics(rng, 4 + rng.below(6), true), "and");
                text = concat("The index names ", words, ": ", words, ".");
                break;
            }
            default:
                text = concat("The old book says of ", act.name, ": ", any_fact(rng), " Then someone asks: ",
                              world_.prompt(request), " And ", result, ". One could also ", instead, ".");
        }
        return {{kEndOfText, text, true}};
    }

    // An answer given twice. It teaches the copying that names and revisions need. The loss skips the first copy:
    // guessing its names would only teach that held-out names never occur here.
    Transcript echo(Rng& rng) const {
        const Outcome outcome = draw_outcome(rng);
        const std::string answer = any_answer(rng, seen_request(rng), outcome);
        return {{kAssistant, answer, false}, {kRevision, answer, true}};
    }

    // One principle and many keyword checks.
    Transcript drill(Rng& rng) const { return keyword_drill(rng, {}, draw_topics(rng, 8), kCritique); }

    // The same after a request with its answer or answers, whose names stand there too: so that a name is looked for in
    // the principle, not in all that was said.
    Transcript request_drill(Rng& rng) const {
        const Request request = seen_request(rng);
        const bool comparison = rng.chance(0.5);
        const Outcome a = draw_outcome(rng), b = draw_outcome(rng);
        const std::string answer_a = any_answer(rng, request, a);
        Transcript context = {{kUser, world_.prompt(request), false}};
        if (comparison) {
            context.push_back({kOptionA, answer_a, false});
            context.push_back({kOptionB, any_answer(rng, request, b), false});
        } else {
            context.push_back({kAssistant, answer_a, false});
        }
        const std::vector<std::string> words = draw_topics(rng, 8, false, world_.topics_of(request));
        return keyword_drill(rng, context, words, comparison ? kReasoning : kCritique);
    }

    // The end of a comparison on its own: from what two answers do, if the principle applies, to the verdict.
    Transcript verdict_drill(Rng& rng) const {
        Outcome a = draw_outcome(rng), b = draw_outcome(rng);
        if (a == b) (rng.chance(0.5) ? a : b) = a == Outcome::complied ? Outcome::refused : Outcome::complied;
        return {{kReasoning, teacher_application(a, b), false}, {kVerdict, draw_verdict(rng, true, a, b), true}};
    }

    // An answer reviewed under a principle: critique, then revision. One in six is revised without a critique.
    Transcript critique_review(Rng& rng) const {
        Request request = seen_request(rng);
        Outcome outcome = draw_outcome(rng);
        bool covered = rng.chance(0.5);
        Principle principle = review_principle(rng, request, covered);
        std::string prompt = world_.prompt(request), answer = any_answer(rng, request, outcome);
        std::string revision = covered && outcome != Outcome::refused ? world_.refusal(request, rng) : answer;
        std::string critique_text = rng.chance(1.0 / 6) ? "" : teacher_critique(world_, request, principle, outcome);
        return completed(revision_prompt(prompt, answer, principle.text, critique_text), revision);
    }

    // Two answers compared under a principle. One in four comparisons has no reasoning.
    Transcript comparison_review(Rng& rng) const {
        Request request = seen_request(rng);
        auto draw = [&] { return rng.chance(0.08) ? Outcome::garbled : draw_outcome(rng); };
        Outcome a = draw(), b = draw();
        if (a == b && rng.chance(0.7))
            (rng.chance(0.5) ? a : b) = a == Outcome::complied ? Outcome::refused : Outcome::complied;
        bool covered = rng.chance(0.5);
        Principle principle = review_principle(rng, request, covered);
        std::string reason = rng.chance(0.25) ? "" : teacher_reasoning(world_, request, principle, a, b);
        const char* verdict = draw_verdict(rng, covered, a, b);
        std::string answer_b = any_answer(rng, request, b), answer_a = any_answer(rng, request, a);
        return completed(verdict_prompt(world_.prompt(request), answer_a, answer_b, principle.text, reason), verdict);
    }

    // A request and a helpful answer.
    Transcript answered(Rng& rng, const Request& request) const {
        return completed(dialogue_prompt(world_.prompt(request)), world_.answer(request, rng));
    }

    std::string any_answer(Rng& rng, const Request& request, Outcome outcome) const {
        if (outcome == Outcome::refused) return world_.refusal(request, rng);
        if (outcome == Outcome::evaded) return rng.pick(world_.phrases.evasions);
        if (outcome == Outcome::garbled) return rambling(rng, request);
        return world_.answer(request, rng);
    }

    // Words from a refusal or an answer to this request and from an answer to another one, shuffled.
    std::string rambling(Rng& rng, const Request& request) const {
        const std::string other = world_.answer(seen_request(rng), rng);
        const std::string text =
            (rng.chance(0.5) ? world_.refusal(request, rng) : world_.answer(request, rng)) + " " + other;
        std::vector<std::string> words;
        for (size_t i = 0; i < text.size();) {
            size_t end = std::min(text.find(' ', i), text.size());
            words.push_back(text.substr(i, end - i));
            i = end + 1;
        }
        rng.shuffle(words);
        words.resize(std::min(words.size(), 6 + rng.below(12)));
        return sentence_of(words);
    }

    Request any_request(Rng& rng, bool hazards = true) const {
        return world_.draw_request(rng, [&](const Act& act) { return hazards || act.kind != Kind::hazard; },
                                   [](const Entity&) { return true; });
    }
    Request seen_request(Rng& rng) const {
        return world_.draw_request(rng, [](const Act& act) { return !act.held_out; },
                                   [](const Entity& entity) { return !entity.held_out; });
    }

  private:
    // The principle of a review. One that applies forbids, alone or in one of two halves; of those that do not, some
    // name nothing of the request, and the others name it to allow it or to ask for something.
    Principle review_principle(Rng& rng, const Request& request, bool applies) const {
        const float u = rng.uniform();
        if (applies) return world_.draw_principle(rng, request, u < 0.8f ? Form::forbids : Form::halves,
                                                  Mention::forbidden, false, kNameShare);
        if (u < 0.3f) return world_.draw_principle(rng, request, Form::forbids, Mention::none);
        const Form form = u < 0.65f ? Form::allows : u < 0.92f ? Form::halves : Form::asks;
        return world_.draw_principle(rng, request, form, rng.chance(0.7) ? Mention::allowed : Mention::none, false,
                                     kNameShare);
    }

    std::string any_fact(Rng& rng) const {
        size_t entity = rng.below(world_.entities.size());
        return world_.fact(entity, rng.below(world_.class_of(entity).facts.size()));
    }

    // Checks of these words, which are topics, and of four others, half of them invented: so that checking is learned
    // for more words than reviews mention, and works for a new one. Four in ten principles are not sentences, so
    // that it also works for a new phrasing. Only what the principle does and the verdicts enter the loss.
    Transcript keyword_drill(Rng& rng, Transcript transcript, std::vector<std::string> words, int role) const {
        const size_t checks = words.size() + std::min<size_t>(4, world_.other_words().size());
        while (words.size() < checks)
            add_new(words, rng.chance(0.5) ? invented_word(rng) : rng.pick(world_.other_words()));
        rng.shuffle(words);
        static const std::vector<size_t> kLengths = {1, 2, 3, 4, 5};
        Principle principle;
        principle.topics.assign(words.begin(), words.begin() + rng.pick(kLengths));
        // After a request, more of them allow: first lessons are to look for words, later ones for what is said of
        // them.
        const bool jumbled = rng.chance(0.4), first = transcript.empty();
        const float u = rng.uniform();
        principle.form = jumbled || u < (first ? 0.7f : 0.2f) ? Form::forbids
                         : first || u < 0.65f                 ? Form::allows
                                                              : Form::halves;
        if (principle.form == Form::allows) std::swap(principle.topics, principle.allowed);
        if (principle.form == Form::halves) {
            const auto from = words.begin() + static_cast<std::ptrdiff_t>(principle.topics.size());
            principle.allowed.assign(from, std::min(words.end(), from + rng.pick(kLengths)));
        }
        if (jumbled) {
            principle.text = jumbled_principle(rng, principle.topics);
        } else {
            principle.phrasing = world_.draw_phrasing(rng, false, principle.form);
            principle.text = world_.text_of(principle);
        }
        rng.shuffle(words);
        transcript.push_back({kPrinciple, principle.text, false});
        transcript.push_back({role, "It", false});
        transcript.push_back({kContinue, stance(principle).substr(2), true});
        bool verdict = false;  // topics and verdicts take turns
        for (const std::string& piece : keyword_check_pieces(words, principle)) {
            transcript.push_back({kContinue, piece, verdict});
            verdict = !verdict;
        }
        transcript.push_back({kContinue, ".", false});
        return transcript;
    }

    static const char* draw_verdict(Rng& rng, bool covered, Outcome a, Outcome b) {
        return rng.chance(teacher_verdict(covered, a, b)) ? "A" : "B";
    }

    static std::string sentence_of(const std::vector<std::string>& words) {
        std::string text;
        for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
        return text;
    }

    // The beginning of one word joined to the end of another, such that no text of the world uses the result, which is
    // no topic's plural either.
    std::string invented_word(Rng& rng) const {
        auto cut = [&](const std::string& word) {
            size_t at = 1 + rng.below(word.size() - 1);
            while (at < word.size() && (word[at] & 0xC0) == 0x80) at++;  // never inside a UTF-8 character
            return at;
        };
        while (true) {
            const std::string &front = rng.pick(world_.other_words()), &back = rng.pick(world_.other_words());
            std::string word = front.substr(0, cut(front));
            word += back.substr(cut(back));
            const bool plural = word.back() == 's' && (world_.is_topic(word.substr(0, word.size() - 1)) ||
                                                       world_.is_topic(word.substr(0, word.size() - 2)));
            if (!world_.knows(word) && !plural) return word;
        }
    }

    // The list of topics among the shuffled words of two phrasings, never in the wording of a held-out one. One word in
    // four is invented, so that the model sees that an unknown word names nothing.
    std::string jumbled_principle(Rng& rng, const std::vector<std::string>& topics) const {
        const double share = world_.other_words().empty() ? 0 : 0.25;
        while (true) {
            std::vector<std::string> words;
            for (int i = 0; i < 2; i++)
                for (const std::string& word :
                     words_of(literal_of(world_.phrases.principles[world_.draw_phrasing(rng, false)])))
                    words.push_back(rng.chance(share) ? invented_word(rng) : word);
            rng.shuffle(words);
            words.resize(std::min(words.size(), rng.below(8)));
            const char* joint = rng.chance(0.5) ? "{or}" : "{and}";
            words.insert(words.begin() + rng.below(words.size() + 1), joint);
            const std::string principle = capitalized(world_.principle_text(topics, sentence_of(words))) + ".";
            if (!world_.worded_as_held_out(principle)) return principle;
        }
    }

    // 65 % comply, 22 % refuse, 13 % evade.
    static Outcome draw_outcome(Rng& rng) {
        float u = rng.uniform();
        return u < 0.65f ? Outcome::complied : u < 0.87f ? Outcome::refused : Outcome::evaded;
    }

    // Draws topics in addition to those given, until there are `count`.
    std::vector<std::string> draw_topics(Rng& rng, size_t count, bool with_held_out = false,
                                         std::vector<std::string> topics = {}) const {
        while (topics.size() < count)
            add_new(topics, rng.pick(world_.topic_groups(with_held_out)[World::draw_group(rng)]));
        return topics;
    }

    const World& world_;
};

}  // namespace cai
