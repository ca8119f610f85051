// What `cai votes` found, as tables for people, as JSON, and as the files of its folder.
#pragma once
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include "../base/csv.h"
#include "../base/format.h"
#include "../base/json.h"
#include "../base/table.h"
#include "choose_statements.h"
#include "clean_votes.h"
#include "opinion_map.h"

namespace cai {

struct VotesResult {
    Cleaned cleaned;
    OpinionSpace space;
    OpinionGroups groups;
    std::vector<StatementCounts> counts;  // (C)
    Selection choice;
    bool groups_of_file = false, author_votes_dropped = false;
    double planted_rand = -2;  // of toy voters: how well the groups found are those drawn from

    const Poll& poll() const { return cleaned.poll; }
    const char* voters() const { return poll().toy ? "toy voters" : "participants"; }
    std::vector<double> each(const auto& value) const {
        std::vector<double> values;
        for (const StatementCounts& one : counts) values.push_back(value(one));
        return values;
    }
};

namespace vote_report {

// Six decimals; empty for NaN, which stands where a group has no vote.
inline std::string decimals(double value, int digits = 6) {
    if (std::isnan(value)) return "";
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

inline std::string fate_of(const VotesResult& result, size_t statement) {
    const Fate& fate = result.choice.fates[statement];
    if (!fate.chosen) return "";
    if (!fate.cannot_be_read.empty()) return "chosen, but no line: " + fate.cannot_be_read;
    if (fate.same_as >= 0) return "says the same as " + result.poll().statements[static_cast<size_t>(fate.same_as)].id;
    return "a line";
}

// For a table on a terminal: statements.csv has all of it.
inline std::string shortened(const std::string& text) {
    constexpr size_t kMost = 78;
    return text.size() <= kMost ? text : text.substr(0, complete_utf8(text.substr(0, kMost))) + "...";
}

inline Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

inline Json to_json(const Summary& summary) {
    return Json::Object{{"mean", number(summary.mean)},
                        {"median", number(summary.median)},
                        {"least", number(summary.least)},
                        {"most", number(summary.most)}};
}

}  // namespace vote_report

// {"participants", "statements", "groups": [sizes], "consensus": {"mean", "median", "least", "most"}, "polarisation":
// {"median"}, "selected"} and, beside these, "consensus_laplace", "votes", "lines", "ideas", "threshold" (null where
// there is none), "toy", "silhouettes": [{"groups", "silhouette"}] and, of toy voters, "planted_adjusted_rand".
// Consensus is the product over groups; "selected" counts statements, also those that are no line since they repeat one
// or have unknown words.
inline Json to_json(const VotesResult& result) {
    using namespace vote_report;
    Json sizes = Json::Array{}, silhouettes = Json::Array{};
    for (size_t size : result.groups.sizes) sizes.push(size);
    for (const auto& [k, score] : result.groups.silhouettes)
        silhouettes.push(Json::Object{{"groups", k}, {"silhouette", score}});
    const auto consensus = [&](bool laplace) {
        return to_json(summary_of(result.each([&](const StatementCounts& one) { return one.consensus(laplace); })));
    };
    const Summary divided = summary_of(result.each([](const StatementCounts& one) { return one.polarisation(); }));
    Json json = Json::Object{{"participants", result.poll().participants.size()},
                             {"statements", result.poll().statements.size()},
                             {"groups", sizes},
                             {"consensus", consensus(false)},
                             {"polarisation", Json::Object{{"median", number(divided.median)}}},
                             {"selected", result.choice.chosen},
                             {"consensus_laplace", consensus(true)},
                             {"votes", result.poll().votes.entries()},
                             {"lines", result.choice.lines.size()},
                             {"ideas", result.choice.ideas},
                             {"threshold", result.choice.threshold > 0 ? Json(result.choice.threshold) : Json()},
                             {"toy", result.poll().toy},
                             {"silhouettes", silhouettes}};
    if (result.planted_rand > -2) json.set("planted_adjusted_rand", result.planted_rand);
    return json;
}

inline std::string constitution_text(const VotesResult& result) {
    const Poll& poll = result.poll();
    std::string text = concat("# ", result.choice.lines.size(), " lines from ", poll.statements.size(),
                              " statements, chosen by the votes of ", poll.participants.size(), " ", result.voters(),
                              " in ", result.groups.sizes.size(), " opinion groups: `cai votes`.\n");
    if (poll.toy) text += "# Toy voters are drawn from wishes that a file gives them. No person has voted on this.\n";
    text += "\n";
    for (size_t s : result.choice.lines) text += as_line(poll.statements[s].text) + "\n";
    return text;
}

// participant, group, x, y, votes.
inline std::string groups_csv(const VotesResult& result) {
    using namespace vote_report;
    std::string text = csv_line({"participant", "group", "x", "y", "votes"});
    const VoteMatrix& votes = result.poll().votes;
    for (size_t i = 0; i < votes.rows(); i++)
        text += csv_line({result.poll().participants[i].id, group_name(result.groups.of[i]),
                          decimals(result.space.participants[i][0]), decimals(result.space.participants[i][1]),
                          std::to_string(votes.starts[i + 1] - votes.starts[i])});
    return text;
}

// A row a statement, whether it was chosen or not.
inline std::string statements_csv(const VotesResult& result) {
    using namespace vote_report;
    std::vector<std::string> header = {"statement",    "text",
                                       "voters",       "agree",
                                       "disagree",     "pass",
                                       "consensus",    "consensus_laplace",
                                       "geometric",    "geometric_laplace",
                                       "polarisation", "adjusted_polarisation"};
    for (size_t g = 0; g < result.groups.sizes.size(); g++)
        header.insert(header.end(), {"agree_" + group_name(g), "votes_" + group_name(g)});
    header.push_back("outcome");
    std::string text = csv_line(header);
    for (size_t s = 0; s < result.counts.size(); s++) {
        const StatementCounts& one = result.counts[s];
        std::vector<std::string> row = {result.poll().statements[s].id, result.poll().statements[s].text,
                                        result.voters()};
        for (double count : {one.all.agree, one.all.disagree, one.all.pass}) row.push_back(decimals(count, 0));
        for (double value : {one.consensus(false), one.consensus(true), one.geometric_mean(false),
                             one.geometric_mean(true), one.polarisation(), one.adjusted_polarisation()})
            row.push_back(decimals(value));
        for (const VoteCounts& group : one.by_group)
            row.push_back(decimals(group.agree, 0)), row.push_back(decimals(group.votes(), 0));
        row.push_back(fate_of(result, s));
        text += csv_line(row);
    }
    return text;
}

// A poll's votes in the layout of Polis's export, or in the long one, for read_votes().
inline std::string votes_csv(const Poll& poll, bool is_long) {
    const VoteMatrix& votes = poll.votes;
    std::vector<std::string> cells = {"participant"};
    for (const Statement& statement : poll.statements) cells.push_back(statement.id);
    std::string text = is_long ? csv_line({"participant", "statement", "vote"}) : csv_line(cells);
    for (size_t i = 0; i < votes.rows(); i++) {
        cells.assign(poll.statements.size() + 1, "");
        cells[0] = poll.participants[i].id;
        for (size_t entry = votes.starts[i]; entry < votes.starts[i + 1]; entry++) {
            const std::string vote = std::to_string(votes.vote[entry]);
            if (is_long) text += csv_line({cells[0], poll.statements[votes.column[entry]].id, vote});
            cells[votes.column[entry] + 1] = vote;
        }
        if (!is_long) text += csv_line(cells);
    }
    return text;
}

inline void print_votes(const VotesResult& result, std::ostream& out) {
    using namespace vote_report;
    const Poll& poll = result.poll();
    const Cleaned& cleaned = result.cleaned;
    if (poll.toy)
        out << "Toy voters: drawn from the wishes of a file, and not asked. This says how votes are counted.\n";
    out << poll.participants.size() << " " << result.voters() << ", " << poll.statements.size() << " statements, "
        << poll.votes.entries() << " votes\nleft out: " << cleaned.tossed << " by --toss, " << cleaned.voted_too_little
        << " with fewer than " << cleaned.least_votes << " votes, and " << cleaned.moderated_out
        << " statements that moderators left out\n";
    if (cleaned.author_votes > 0)
        out << "authors' own agrees: " << cleaned.author_votes << " of the file's votes, and "
            << cleaned.only_author_statements << " of its statements hold nothing else; "
            << (result.author_votes_dropped ? "not counted\n" : "counted (--drop-author-votes leaves them out)\n");

    out << "\n" << result.groups.sizes.size() << " opinion groups" << (result.groups_of_file ? " of the file:" : ":");
    for (size_t g = 0; g < result.groups.sizes.size(); g++)
        out << (g ? ", " : " ") << group_name(g) << " of " << result.groups.sizes[g];
    if (!result.groups.silhouettes.empty()) {
        out << "; silhouette";
        for (const auto& [k, score] : result.groups.silhouettes) out << " " << k << ": " << decimals(score, 3);
    }
    if (result.planted_rand > -2)
        out << "\nadjusted Rand index with the groups that they were drawn from: " << decimals(result.planted_rand, 3);
    out << "\n\n";

    std::vector<std::vector<std::string>> rows = {
        {"group-aware consensus", "mean", "median", "least", "most", "chosen at"}};
    for (bool geometric : {false, true})
        for (bool laplace : {false, true}) {
            const std::vector<double> values = result.each([&](const StatementCounts& one) {
                return geometric ? one.geometric_mean(laplace) : one.consensus(laplace);
            });
            const Summary s = summary_of(values);
            const double least = default_threshold(result.groups.sizes.size(), geometric);
            const auto reach = std::count_if(values.begin(), values.end(), [&](double v) { return v >= least; });
            rows.push_back({concat(geometric ? "geometric mean" : "product", laplace ? ", Laplace" : ""),
                            decimals(s.mean, 3), decimals(s.median, 3), decimals(s.least, 3), decimals(s.most, 3),
                            concat(decimals(least, 3), ": ", reach)});
        }
    out << format_table(rows);
    const auto median = [&](auto value) { return decimals(summary_of(result.each(value)).median, 3); };
    out << "\npolarisation: median " << median([](const StatementCounts& one) { return one.polarisation(); })
        << ", without those who pass " << median([](const StatementCounts& one) { return one.adjusted_polarisation(); })
        << "\n\n";

    rows = {{"group", "stands for", "share", "ratio", "z share", "z ratio", "statement"}};
    for (const Representative& one : representative_statements(result.counts, result.groups.sizes.size()))
        rows.push_back({group_name(one.group), one.agrees ? "agreeing" : "disagreeing", decimals(one.share, 2),
                        decimals(one.ratio, 2), decimals(one.z_share, 1), decimals(one.z_ratio, 1),
                        shortened(as_line(poll.statements[one.statement].text))});
    out << (rows.size() > 1 ? format_table(rows) : "No statement sets a group apart (both z above 1.28).\n") << "\n";

    size_t merged = 0, unread = 0;
    for (const Fate& fate : result.choice.fates) merged += fate.same_as >= 0, unread += !fate.cannot_be_read.empty();
    out << counted(result.choice.chosen, "statement") << " chosen";
    if (result.choice.threshold > 0) out << " at " << decimals(result.choice.threshold, 3) << " or more";
    out << ": " << counted(result.choice.lines.size(), "line") << " of " << counted(result.choice.ideas, "idea") << "\n"
        << merged << " that repeat one, " << unread << " that the models cannot read\n";
    rows = {{"score", "statement", "outcome"}};
    std::vector<size_t> order;
    for (size_t s = 0; s < result.choice.fates.size(); s++)
        if (result.choice.fates[s].chosen) order.push_back(s);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return result.choice.fates[a].score > result.choice.fates[b].score; });
    for (size_t s : order)
        rows.push_back({decimals(result.choice.fates[s].score, 3), shortened(as_line(poll.statements[s].text)),
                        shortened(fate_of(result, s))});
    if (rows.size() > 1) out << format_table(rows);
}

// Writes constitution.txt, groups.csv, statements.csv and map.svg, each in one step.
inline void write_votes_result(const VotesResult& result, const std::filesystem::path& folder) {
    const std::string map = opinion_map(result.poll(), result.space, result.groups), groups = groups_csv(result),
                      statements = statements_csv(result), constitution = constitution_text(result);
    write_file(folder / "map.svg", map);
    write_file(folder / "groups.csv", groups);
    write_file(folder / "statements.csv", statements);
    write_file(folder / "constitution.txt", constitution);
}

}  // namespace cai
