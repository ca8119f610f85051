// Reads a poll from two files: its statements, and its votes in the layout of Polis's export or in a long one.
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../base/csv.h"
#include "../base/files.h"
#include "../base/numbers.h"
#include "../base/words.h"
#include "poll.h"

namespace cai {

namespace reading_votes {

inline std::string lower(std::string_view text) {
    std::string small(trim(text));
    for (char& c : small)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    return small;
}

// The column with one of these headings, or as many as there are.
inline size_t find_column(const std::vector<std::string_view>& header, const std::vector<std::string>& names) {
    for (const std::string& name : names)
        for (size_t i = 0; i < header.size(); i++)
            if (lower(header[i]) == name) return i;
    return header.size();
}

inline const std::vector<std::string> kParticipant = {"participant", "participant-id", "voter", "voter-id", "name"};

// Columns of a file of votes that are about the participant.
inline const std::vector<std::string> kNotStatements = {"xid",     "group-id",   "n-comments", "n-votes",
                                                        "n-agree", "n-disagree", "timestamp"};

// 1, 0 and -1, or the words agree, pass and disagree, as forms export them. Errors: anything else.
inline int8_t vote_of(std::string_view field, const CsvReader& csv) {
    const std::string_view word = trim(field);
    if (word == "1") return kAgree;
    if (word == "-1") return kDisagree;
    if (word == "0") return kPass;
    const std::string small = lower(word);
    if (small == "agree" || small == "1.0") return kAgree;
    if (small == "disagree" || small == "-1.0") return kDisagree;
    if (small == "pass" || small == "0.0") return kPass;
    fail(kBadInput, csv.place(), "the vote \"", word, "\" is none of 1, 0, -1, agree, pass and disagree");
}

// Statements by id and by text: a column, or a row of the long layout, may name either.
class StatementIndex {
  public:
    explicit StatementIndex(const std::vector<Statement>& statements) {
        for (size_t i = 0; i < statements.size(); i++) by_name_.emplace(statements[i].text, i);
        for (size_t i = 0; i < statements.size(); i++) by_name_[statements[i].id] = i;
    }
    // -1 if there is none. A form's grid heads a column with "Question [statement]".
    long find(std::string_view name) const {
        name = trim(name);
        const auto found = by_name_.find(std::string(name));
        if (found != by_name_.end()) return static_cast<long>(found->second);
        const size_t open = name.find('[');
        if (!name.ends_with(']') || open == name.npos) return -1;
        return find(name.substr(open + 1, name.size() - open - 2));
    }

  private:
    std::map<std::string, size_t> by_name_;
};

inline Poll read_wide(CsvReader& csv, const std::filesystem::path& path, Poll poll) {
    const std::vector<std::string_view> header = csv.fields();
    const size_t who = find_column(header, kParticipant), said = find_column(header, {"n-votes"}),
                 group = find_column(header, {"group-id"});
    const StatementIndex index(poll.statements);
    std::vector<std::pair<uint32_t, size_t>> columns;  // the statement's and the file's, by statement
    for (size_t i = 0; i < header.size(); i++) {
        if (i == who || holds(kNotStatements, lower(header[i]))) continue;
        const long statement = index.find(header[i]);
        expects(statement >= 0, path, ": column ", i + 1, " is headed \"", header[i],
                "\", which is the number or the text of no statement");
        columns.emplace_back(static_cast<uint32_t>(statement), i);
    }
    std::sort(columns.begin(), columns.end());
    for (size_t i = 1; i < columns.size(); i++)
        expects(columns[i].first != columns[i - 1].first, path, ": columns ", columns[i - 1].second + 1, " and ",
                columns[i].second + 1, " are of the same statement, ", poll.statements[columns[i].first].id);
    const auto whole = [&](size_t column, double most) {  // of a column of numbers that may be empty
        double value = -1;
        if (column >= header.size() || trim(csv.fields()[column]).empty()) return value;
        expects(parse_number(trim(csv.fields()[column]), value) == std::errc() && value >= 0 && value <= most,
                csv.place(), header[column], " is \"", csv.fields()[column], "\", not a number from 0 to ", most);
        return value;
    };
    std::unordered_map<std::string, size_t> first_line;
    while (csv.next()) {
        const std::string id =
            who < header.size() ? std::string(trim(csv.fields()[who])) : std::to_string(poll.participants.size() + 1);
        expects(!id.empty(), csv.place(), "the participant has no name");
        const auto [seen, is_new] = first_line.emplace(id, csv.line());
        expects(is_new, csv.place(), "the participant ", id, " stands here twice, first on line ", seen->second);
        poll.participants.push_back(
            {id, static_cast<size_t>(std::max(0.0, whole(said, 1e9))), static_cast<int>(whole(group, 1000))});
        for (const auto& [statement, column] : columns) {
            const std::string_view field = csv.fields()[column];
            if (field.empty() || trim(field).empty()) continue;
            poll.votes.column.push_back(statement);
            poll.votes.vote.push_back(vote_of(field, csv));
        }
        poll.votes.starts.push_back(poll.votes.entries());
    }
    return poll;
}

inline Poll read_long(CsvReader& csv, const std::filesystem::path& path, size_t who, size_t what, size_t how,
                      Poll poll) {
    const StatementIndex index(poll.statements);
    std::unordered_map<std::string, size_t> row_of;
    struct Cast {
        uint32_t row, column;
        int8_t vote;
        size_t line;
    };
    std::vector<Cast> cast;
    while (csv.next()) {
        const std::string id(trim(csv.fields()[who]));
        expects(!id.empty(), csv.place(), "the participant has no name");
        const long statement = index.find(csv.fields()[what]);
        expects(statement >= 0, csv.place(), "\"", csv.fields()[what], "\" is the number or the text of no statement");
        const auto [row, is_new] = row_of.emplace(id, poll.participants.size());
        if (is_new) poll.participants.push_back({id});
        if (trim(csv.fields()[how]).empty()) continue;
        cast.push_back({static_cast<uint32_t>(row->second), static_cast<uint32_t>(statement),
                        vote_of(csv.fields()[how], csv), csv.line()});
    }
    std::sort(cast.begin(), cast.end(), [](const Cast& a, const Cast& b) {
        return a.row != b.row ? a.row < b.row : a.column != b.column ? a.column < b.column : a.line < b.line;
    });
    for (size_t i = 0; i < cast.size(); i++) {
        const bool twice = i > 0 && cast[i].row == cast[i - 1].row && cast[i].column == cast[i - 1].column;
        expects(!twice, path, ": the participant ", poll.participants[cast[i].row].id, " votes twice on statement ",
                poll.statements[cast[i].column].id, ", on lines ", twice ? cast[i - 1].line : 0, " and ", cast[i].line);
        while (poll.votes.rows() < cast[i].row) poll.votes.starts.push_back(i);
        poll.votes.column.push_back(cast[i].column);
        poll.votes.vote.push_back(cast[i].vote);
    }
    while (poll.votes.rows() < poll.participants.size()) poll.votes.starts.push_back(poll.votes.entries());
    return poll;
}

}  // namespace reading_votes

// Statements, either one a line (.txt, numbered from 1, with comments after #) or as csv with a header: the columns
// comment-id, statement-id or id (or none: numbered from 1), comment-body, statement or text, and, if there are any,
// author-id and moderated (-1: out, 0: undecided, which Polis shows nobody either, 1: in). Errors: kBadInput with the
// line: no column of texts, an empty text, an id twice; a file without statements.
inline std::vector<Statement> read_statements(const std::filesystem::path& path) {
    using namespace reading_votes;
    std::vector<Statement> statements;
    if (path.extension() == ".txt") {
        for (const std::string& raw : read_text(path)) {
            const std::string text(trim(std::string_view(raw).substr(0, raw.find('#'))));
            if (!text.empty()) statements.push_back({std::to_string(statements.size() + 1), text});
        }
        expects(!statements.empty(), path, ": no statement in it; write one a line");
        return statements;
    }
    CsvReader csv(read_file(path), path.string());
    expects(csv.next(), path, ": empty; its first line names the columns, such as comment-id,comment-body");
    const std::vector<std::string_view> header = csv.fields();
    const size_t none = header.size(), id = find_column(header, {"comment-id", "statement-id", "id"}),
                 text = find_column(header, {"comment-body", "statement", "text"}),
                 author = find_column(header, {"author-id", "author"}), moderated = find_column(header, {"moderated"});
    expects(text < none, path, ": line 1 names no column comment-body, statement or text");
    std::map<std::string, size_t> first_line;
    while (csv.next()) {
        const auto cell = [&](size_t column) {
            return column < none ? std::string(trim(csv.fields()[column])) : std::string();
        };
        Statement statement{id < none ? cell(id) : std::to_string(statements.size() + 1), cell(text), cell(author),
                            moderated < none && cell(moderated) != "1"};
        expects(!statement.text.empty(), csv.place(), "the statement has no text");
        expects(!statement.id.empty(), csv.place(), "the statement has no number");
        const std::string heading = lower(statement.id);
        expects(!holds(kNotStatements, heading) && !holds(kParticipant, heading) && heading != "statement" &&
                    heading != "comment-id" && heading != "vote",
                csv.place(), "the number of a statement cannot be ", statement.id, ", which heads another column");
        const auto [seen, is_new] = first_line.emplace(statement.id, csv.line());
        expects(is_new, csv.place(), "the statement ", statement.id, " stands here twice, first on line ",
                seen->second);
        statements.push_back(statement);
    }
    expects(!statements.empty(), path, ": no statement in it, only the names of the columns");
    return statements;
}

// Votes on these statements. The long layout has a row a vote and the columns participant, statement and vote, where a
// statement is named by its number or its text; any other file has a row a participant and a column a statement, headed
// so, beside those of Polis's export (participant, xid, group-id, n-comments, n-votes, n-agree, n-disagree) and a
// form's timestamp. Errors: kBadInput with the line or the column: a vote that is none, a column or row without a
// statement, a participant twice, two votes of one on the same statement; no votes at all.
inline Poll read_votes(const std::filesystem::path& path, std::vector<Statement> statements) {
    using namespace reading_votes;
    Poll poll;
    poll.votes.columns = statements.size();
    poll.statements = std::move(statements);
    CsvReader csv(read_file(path), path.string());
    expects(csv.next(), path, ": empty; its first line names the columns: participant, then the statements");
    const std::vector<std::string_view> header = csv.fields();
    const size_t who = find_column(header, kParticipant), what = find_column(header, {"statement", "comment-id"}),
                 how = find_column(header, {"vote"});
    const bool is_long = who < header.size() && what < header.size() && how < header.size();
    poll = is_long ? read_long(csv, path, who, what, how, std::move(poll)) : read_wide(csv, path, std::move(poll));
    expects(poll.votes.entries() > 0, path, ": no vote in it");
    for (const Participant& participant : poll.participants)
        poll.toy = poll.toy || participant.id.starts_with(kToyVoter);
    return poll;
}

}  // namespace cai
