// `cai votes`: from people's votes on statements to a constitution, as Huang et al. 2024 made one (Collective
// Constitutional AI: Aligning a Language Model with Public Input, 2406.07814) with Polis.
#pragma once
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "../session.h"
#include "../votes/read_votes.h"
#include "../votes/toy_voters.h"
#include "../votes/vote_report.h"
#include "verb.h"

namespace cai {

struct VotesOptions {
    CleaningOptions cleaning;
    Space space = Space::ccai;
    Impute impute = Impute::zero;
    GroupOptions groups;
    bool groups_of_file = false;
    SelectionOptions choice;
};

// The groups that the file's column group-id names, numbered by size. Errors: kBadInput: a participant has none.
inline OpinionGroups groups_of_file(const Poll& poll) {
    OpinionGroups groups;
    for (const Participant& participant : poll.participants) {
        expects(participant.group_said >= 0, "the participant ", participant.id,
                " has no group-id in the file; say --groups found");
        groups.of.push_back(static_cast<size_t>(participant.group_said));
    }
    number_by_size(groups.of, groups.sizes);
    groups.bases = {std::vector<Place>(groups.sizes.size(), Place{0, 0}), groups.of, 0};
    return groups;
}

// Cleans, groups, counts and chooses. Errors: kBadInput, as the steps say.
inline VotesResult run_votes(const Poll& poll, const World& world, const VotesOptions& options) {
    VotesResult result;
    result.cleaned = clean_votes(poll, options.cleaning);
    result.space = opinion_space_of(result.poll().votes, options.space, options.impute);
    result.groups =
        options.groups_of_file ? groups_of_file(result.poll()) : find_groups(result.space.participants, options.groups);
    result.groups_of_file = options.groups_of_file;
    result.author_votes_dropped = options.cleaning.drop_author_votes;
    result.counts = count_votes(result.poll().votes, result.groups.of, result.groups.sizes.size());
    result.choice =
        choose_statements(result.poll().statements, result.counts, result.groups.sizes.size(), world, options.choice);
    return result;
}

inline VotesOptions read_votes_options(Arguments& arguments) {
    VotesOptions options;
    options.cleaning.toss = arguments.string("toss", "");
    options.cleaning.least_votes = static_cast<size_t>(arguments.integer("least-votes", 0, 1, 1000000000));
    options.cleaning.keep_moderated = arguments.flag("keep-moderated");
    options.cleaning.drop_author_votes = arguments.flag("drop-author-votes");
    options.space = arguments.choice("space", {"ccai", "polis"}, "ccai") == "ccai" ? Space::ccai : Space::polis;
    options.groups.weigh_bases = options.space == Space::polis;
    const char* usual = options.space == Space::ccai ? "zero" : "mean";
    options.impute = arguments.choice("impute", {"zero", "mean"}, usual) == "zero" ? Impute::zero : Impute::mean;
    options.groups_of_file = arguments.choice("groups", {"found", "file"}, "found") == "file";
    options.groups.count = static_cast<size_t>(arguments.integer("group-count", 0, 2, 26));
    options.groups.most_groups = static_cast<size_t>(arguments.integer("most-groups", 5, 2, 26));
    options.groups.base_clusters = static_cast<size_t>(arguments.integer("base-clusters", 100, 2, 10000));
    options.groups.seed = static_cast<uint64_t>(arguments.integer("seed", 1, 0));
    const std::string by = arguments.choice("select", {"threshold", "count", "ideas", "majority"}, "threshold");
    SelectionOptions& choice = options.choice;
    choice.by = by == "threshold" ? Choose::threshold
                : by == "count"   ? Choose::count
                : by == "ideas"   ? Choose::ideas
                                  : Choose::majority;
    choice.threshold = arguments.number("threshold", 0.0, 1e-9, 1.0);
    choice.most = static_cast<size_t>(arguments.integer("most", 0, 1, 1000000));
    choice.geometric = arguments.flag("geometric");
    choice.laplace = arguments.flag("laplace");
    choice.keep_duplicates = arguments.flag("keep-duplicates");
    choice.keep_unknown = arguments.flag("keep-unknown");
    const bool limited = choice.by == Choose::count || choice.by == Choose::ideas;
    if (limited && choice.most == 0)
        fail(kUsage, "--select ", by, " needs --most N: how many ", by == "count" ? "lines" : by);
    if (!limited && choice.most > 0) fail(kUsage, "--most is for --select count and --select ideas");
    if (choice.by != Choose::threshold && choice.threshold > 0) fail(kUsage, "--threshold is for --select threshold");
    return options;
}

// Where results may go. Errors: kUsage: no --out, or a run, whose constitution it would replace.
inline std::filesystem::path votes_folder(Arguments& arguments) {
    const std::filesystem::path out = arguments.string("out", "");
    if (out.empty()) fail(kUsage, "cai votes needs --out DIR, a folder for its results");
    if (std::filesystem::exists(out / "manifests"))
        fail(kUsage, out, ": a run, whose constitution.txt would be replaced; name another folder with --out");
    return out;
}

inline int run_votes_verb(Arguments& arguments, const std::filesystem::path& program) {
    namespace fs = std::filesystem;
    const VotesOptions options = read_votes_options(arguments);
    const fs::path out = votes_folder(arguments), population_file = arguments.string("population", ""),
                   data = data_folder(arguments, program);
    const double slips = arguments.number("slips", 0.05, 0.0, 1.0);
    const bool is_long = arguments.choice("layout", {"polis", "long"}, "polis") == "long",
               json = arguments.flag("json");
    quiet = arguments.flag("quiet");
    const bool toy = !population_file.empty();
    const fs::path votes_file = toy ? "" : arguments.positional(0, "a file of votes, or --population FILE");
    if (!toy && !arguments.has("statements")) fail(kUsage, "cai votes needs --statements FILE, what was voted on");
    for (const char* name : {"slips", "layout"})
        if (!toy && arguments.has(name)) fail(kUsage, "--", name, " is for toy voters: say --population FILE too");
    const fs::path statements_file = arguments.string("statements", (data / "collective/statements.txt").string());
    arguments.finish();

    const World world(data / "world", 1);
    std::vector<Statement> statements = read_statements(statements_file);
    ToyVoters voters;
    if (toy) {
        const Population population = read_population(population_file);
        expect_known_acts(population, world);
        voters = draw_toy_voters(population, std::move(statements), world, slips, options.groups.seed);
    }
    VotesResult result = run_votes(toy ? voters.poll : read_votes(votes_file, std::move(statements)), world, options);
    if (toy) {
        std::map<std::string, size_t> planted;
        for (size_t i = 0; i < voters.group_of.size(); i++)
            planted[voters.poll.participants[i].id] = voters.group_of[i];
        std::vector<size_t> of;
        for (const Participant& participant : result.poll().participants) of.push_back(planted[participant.id]);
        result.planted_rand = adjusted_rand(of, result.groups.of);
    }
    write_votes_result(result, out);
    if (toy) write_file(out / "votes.csv", votes_csv(voters.poll, is_long));
    if (json) {
        std::cout << dump(to_json(result)) << "\n";
    } else {
        print_votes(result, std::cout);
        std::cout << "\nwritten to " << out.string() << ": constitution.txt, groups.csv, statements.csv, map.svg"
                  << (toy ? ", votes.csv" : "") << "\n";
    }
    return kDone;
}

inline const Option kVotes = {"votes", "FILE", "train on the lines that `cai votes` chooses of these votes"},
                    kVotesStatements = {"statements", "FILE", "what --votes is about"};

// What `cai all` trains on if it is given --votes and --statements: the lines that `cai votes` chooses by its defaults.
class VotedConstitution {
  public:
    // Errors: kUsage: one of the two without the other, or a constitution besides.
    explicit VotedConstitution(Arguments& arguments)
        : votes_(arguments.string("votes", "")), statements_(arguments.string("statements", "")) {
        if (votes_.empty() != statements_.empty()) fail(kUsage, "--votes and --statements go together: say both");
        if (!votes_.empty() && arguments.has("constitution"))
            fail(kUsage, "--votes makes a constitution: leave out --constitution");
    }

    // The chosen lines, or without --votes those of the file. Errors: kBadInput: nothing is chosen.
    Constitution constitution_or(const std::filesystem::path& file, const World& world) {
        if (votes_.empty()) return read_constitution(file, world);
        result_ = run_votes(read_votes(votes_, read_statements(statements_)), world, {});
        Constitution constitution;
        constitution.file = votes_;
        for (size_t s : result_.choice.lines)
            constitution.principles.push_back(as_line(result_.poll().statements[s].text));
        expects(!constitution.principles.empty(), votes_, ": no line is chosen of ", result_.choice.chosen,
                " statements at ", result_.choice.threshold, " or more that the models can read; `cai votes` says why");
        note("votes", concat(constitution.principles.size(), " lines chosen by ", result_.poll().participants.size(),
                             " ", result_.voters(), " in ", result_.groups.sizes.size(), " groups"));
        return constitution;
    }

    // Into the folder votes/ of a finished run.
    void write(const std::filesystem::path& run) const {
        if (!votes_.empty()) write_votes_result(result_, run / "votes");
    }

  private:
    std::filesystem::path votes_, statements_;
    VotesResult result_;
};

inline Verb votes_verb() {
    return {
        "votes",
        "from people's votes on statements to a constitution: opinion groups, their consensus, the lines chosen",
        "cai votes votes.csv --statements statements.csv --out runs/vote\n"
        "  cai votes --population data/collective/population.txt --out runs/toy-vote",
        {{"statements", "FILE", "what was voted on: one a line (.txt), or csv (toy voters: collective/statements.txt)"},
         {"out", "DIR", "for constitution.txt, groups.csv, statements.csv and map.svg"},
         {"population", "FILE", "draw the votes of toy voters from these groups, into votes.csv, and count those"},
         {"slips", "SHARE", "of toy voters' votes that are not what they mean (0.05)"},
         {"layout", "NAME", "of toy voters' votes.csv: polis or long (polis)"},
         {"seed", "N", "draws toy voters and the clusters' first centres (1)"},
         {"toss", "FILE", "participants to leave out, one a line; the paper's were found by reading (nobody)"},
         {"least-votes", "N", "leave out who cast fewer (26, the paper's, or a tenth of the statements if less)"},
         {"keep-moderated", "", "keep statements whose column moderated is not 1, which the paper leaves out"},
         {"drop-author-votes", "",
          "do not count the agree that Polis enters for a statement's author, as the paper does"},
         {"space", "NAME", "the plane and the weights of ccai, the paper's notebook, or of polis (ccai)"},
         {"impute", "NAME", "a vote not cast counts as zero, or as the statement's mean (zero; space polis: mean)"},
         {"base-clusters", "N", "that groups are made of (100)"},
         {"most-groups", "N", "the best silhouette of 2 to N groups (5)"},
         {"group-count", "N", "as many groups as this"},
         {"groups", "NAME", "found, or file: those of the file's column group-id (found)"},
         {"select", "NAME",
          "threshold, count (the best --most lines), ideas (until --most ideas) or majority (threshold)"},
         {"threshold", "T", "the least consensus (the paper's 0.723 for two groups, 0.850 as geometric mean)"},
         {"most", "N", "lines, or ideas"},
         {"geometric", "", "choose by the geometric mean over groups instead of the product"},
         {"laplace", "", "choose by shares with Laplace's correction, as Polis does"},
         {"keep-duplicates", "", "statements that say the same stay lines of their own"},
         {"keep-unknown", "", "statements with words that the models do not know become lines too"},
         {"data", "DIR", "the folder of world/ and collective/ (data)"},
         kJson,
         kQuiet},
        run_votes_verb,
        false};
}

}  // namespace cai
