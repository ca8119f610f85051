// Polls, as two files: statements.csv and votes.csv. What was read is written in both layouts and reads back.
#include "fuzz.h"

#include "../../core/votes/read_votes.h"
#include "../../core/votes/vote_report.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path folder = folder_of(input, {"statements.csv", "votes.csv"});
    const std::vector<Statement> statements = read_statements(folder / "statements.csv");
    const Poll poll = read_votes(folder / "votes.csv", statements);
    must(poll.votes.rows() == poll.participants.size(), "a participant without a row");
    for (bool is_long : {false, true})
        must_succeed([&] {
            const Poll again = read_votes(file_of(votes_csv(poll, is_long), "again.csv"), statements);
            must(is_long || again.votes.starts == poll.votes.starts, "other rows after votes_csv()");
            must(again.votes.column == poll.votes.column && again.votes.vote == poll.votes.vote, "other votes");
        });
}
