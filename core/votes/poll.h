// A poll: statements, participants, and who voted what on which statement. Few participants vote on many statements, so
// the votes are kept as a sparse matrix, row by row.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cai {

enum : int8_t { kDisagree = -1, kPass = 0, kAgree = 1 };

// Votes of R participants on C statements. Of row r, entries starts[r] to starts[r + 1] - 1: the statements' columns,
// ascending, and the votes. What has no entry was not voted on.
struct VoteMatrix {
    size_t columns = 0;
    std::vector<size_t> starts = {0};   // (R + 1)
    std::vector<uint32_t> column = {};  // (entries)
    std::vector<int8_t> vote = {};      // (entries)

    size_t rows() const { return starts.size() - 1; }
    size_t entries() const { return column.size(); }
};

struct Statement {
    std::string id, text;
    std::string author = {};  // the participant who wrote it, "" if that is not known
    bool moderated_out = false;
};

struct Participant {
    std::string id;
    size_t votes_said =
        0;                // by the file's column n-votes, 0 without one: more than its votes where statements were cut
    int group_said = -1;  // by its column group-id, -1 without one
};

struct Poll {
    std::vector<Statement> statements;      // (C)
    std::vector<Participant> participants;  // (R)
    VoteMatrix votes;                       // (R,C)
    bool toy = false;                       // drawn by `cai votes --population`, and not cast by people
};

// Toy voters are told from people by their names, wherever their votes are written and read again.
constexpr const char* kToyVoter = "toy-voter-";

}  // namespace cai
