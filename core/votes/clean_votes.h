// What is left out of a poll before anything is counted, as the notebook of Huang et al. 2024 (Collective
// Constitutional AI, 2406.07814; saffronh/ccai, ccai_data_processing.ipynb) does it.
#pragma once
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "../base/files.h"
#include "poll.h"

namespace cai {

struct CleaningOptions {
    std::filesystem::path toss;   // a file of participants to leave out, one a line; the notebook's were found by hand
    size_t least_votes = 0;       // of a participant; 0: least_votes_of() below
    bool keep_moderated = false;  // statements that moderators let nobody vote on any more
    bool drop_author_votes = false;  // the agree that Polis enters for whoever writes a statement
};

// The notebook keeps who cast more than 25 votes; where statements are few, a tenth of them will do.
inline size_t least_votes_of(size_t statements) { return std::min<size_t>(26, (statements + 9) / 10); }

struct Cleaned {
    Poll poll;
    size_t least_votes = 0, tossed = 0, voted_too_little = 0, moderated_out = 0;
    size_t author_votes = 0;            // agrees of a statement's own author, in the poll as it was read
    size_t only_author_statements = 0;  // statements that hold nothing but such an agree
};

// Errors: kBadInput: a participant of `toss` is not in the poll; nobody or no statement is left.
inline Cleaned clean_votes(const Poll& poll, const CleaningOptions& options) {
    Cleaned cleaned;
    std::set<std::string> tossed;
    if (!options.toss.empty())
        for (const std::string& line : read_text(options.toss))
            if (!trim(line).empty()) tossed.emplace(trim(line));
    std::set<std::string> missing = tossed;
    for (const Participant& participant : poll.participants) missing.erase(participant.id);
    expects(missing.empty(), options.toss, ": nobody who votes is called ", missing.empty() ? "" : *missing.begin());

    const VoteMatrix& votes = poll.votes;
    std::vector<size_t> on_statement(votes.columns, 0), by_author(votes.columns, 0);
    const auto is_author_vote = [&](size_t row, size_t entry) {
        const Statement& statement = poll.statements[votes.column[entry]];
        return votes.vote[entry] == kAgree && !statement.author.empty() &&
               statement.author == poll.participants[row].id;
    };
    for (size_t row = 0; row < votes.rows(); row++)
        for (size_t entry = votes.starts[row]; entry < votes.starts[row + 1]; entry++) {
            on_statement[votes.column[entry]]++;
            by_author[votes.column[entry]] += is_author_vote(row, entry);
        }
    std::vector<uint32_t> new_column(votes.columns, UINT32_MAX);
    for (size_t column = 0; column < votes.columns; column++) {
        cleaned.author_votes += by_author[column];
        cleaned.only_author_statements += by_author[column] > 0 && by_author[column] == on_statement[column];
        if (poll.statements[column].moderated_out && !options.keep_moderated) {
            cleaned.moderated_out++;
            continue;
        }
        new_column[column] = static_cast<uint32_t>(cleaned.poll.statements.size());
        cleaned.poll.statements.push_back(poll.statements[column]);
    }
    expects(!cleaned.poll.statements.empty(), "no statement is left: each is moderated out; say --keep-moderated");
    cleaned.poll.votes.columns = cleaned.poll.statements.size();
    cleaned.least_votes =
        options.least_votes > 0 ? options.least_votes : least_votes_of(cleaned.poll.statements.size());

    for (size_t row = 0; row < votes.rows(); row++) {
        const Participant& participant = poll.participants[row];
        if (tossed.count(participant.id)) {
            cleaned.tossed++;
            continue;
        }
        // As in the notebook, votes on statements that are left out since count too.
        if (std::max(participant.votes_said, votes.starts[row + 1] - votes.starts[row]) < cleaned.least_votes) {
            cleaned.voted_too_little++;
            continue;
        }
        cleaned.poll.participants.push_back(participant);
        for (size_t entry = votes.starts[row]; entry < votes.starts[row + 1]; entry++) {
            const uint32_t column = new_column[votes.column[entry]];
            if (column == UINT32_MAX || (options.drop_author_votes && is_author_vote(row, entry))) continue;
            cleaned.poll.votes.column.push_back(column);
            cleaned.poll.votes.vote.push_back(votes.vote[entry]);
        }
        cleaned.poll.votes.starts.push_back(cleaned.poll.votes.entries());
    }
    expects(!cleaned.poll.participants.empty(), "nobody is left who cast at least ", cleaned.least_votes,
            " votes; say --least-votes with a smaller number");
    cleaned.poll.toy = poll.toy;
    return cleaned;
}

}  // namespace cai
