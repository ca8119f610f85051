// Added tokens: names that stand for one token wherever they occur in a text, found before the rest is tokenized.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "../base/unicode.h"
#include "../base/utf8.h"
#include "../nn/kernels.h"

namespace cai {

struct AddedToken {
    Token id = 0;
    bool special = true;                  // structures a dialogue: a user's text never becomes it
    bool lstrip = false, rstrip = false;  // swallows the white space to its left, to its right
    bool normalized = false;              // looked for only in what lies between those that are not
};

// Finds added tokens in texts as Hugging Face's tokenizers does: the leftmost, and of those that start at one place the
// longest.
class AddedTokenFinder {
  public:
    AddedTokenFinder() = default;
    // names: of all tokens, by id.
    AddedTokenFinder(const std::vector<AddedToken>& added, const std::vector<std::string>& names) {
        for (const AddedToken& token : added) {
            const std::string& name = names[static_cast<size_t>(token.id)];
            finds_text_ = finds_text_ || !token.special;
            finds_any_ = true;
            passes_[token.normalized].by_first_byte[static_cast<unsigned char>(name[0])].push_back({name, token});
        }
        for (Pass& pass : passes_)
            for (std::vector<Named>& candidates : pass.by_first_byte)
                std::stable_sort(candidates.begin(), candidates.end(),
                                 [](const Named& a, const Named& b) { return a.name.size() > b.name.size(); });
    }

    // Whether split() with these specials could find anything.
    bool finds(bool specials) const { return specials ? finds_any_ : finds_text_; }

    // Calls on_text(text between tokens) and on_token(id) from left to right. Without specials, the name of a special
    // token stays part of the text.
    template <class OnText, class OnToken>
    void split(std::string_view text, bool specials, const OnText& on_text, const OnToken& on_token) const {
        passes_[false].split(
            text, specials,
            [&](std::string_view between) { passes_[true].split(between, specials, on_text, on_token); }, on_token);
    }

  private:
    struct Named {
        std::string name;
        AddedToken token;
    };
    struct Pass {
        std::array<std::vector<Named>, 256> by_first_byte;  // longest first

        const Named* match(std::string_view text, size_t at) const {
            for (const Named& candidate : by_first_byte[static_cast<unsigned char>(text[at])])
                if (text.substr(at).starts_with(candidate.name)) return &candidate;
            return nullptr;
        }

        template <class OnText, class OnToken>
        void split(std::string_view text, bool specials, const OnText& on_text, const OnToken& on_token) const {
            size_t done = 0;
            for (size_t at = 0; at < text.size();) {
                const Named* found = match(text, at);
                if (!found) {
                    at++;
                    continue;
                }
                size_t begin = at, end = at + found->name.size();
                at = end;
                if (found->token.special && !specials) continue;
                if (found->token.lstrip) begin = std::max(done, spaces_begin(text, begin));
                if (found->token.rstrip) end = spaces_end(text, end);
                if (done < begin) on_text(text.substr(done, begin - done));
                on_token(found->token.id);
                done = end;
            }
            if (done < text.size()) on_text(text.substr(done));
        }
    };

    // Where the white space around a place begins and ends.
    static size_t spaces_begin(std::string_view text, size_t at) {
        size_t begin = 0;
        for (size_t i = 0; i < at;)
            if (!is_space(next_code_point(text, i))) begin = i;
        return std::min(begin, at);
    }
    static size_t spaces_end(std::string_view text, size_t at) {
        for (size_t i = at; i < text.size(); at = i)
            if (!is_space(next_code_point(text, i))) break;
        return at;
    }

    std::array<Pass, 2> passes_;  // those that are not normalized, and those that are
    bool finds_text_ = false, finds_any_ = false;
};

}  // namespace cai
