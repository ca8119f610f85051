// A ledger of wishes: a text file to which wishes are only ever added, each with what was burned for it. Every entry
// carries the SHA-256 of the entry before, so that a change within the file shows. It is a file and nothing else: no
// network, no token and no blockchain, and "burned" is what an entry says, which nothing here checks.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "../base/elementary.h"
#include "../base/json.h"
#include "../base/sha256.h"
#include "../base/utf8.h"

namespace cai {

struct LedgerEntry {
    std::string previous;  // the hash of the entry before; 64 zeros in the first
    double time = 0;       // never less than in the entry before
    double burn = 0;       // at least 0
    std::string text;
};

// The entry as JSON without its hash, which is what the hash is taken of: {"prev", "t", "burn", "text"}.
inline Json hashed_part(const LedgerEntry& entry) {
    return Json::Object{{"prev", entry.previous}, {"t", entry.time}, {"burn", entry.burn}, {"text", entry.text}};
}
inline std::string hash_of(const LedgerEntry& entry) { return sha256(dump(hashed_part(entry))); }

// An entry as a line of the file, without the line's end.
inline std::string ledger_line(const LedgerEntry& entry) {
    return dump(hashed_part(entry).set("hash", hash_of(entry)));
}

// The hash that the next entry carries.
inline std::string head_of(const std::vector<LedgerEntry>& entries) {
    return entries.empty() ? std::string(64, '0') : hash_of(entries.back());
}

// Reads a ledger and checks the chain. `where`, usually the path, opens the errors, which name the line: one that is no
// entry, is not as it was written, does not follow the line before it, or is of an earlier time. Entries cut off at
// the end leave a whole chain: to notice that, keep the last hash elsewhere.
inline std::vector<LedgerEntry> parse_ledger(std::string_view text, const std::string& where) {
    std::vector<LedgerEntry> entries;
    for (const std::string& line : split_lines(text)) {
        const size_t number = entries.size() + 1;
        const std::string place = concat(where, ": line ", number);
        const Json json = JsonParser{line, where, number}.parse();
        LedgerEntry entry;
        located(place, [&] {
            entry = {json["prev"].string(), json["t"].number(), json["burn"].number(), json["text"].string()};
        });
        expects(entry.burn >= 0, place, ": a burn below 0");
        expects(line == ledger_line(entry), place,
                " is not as it was written: its hash is not that of what it says; it was changed");
        expects(entry.previous == head_of(entries), place,
                number == 1 ? " is not a first entry" : concat(" does not follow line ", number - 1),
                ": an entry was changed, dropped or moved there");
        expects(entries.empty() || entry.time >= entries.back().time, place, " is of an earlier time than line ",
                number - 1);
        entries.push_back(std::move(entry));
    }
    const bool ended = text.empty() || text.ends_with('\n');
    expects(ended, where, ": line ", entries.size(), " is cut off: its end is missing");
    return entries;
}
inline std::vector<LedgerEntry> read_ledger(const std::filesystem::path& path) {
    return parse_ledger(read_file(path), path.string());
}

// Adds a wish to the file, which is made if there is none, and returns its hash. One program at a time may add. Errors:
// the chain is broken, the text is empty or no UTF-8, the burn is below 0, the time is before that of the last entry.
inline std::string add_to_ledger(const std::filesystem::path& path, const std::string& text, double burn, double time) {
    const std::string before = std::filesystem::exists(path) ? read_file(path) : "";
    const std::vector<LedgerEntry> entries = parse_ledger(before, path.string());
    expects(!trim(text).empty() && valid_utf8(text), "a wish needs a text, in UTF-8");
    expects(burn >= 0, "a wish cannot burn ", burn, ", which is below 0");
    expects(entries.empty() || time >= entries.back().time, path, ": its last entry is of time ",
            entries.empty() ? 0 : entries.back().time, ", so none of time ", time, " can follow");
    const LedgerEntry entry = {head_of(entries), time, burn, text};
    write_file(path, before + ledger_line(entry) + "\n");
    return hash_of(entry);
}

// How much weight a burn buys. Only linear leaves the weight as it is when one burn is made in parts or several are
// made as one: sqrt and log give a split burn more, which curbs one rich author and rewards many names for one author.
enum class BurnScale { linear, sqrt, log };
inline const std::vector<std::string> kBurnScales = {"linear", "sqrt", "log"};

// linear: burn; sqrt: burn^(1/2); log: log(1 + burn).
inline double scaled_burn(double burn, BurnScale scale) {
    if (scale == BurnScale::linear) return burn;
    return scale == BurnScale::sqrt ? std::sqrt(burn) : elementary::log1p(burn);
}

// The weight of each entry: its scaled burn, halved with every `halflife` that it is older than the last entry
// (0: never), and 0 for a burn below the fee.
inline std::vector<double> ledger_weights(const std::vector<LedgerEntry>& entries, BurnScale scale, double halflife,
                                          double least_fee) {
    std::vector<double> weights;
    for (const LedgerEntry& entry : entries) {
        const double age = entries.back().time - entry.time;
        const double decay = halflife > 0 ? elementary::exp(-0.6931471805599453 * (age / halflife)) : 1;
        weights.push_back(entry.burn < least_fee ? 0 : scaled_burn(entry.burn, scale) * decay);
    }
    return weights;
}

// How many equal weights would average noise out as well: (sum w)² / sum w² (Kish 1965); 0 if all weights are 0.
inline double effective_number(const std::vector<double>& weights) {
    double largest = 0, sum = 0, squares = 0;
    for (double weight : weights) largest = std::max(largest, weight);
    if (!(largest > 0)) return 0;
    for (double weight : weights) {
        const double part = weight / largest;  // lest a large weight's square overflow
        sum += part;
        squares += part * part;
    }
    return sum * sum / squares;
}

}  // namespace cai
