// The command line parser: it turns words into options, which the code that uses them reads by name with a
// default. It understands `--key value`, `--key=value`, `_` for `-` in a key, flags (options without a value),
// positional words, `--` (only positional words follow), and `--config FILE` with lines `key = value`. The
// command line overrides the file, and the file overrides the defaults. Anything it does not understand is a
// usage error (exit status 2) that names the option and its value.
#pragma once
#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "format.h"
#include "json.h"
#include "numbers.h"
#include "spelling.h"
#include "words.h"

namespace cai {

// An option as --help shows it.
struct Option {
    const char *name, *value, *does;  // value: its placeholder; empty for a flag
};

class Arguments {
  public:
    // words: the command line after the program's name (and after the verb, if the caller has
    // consumed it). flags: the options that take no value. The parser must know them to see that in
    // `--quiet runs/story` the second word is positional.
    Arguments(const std::vector<std::string>& words, const std::vector<std::string>& flags)
        : flags_(flags.begin(), flags.end()) {
        for (size_t i = 0; i < words.size(); i++) {
            const std::string word = words[i] == "-h" ? "--help" : words[i];
            if (word == "--") {
                positional_.insert(positional_.end(), words.begin() + i + 1, words.end());
                break;
            }
            if (!word.starts_with("--")) {
                if (word.size() > 1 && word[0] == '-')
                    fail(kUsage, "unknown option ", word, "; options are whole words, as in --seed 7");
                positional_.push_back(word);
                continue;
            }
            size_t equals = word.find('=');
            std::string name = normalized(word.substr(2, equals == word.npos ? word.npos : equals - 2));
            std::string value = "true";
            if (equals != word.npos) {
                value = word.substr(equals + 1);
            } else if (!flags_.count(name)) {
                if (i + 1 == words.size() || words[i + 1].starts_with("--"))
                    fail(kUsage, "option --", name, " needs a value");
                value = words[++i];
            }
            if (!given_.emplace(name, Given{value, ""}).second)
                fail(kUsage, "option --", name, " is given twice");
        }
        if (given_.count("config")) read_file_values(string("config", ""));
    }
    Arguments(int argc, const char* const* argv, const std::vector<std::string>& flags)
        : Arguments(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), flags) {}

    // Each getter returns the option's value, or the fallback when neither the command line nor the file sets it.
    std::string string(const std::string& name, const std::string& fallback) {
        const Given* given = find(name);
        return given ? given->value : fallback;
    }
    std::string choice(const std::string& name, const std::vector<std::string>& choices, const std::string& fallback) {
        std::string value = string(name, fallback);
        if (find(name) && std::find(choices.begin(), choices.end(), value) == choices.end()) {
            std::string list;
            for (const std::string& one : choices) list += (list.empty() ? "" : ", ") + one;
            wrong(name, "is not one of ", list);
        }
        return value;
    }
    int64_t integer(const std::string& name, int64_t fallback, int64_t least = std::numeric_limits<int64_t>::min(),
                    int64_t most = std::numeric_limits<int64_t>::max()) {
        return parsed(name, fallback, least, most, "a whole number");
    }
    // A float or a double, whichever type the fallback has.
    template <std::floating_point Number>
    Number number(const std::string& name, Number fallback,
                  std::type_identity_t<Number> least = -std::numeric_limits<Number>::infinity(),
                  std::type_identity_t<Number> most = std::numeric_limits<Number>::infinity()) {
        return parsed(name, fallback, least, most, "a number");
    }
    bool flag(const std::string& name) {
        if (!flags_.count(name))
            fail(kUsage, "--", name, " is read as a flag but was not declared as one to Arguments");
        const Given* given = find(name);
        if (!given || given->value == "false") return false;
        if (given->value != "true") wrong(name, "is neither true nor false");
        return true;
    }
    bool has(const std::string& name) { return find(name) != nullptr; }
    // The prefix of an error about the option's value: "FILE: line N: ", or "" when the value is not from a file.
    std::string where(const std::string& name) {
        const Given* given = find(name);
        return given ? prefix(*given) : "";
    }

    // Reads the `key = value` lines of a file, which the command line overrides. Ignored when --config names a file.
    void read_config(const std::string& path) {
        if (!given_.count("config")) read_file_values(path);
    }
    // Does the command line set a different value from the file?
    bool overrides(const std::string& name) const {
        auto given = given_.find(name), file = file_.find(name);
        return given != given_.end() && file != file_.end() && given->second.value != file->second.value;
    }
    // Makes later getters use or ignore the values of the file: see read_recipe().
    void use_file(bool use) { uses_file_ = use; }
    // Every name that has been passed to a getter.
    const std::set<std::string>& names() const { return read_; }

    // The index-th positional word; `what` names it in the error when it is missing.
    std::string positional(size_t index, const std::string& what) {
        if (index >= positional_.size()) fail(kUsage, "missing argument: ", what);
        positional_read_ = std::max(positional_read_, index + 1);
        return positional_[index];
    }
    const std::vector<std::string>& positionals() {
        positional_read_ = positional_.size();
        return positional_;
    }

    // Call this after all options have been read: any option or word that no getter asked for is an error.
    void finish() const {
        if (positional_read_ < positional_.size()) {
            const std::string& word = positional_[positional_read_];
            for (const char* name : {"prompt", "out"})
                if (read_.count(name) && !given_.count(name))
                    fail(kUsage, "unexpected argument '", word, "'; did you mean --", name, " \"", word, "\"?");
            fail(kUsage, "unexpected argument '", word, "'; --help shows what goes where");
        }
        for (const auto& values : {given_, file_})
            for (const auto& [name, given] : values) {
                if (read_.count(name)) continue;
                std::vector<std::string> meant = likely_meant(name, {read_.begin(), read_.end()});
                for (std::string& option : meant) option = "--" + option;
                fail(kUsage, prefix(given), "unknown option --", name,
                     meant.empty() ? "; --help lists the options" : "; did you mean " + join_list(meant, "or") + "?");
            }
    }

  private:
    struct Given {
        std::string value, where;  // where: "FILE: line N", or "" for the command line
    };

    static std::string prefix(const Given& given) { return given.where.empty() ? "" : given.where + ": "; }

    static std::string normalized(std::string name) {
        std::replace(name.begin(), name.end(), '_', '-');
        return name;
    }

    // `#` starts a comment at the start of a line or after a space. A value in double quotes is a
    // JSON string, which cannot be followed by a comment.
    void read_file_values(const std::string& path) {
        size_t number = 0;
        for (const std::string& whole : split_lines(without_bom(read_file(path)))) {
            std::string where = concat(path, ": line ", ++number);
            std::string line(trim(whole));
            size_t equals = line.find('=');
            if (line.empty() || line[0] == '#') continue;
            if (equals == line.npos) fail(kUsage, where, ": '", line, "' is not of the form key = value");
            std::string name = normalized(std::string(trim(line.substr(0, equals))));
            std::string value(trim(line.substr(equals + 1)));
            if (value.starts_with('"')) {
                value = parse_json(value, where).string();
            } else {
                for (size_t i = value.find('#'); i != value.npos; i = value.find('#', i + 1)) {
                    if (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t') value = trim(value.substr(0, i));
                }
            }
            if (!file_.emplace(name, Given{value, where}).second)
                fail(kUsage, where, ": ", name, " is set twice, before at ", file_[name].where);
        }
    }

    const Given* find(const std::string& name) {
        read_.insert(name);
        if (auto given = given_.find(name); given != given_.end()) return &given->second;
        auto file = file_.find(name);
        return uses_file_ && file != file_.end() ? &file->second : nullptr;
    }

    template <class... Parts>
    [[noreturn]] void wrong(const std::string& name, const Parts&... parts) {
        fail(kUsage, where(name), "option --", name, ": '", find(name)->value, "' ", parts...);
    }

    template <class Number>
    Number parsed(const std::string& name, Number fallback, Number least, Number most, const char* kind) {
        const Given* given = find(name);
        if (!given) return fallback;
        Number value{};
        const std::errc error = parse_number(given->value, value);
        if (error == std::errc::result_out_of_range) wrong(name, "is too large or too small for ", kind);
        if (error != std::errc()) wrong(name, "is not ", kind);
        if (value < least) wrong(name, "is below ", shortest(least), ", the least allowed");
        if (value > most) wrong(name, "is above ", shortest(most), ", the most allowed");
        return value;
    }

    std::set<std::string> flags_;
    std::map<std::string, Given> given_, file_;  // on the command line; in the file
    bool uses_file_ = true;
    std::vector<std::string> positional_;
    size_t positional_read_ = 0;
    std::set<std::string> read_;
};

}  // namespace cai
