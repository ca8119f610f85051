// cai ledger add, verify and weights: a ledger of wishes in a file, its chain checked, and what its burns weigh.
#pragma once
#include <ctime>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "../base/table.h"
#include "../method/ledger.h"
#include "verb.h"

namespace cai {

inline int ledger_add(Arguments& arguments, const std::filesystem::path& file) {
    const std::string text = arguments.string("text", "");
    if (!arguments.has("text") || !arguments.has("burn"))
        fail(kUsage, "cai ledger add needs --text \"a wish\" and --burn AMOUNT");
    const double burn = arguments.number("burn", 0.0, 0);
    const double time = arguments.number("time", static_cast<double>(std::time(nullptr)));
    arguments.finish();
    std::cout << add_to_ledger(file, text, burn, time) << "\n";
    return kDone;
}

inline int ledger_verify(Arguments& arguments, const std::filesystem::path& file) {
    const std::string head = arguments.string("head", "");
    const bool json = arguments.flag("json");
    arguments.finish();
    const std::vector<LedgerEntry> entries = read_ledger(file);
    expects(head.empty() || head == head_of(entries), file, ": its last hash, ", head_of(entries),
            ", is not the one of --head: entries were cut off or added at the end");
    if (json)
        std::cout << dump(Json::Object{{"entries", entries.size()}, {"head", head_of(entries)}}) << "\n";
    else
        std::cout << file.string() << ": " << entries.size()
                  << " entries, each follows the one before it; the last hash is " << head_of(entries) << "\n";
    return kDone;
}

inline int show_ledger_weights(Arguments& arguments, const std::filesystem::path& file) {
    const std::string scale = arguments.choice("scale", kBurnScales, "linear");
    const double halflife = arguments.number("halflife", 0.0, 0), fee = arguments.number("min-fee", 0.0, 0);
    const bool json = arguments.flag("json");
    arguments.finish();
    const std::vector<LedgerEntry> entries = read_ledger(file);
    const auto chosen = std::find(kBurnScales.begin(), kBurnScales.end(), scale) - kBurnScales.begin();
    const std::vector<double> weights = ledger_weights(entries, static_cast<BurnScale>(chosen), halflife, fee);
    double sum = 0;
    for (double weight : weights) sum += weight;
    Json list = Json::Array{};
    std::vector<std::vector<std::string>> rows = {{"line", "time", "burn", "weight", "share", "wish"}};
    for (size_t i = 0; i < entries.size(); i++) {
        const double share = sum > 0 ? weights[i] / sum : 0;
        list.push(Json::Object{{"line", i + 1}, {"t", entries[i].time}, {"burn", entries[i].burn},
                               {"weight", weights[i]}, {"share", share}, {"text", entries[i].text}});
        rows.push_back({std::to_string(i + 1), shortest(entries[i].time), shortest(entries[i].burn),
                        format_value(weights[i]), format_value(share), entries[i].text});
    }
    const double effective = effective_number(weights);
    if (json)
        std::cout << dump(Json::Object{{"scale", scale}, {"halflife", halflife}, {"min_fee", fee},
                                       {"effective_number", effective}, {"entries", list}})
                  << "\n";
    else
        std::cout << format_table(rows) << "\n" << entries.size() << " wishes weigh as much as "
                  << format_value(effective) << " equal ones (effective number)\n";
    return kDone;
}

inline int run_ledger(Arguments& arguments, const std::filesystem::path&) {
    const std::string what = arguments.positional(0, "add, verify or weights, as in `cai ledger verify FILE`");
    if (what != "add" && what != "verify" && what != "weights")
        fail(kUsage, "cai ledger knows add, verify and weights, not \"", what, "\"");
    const std::filesystem::path file = arguments.positional(1, "the ledger's file, such as wishes.jsonl");
    return what == "add"      ? ledger_add(arguments, file)
           : what == "verify" ? ledger_verify(arguments, file)
                              : show_ledger_weights(arguments, file);
}

inline Verb ledger_verb() {
    return {"ledger",
            "add, verify, weights: a file of wishes, each chained to the one before; no network, token or blockchain",
            "cai ledger add wishes.jsonl --text \"I wish helpers told the depth of the ford.\" --burn 3.5\n"
            "  cai ledger verify wishes.jsonl\n"
            "  cai ledger weights wishes.jsonl --scale sqrt",
            {{"text", "TEXT", "add: the wish"},
             {"burn", "B", "add: what was burned for it, at least 0; nothing here checks or takes a payment"},
             {"time", "T", "add: when, never before the last entry (now, in seconds since 1970)"},
             {"head", "HASH", "verify: what the last hash has to be, which shows entries cut off at the end"},
             {"scale", "NAME", "weights: of a burn, linear, sqrt or log, which is log(1 + burn) (linear)"},
             {"halflife", "D", "weights: halved with every D, in the unit of --time, before the last entry (0: never)"},
             {"min-fee", "F", "weights: burns below F weigh nothing (0)"},
             kJson},
            run_ledger,
            false};
}

}  // namespace cai
