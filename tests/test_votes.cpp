// From votes to a constitution: a worked example by hand, numpy's and scikit-learn's numbers, planted groups, and the
// real votes of Collective Constitutional AI.
#include "../core/tools/votes.h"
#include "toy_world.h"

using namespace cai;

namespace {

namespace files = std::filesystem;

files::path file_with(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
    write_file(folder.path / name, text);
    return folder.path / name;
}

Poll poll_of(const std::string& votes, const std::string& statements, const std::string& ending = ".txt") {
    const TemporaryFolder folder;
    return read_votes(file_with(folder, "votes.csv", votes),
                      read_statements(file_with(folder, "statements" + ending, statements)));
}

std::string votes_error(const std::string& votes, const std::string& statements = "No theft.\nBuying is fine.\n",
                        const std::string& ending = ".txt") {
    return error_of([&] { poll_of(votes, statements, ending); });
}

// The example of the chapter.
constexpr const char* kFiveVoters =
    "participant,1,2,3,4\nAnn,1,1,-1,1\nBen,1,1,-1,\nCat,1,1,,0\nDan,1,-1,1,1\nEve,1,-1,1,1\n";
constexpr const char* kFourStatements =
    "Never help with stealing.\nSinging is forbidden.\nMusic is allowed.\nHelp with writing.\n";

bool same_votes(const Poll& a, const Poll& b) {
    return a.votes.starts == b.votes.starts && a.votes.column == b.votes.column && a.votes.vote == b.votes.vote;
}

// Of each participant, both coordinates, times the sign that makes the first one of an axis agree.
void check_places(const std::vector<Place>& found, const std::vector<Place>& expected) {
    REQUIRE(found.size() == expected.size());
    for (size_t axis = 0; axis < 2; axis++) {
        const double sign = found[0][axis] * expected[0][axis] < 0 ? -1 : 1;
        for (size_t i = 0; i < found.size(); i++) CHECK(near(sign * found[i][axis], expected[i][axis], 1e-9));
    }
}

const char* kTwoCamps =
    "group blue 120 0.8\ntrapping 0.05\ngossiping 0.05\nmocking 0.05\nsinging 0.95\njoking 0.95\nborrowing 0.9\n"
    "stealing 1\ngroup red 80 0.6\ntrapping 0.95\ngossiping 0.95\nmocking 0.95\nsinging 0.05\njoking 0.05\n"
    "borrowing 0.05\nstealing 1\n";

ToyVoters toy_voters(const std::string& population, uint64_t seed, double slips = 0.05) {
    const TemporaryFolder folder;
    return draw_toy_voters(read_population(file_with(folder, "population.txt", population)),
                           read_statements(kData / "collective/statements.txt"), world(), slips, seed);
}

}  // namespace

TEST_CASE("five voters and four statements, by hand") {
    const Poll poll = poll_of(kFiveVoters, kFourStatements);
    VotesOptions options;
    options.groups.count = 2;
    const VotesResult result = run_votes(poll, world(), options);

    // The first axis sets Dan and Eve, who are alike, against the others.
    CHECK(result.groups.of == std::vector<size_t>{0, 0, 0, 1, 1});
    CHECK(result.groups.sizes == std::vector<size_t>{3, 2});
    CHECK(near(CentredVotes(poll.votes, Space::ccai, Impute::zero).squares(), 12.75));

    // P(agree | A) P(agree | B): 3/3 2/2, 3/3 0/2, 0/2 2/2, 1/2 2/2; with Laplace 4/5 3/4, 4/5 1/4, 1/4 3/4, 2/4 3/4.
    const double product[] = {1, 0, 0, 0.5}, laplace[] = {0.6, 0.2, 0.1875, 0.375}, divided[] = {0, 0.8, 1, 0.25},
                 adjusted[] = {0, 0.8, 1, 0.1875};
    for (size_t s = 0; s < 4; s++) {
        INFO(s);
        CHECK(near(result.counts[s].consensus(false), product[s]));
        CHECK(near(result.counts[s].consensus(true), laplace[s]));
        CHECK(near(result.counts[s].geometric_mean(false), std::sqrt(product[s])));
        CHECK(near(result.counts[s].geometric_mean(true), std::sqrt(laplace[s])));
        CHECK(near(result.counts[s].polarisation(), divided[s]));
        CHECK(near(result.counts[s].adjusted_polarisation(), adjusted[s]));
    }
    const Json json = to_json(result);
    CHECK(near(json["consensus"]["mean"].number(), 0.375));
    CHECK(near(json["consensus"]["median"].number(), 0.25));
    CHECK(json["consensus"]["least"].number() == 0);
    CHECK(json["consensus"]["most"].number() == 1);
    CHECK(near(json["polarisation"]["median"].number(), 0.525));
    CHECK(json["selected"].number() == 1);

    // Both of B disagree with statement 2, none of A: p = 3/4, r = (3/4) / (1/5), z = sqrt 3 and (3/4) sqrt 7.
    const Representative two = representativeness(result.counts[1], 1, 1, false);
    CHECK(near(two.share, 0.75));
    CHECK(near(two.ratio, 3.75));
    CHECK(near(two.z_share, std::sqrt(3.0)));
    CHECK(near(two.z_ratio, 0.75 * std::sqrt(7.0)));
    const std::vector<Representative> all = representative_statements(result.counts, 2);
    CHECK(std::any_of(all.begin(), all.end(),
                      [](const Representative& one) { return one.group == 1 && one.statement == 1 && !one.agrees; }));
    CHECK(constitution_text(result).ends_with("\n\nNever help with stealing.\n"));
    std::ostringstream report;
    print_votes(result, report);
    CHECK(contains(report.str(), "\n1 statement chosen at 0.723 or more: 1 line of 1 idea\n0 that repeat one, "));
    const Poll shipped =
        read_votes(kData / "collective/five_voters.csv", read_statements(kData / "collective/five_statements.txt"));
    CHECK(shipped.votes.vote == poll.votes.vote);
    CHECK(shipped.votes.column == poll.votes.column);
}

TEST_CASE("votes: the Polis layout, the long one and a form's say the same") {
    const Poll wide = poll_of(kFiveVoters, kFourStatements);
    CHECK(wide.votes.entries() == 18);
    CHECK(wide.participants[2].id == "Cat");
    CHECK(wide.votes.vote[wide.votes.starts[2] + 2] == kPass);
    CHECK(wide.votes.column[wide.votes.starts[2] + 2] == 3);

    std::string rows =
        "Vote;Statement;participant;comment\n";  // other columns, another order, words, a row twice apart
    const char* names[] = {"Ann", "Ben", "Cat", "Dan", "Eve"};
    const char* words[] = {"disagree", "Pass", "1"};
    for (size_t row = 0; row < 5; row++)
        for (size_t entry = wide.votes.starts[row + 1]; entry-- > wide.votes.starts[row];)
            rows +=
                concat(words[wide.votes.vote[entry] + 1], ";", wide.votes.column[entry] + 1, ";", names[row], ";\n");
    CHECK(same_votes(poll_of(rows, kFourStatements), wide));

    const Poll form = poll_of(
        "Timestamp,Singing is forbidden.,Your vote: [Never help with stealing.]\r\n1/2,Agree,disagree\r\n1/3,,0\r\n",
        kFourStatements);
    CHECK(form.participants[1].id == "2");
    CHECK(form.votes.column == std::vector<uint32_t>{0, 1, 0});
    CHECK(form.votes.vote == std::vector<int8_t>{-1, 1, 0});
    for (bool is_long : {false, true}) CHECK(same_votes(poll_of(votes_csv(wide, is_long), kFourStatements), wide));
}

TEST_CASE("votes: what is wrong with them is said with the line or the column") {
    CHECK(contains(votes_error("participant,1,2\nAnn,1,2\n"), "line 2: the vote \"2\" is none of 1, 0, -1"));
    CHECK(contains(votes_error("participant,1,7\nAnn,1,1\n"), "column 3 is headed \"7\""));
    CHECK(contains(votes_error("participant,1,1\nAnn,1,1\n"), "columns 2 and 3 are of the same statement, 1"));
    CHECK(contains(votes_error("participant,1\nAnn,1\nBen,1\nAnn,0\n"),
                   "line 4: the participant Ann stands here twice, "
                   "first on line 2"));
    CHECK(contains(votes_error("participant,1\n,1\n"), "line 2: the participant has no name"));
    CHECK(contains(votes_error("participant,group-id,1\nAnn,x,1\n"), "line 2: group-id is \"x\""));
    CHECK(contains(votes_error("participant,1\n"), "no vote in it"));
    CHECK(contains(votes_error("participant,statement,vote\nAnn,1,1\nBen,1,0\nAnn,1,1\n"),
                   "votes.csv: the participant Ann votes twice on statement 1, on lines 2 and 4"));
    CHECK(contains(votes_error("participant,statement,vote\nAnn,9,1\n"),
                   "line 2: \"9\" is the number or the text of no"));
    CHECK(contains(votes_error(""), "empty"));
    CHECK(contains(votes_error("participant,1\nAnn,1\n", "", ".txt"), "no statement in it"));
    CHECK(contains(votes_error("participant,1\nAnn,1\n", "id,name\n1,x\n", ".csv"), "no column comment-body"));
    CHECK(contains(votes_error("participant,1\nAnn,1\n", "id,text\n1,x\n1,y\n", ".csv"),
                   "line 3: the statement 1 stands"));
    CHECK(
        contains(votes_error("participant,1\nAnn,1\n", "id,text\n1,\n", ".csv"), "line 2: the statement has no text"));
}

TEST_CASE("votes: cleaning leaves out whom and what it says") {
    const Poll poll = poll_of("participant,n-votes,1,2,3\n1,3,1,1,\n2,1,1,,\n3,9,,,-1\n4,2,1,0,\n5,1,,,1\n",
                              "comment-id,author-id,moderated,comment-body\n1,1,1,a\n2,4,1,b\n3,5,-1,c\n", ".csv");
    const TemporaryFolder folder;
    CleaningOptions options;
    options.toss = file_with(folder, "toss.txt", "4\n");
    options.least_votes = 2;
    const Cleaned cleaned = clean_votes(poll, options);
    CHECK(cleaned.tossed == 1);
    CHECK(cleaned.voted_too_little == 2);  // 2 and 5; 3 voted 9 times, as the file says
    CHECK(cleaned.moderated_out == 1);
    CHECK(cleaned.author_votes == 2);  // of 1 on 1 and 5 on 3; 4 passed on its own
    CHECK(cleaned.only_author_statements == 0);
    REQUIRE(cleaned.poll.participants.size() == 2);
    CHECK(cleaned.poll.participants[1].id == "3");
    CHECK(cleaned.poll.votes.starts == std::vector<size_t>{0, 2, 2});

    options = {};
    options.least_votes = 1;
    options.keep_moderated = options.drop_author_votes = true;
    const Cleaned all = clean_votes(poll, options);
    CHECK(all.poll.votes.entries() == poll.votes.entries() - 2);
    CHECK(all.poll.statements.size() == 3);

    options.toss = file_with(folder, "toss.txt", "77\n");
    CHECK(contains(error_of([&] { clean_votes(poll, options); }), "nobody who votes is called 77"));
    options.toss = "";
    options.least_votes = 10;
    CHECK(contains(error_of([&] { clean_votes(poll, options); }), "nobody is left who cast at least 10 votes"));
    CHECK(least_votes_of(275) == 26);
    CHECK(least_votes_of(53) == 6);
    CHECK(least_votes_of(4) == 1);
}

// scikit-learn 1.x: PCA(2, svd_solver="full"), on the transposed matrix for ccai, of which components_ are the places;
// for polis times sqrt(statements / votes).
TEST_CASE("the opinion space is that of scikit-learn") {
    const Poll poll = poll_of(
        "participant,1,2,3,4,5\n1,1,-1,0,,1\n2,,1,1,-1,\n3,1,,-1,-1,1\n4,-1,1,,0,-1\n5,0,1,1,,-1\n6,1,-1,,1,0\n",
        "a\nb\nc\nd\ne\n");
    const auto check = [&](Space kind, Impute impute, std::array<double, 2> explained,
                           const std::vector<Place>& places) {
        const OpinionSpace space = opinion_space_of(poll.votes, kind, impute);
        CHECK(near(space.explained[0], explained[0], 1e-12));
        CHECK(near(space.explained[1], explained[1], 1e-12));
        check_places(space.participants, places);
    };
    check(Space::ccai, Impute::zero, {0.6313657207712836, 0.2500782717442164},
          {{-0.472144486530, -0.060541612074},
           {0.313320580836, -0.518813740492},
           {-0.377092223060, -0.680570172755},
           {0.472144486530, 0.060541612074},
           {0.444274509705, 0.049538743771},
           {-0.341190557661, 0.507810872190}});
    check(Space::polis, Impute::zero, {0.6407167145082977, 0.23922841244734971},
          {{-1.819816205878, 0.124785689081},
           {1.302578401992, -1.038428341473},
           {-1.419251339324, -1.421577934768},
           {1.815319989672, 0.245138541983},
           {1.621781880705, 0.463434007312},
           {-1.326100311720, 1.487525020118}});
    check(Space::ccai, Impute::mean, {0.5876331433763382, 0.27657591483771027},
          {{-0.481024190418, -0.125075872938},
           {0.258917239935, -0.539349147175},
           {-0.360899963784, -0.678957990060},
           {0.511905144474, 0.047661781239},
           {0.465010243903, -0.100775630130},
           {-0.305036724615, 0.469091886696}});
    check(Space::polis, Impute::mean, {0.6207839478334309, 0.2592438388111965},
          {{-1.824477496089, 0.116579377052},
           {0.974558989644, -0.971863482432},
           {-1.367497623304, -1.441336892171},
           {1.892602563461, 0.285738580077},
           {1.638882127845, 0.225703500160},
           {-1.183502414431, 1.654973899678}});
}

TEST_CASE("votes that span a line, or nothing") {
    const Poll line = poll_of("participant,1,2\na,1,-1\nb,-1,1\nc,1,-1\n", "a\nb\n");
    const OpinionSpace space = opinion_space_of(line.votes, Space::polis, Impute::mean);
    CHECK(near(space.explained[0], 1, 1e-9));
    CHECK(near(space.explained[1], 0, 1e-9));
    CHECK(near(space.participants[0][0], space.participants[2][0]));
    CHECK(space.participants[0][0] * space.participants[1][0] < 0);
    for (const char* votes : {"participant,1,2\na,0,0\nb,0,0\nc,0,0\n", "participant,1\na,1\nb,1\nc,1\n"})
        for (Space kind : {Space::ccai, Space::polis})
            CHECK(contains(error_of([&] { opinion_space_of(poll_of(votes, "a\nb\n").votes, kind, Impute::mean); }),
                           "the participants' votes do not differ"));
    CHECK(contains(error_of([&] { find_groups({{0, 0}}, {}); }), "1 participants are too few for 2 groups"));
    CHECK(contains(error_of([&] { find_groups({{1, 0}, {1, 0}, {1, 0}}, {}); }), "too few places for 2 groups"));
}

// scikit-learn: silhouette_score, also with each point as often as it weighs, and adjusted_rand_score.
TEST_CASE("silhouettes and the adjusted Rand index are those of scikit-learn") {
    const std::vector<Place> points = {{0, 0}, {0, 1}, {1, 0}, {5, 5}, {6, 5}, {9, 0}};
    const std::vector<size_t> of = {0, 0, 0, 1, 1, 2};
    CHECK(near(silhouette(points, std::vector<double>(6, 1), of, 3), 0.6969045984327297));
    CHECK(near(silhouette(points, {3, 1, 2, 1, 2, 1}, of, 3), 0.8008606803266847));
    CHECK(near(adjusted_rand({0, 0, 1, 1, 2, 2, 2}, {1, 1, 1, 0, 0, 2, 2}), 0.2125));
    CHECK(near(adjusted_rand({0, 0, 1}, {5, 5, 2}), 1));
    const GroupOptions three{.count = 3};
    const OpinionGroups groups = find_groups(points, three);
    CHECK(groups.of == of);  // the largest is group 0
    CHECK(groups.sizes == std::vector<size_t>{3, 2, 1});
    std::vector<size_t> number = {4, 4, 2, 9, 9, 9}, sizes;
    number_by_size(number, sizes);
    CHECK(number == std::vector<size_t>{1, 1, 2, 0, 0, 0});
}

TEST_CASE("groups that toy voters are drawn from are found again, and a seed gives the same votes") {
    for (Space space : {Space::ccai, Space::polis})
        for (uint64_t seed : {1, 2, 3}) {
            const ToyVoters voters = toy_voters(kTwoCamps, seed);
            VotesOptions options;
            options.space = space;
            options.impute = space == Space::ccai ? Impute::zero : Impute::mean;
            options.groups.weigh_bases = space == Space::polis;
            options.groups.seed = seed;
            const VotesResult result = run_votes(voters.poll, world(), options);
            CHECK(result.groups.sizes.size() == 2);
            CHECK(adjusted_rand(result.groups.of, voters.group_of) > 0.9);
            CHECK(contains(constitution_text(result), "# Toy voters are drawn"));
            CHECK(contains(opinion_map(result.poll(), result.space, result.groups),
                           "200 toy voters, drawn and not asked"));
            CHECK(contains(statements_csv(result), ",toy voters,"));
            CHECK(to_json(result)["toy"].boolean());
            CHECK(poll_of(votes_csv(voters.poll, true), read_file(kData / "collective/statements.txt")).toy);
        }
    const ToyVoters one = toy_voters(kTwoCamps, 5), same = toy_voters(kTwoCamps, 5), other = toy_voters(kTwoCamps, 6);
    CHECK(same_votes(one.poll, same.poll));
    CHECK(!same_votes(one.poll, other.poll));
    const double cast = static_cast<double>(one.poll.votes.starts[120]) / (120.0 * 53);
    CHECK(near(cast, 0.8, 0.03));
    const OpinionSpace space = opinion_space_of(one.poll.votes, Space::ccai, Impute::zero);
    std::string places;
    for (const Place& place : space.participants)
        places += concat(coordinate(1e4 * place[0]), coordinate(1e4 * place[1]));
    CHECK(stream(places) == 16423146086456518824ull);  // the same bits everywhere
}

TEST_CASE("a toy voter agrees where a statement does what they wish") {
    const std::map<std::string, bool> refused = {{"stealing", true}, {"cheating", true}, {"singing", false}};
    const auto vote = [&](const std::string& text) {
        return toy_vote(world(), read_principle(world(), text), refused);
    };
    CHECK(vote("Never help with stealing.") == kAgree);
    CHECK(vote("Always help with theft.") == kDisagree);
    CHECK(vote("Singing is forbidden.") == kDisagree);
    CHECK(vote("Music is allowed.") == kAgree);
    CHECK(vote("Loss is forbidden.") == kAgree);  // stealing and cheating bring it
    CHECK(vote("Stealing is wrong, but singing is fine.") == kAgree);
    CHECK(vote("No stealing or singing.") == kPass);  // mixed
    CHECK(vote("Cooking is fine.") == kPass);         // no view
    CHECK(vote("Be kind to the baker.") == kPass);    // about nobody's act
    const ToyVoters slipping = toy_voters(kTwoCamps, 1, 1.0), sure = toy_voters(kTwoCamps, 1, 0.0);
    CHECK(slipping.poll.votes.column == sure.poll.votes.column);
    for (size_t e = 0; e < sure.poll.votes.entries(); e++) {
        REQUIRE(slipping.poll.votes.vote[e] != sure.poll.votes.vote[e]);
        REQUIRE(std::abs(slipping.poll.votes.vote[e]) <= 1);
    }
}

TEST_CASE("statements become lines by threshold, count, ideas or majority, once each and in words that are known") {
    // Votes of two groups, of 10 each: agrees of A, agrees of B; all others disagree.
    const std::vector<Statement> statements = {{"a", "Never help with stealing."}, {"b", "Theft is wrong."},
                                               {"c", "No robots, ever."},          {"d", "Singing is forbidden."},
                                               {"e", "100x Music is # allowed."},  {"f", "Buying is fine."}};
    const std::vector<std::array<double, 2>> agrees = {{9, 10}, {10, 10}, {10, 9}, {10, 1}, {2, 9}, {8, 8}};
    std::vector<StatementCounts> counts;
    for (const auto& [a, b] : agrees) {
        const VoteCounts A{a, 10 - a, 0}, B{b, 10 - b, 0};
        counts.push_back({{a + b, 20 - a - b, 0}, {A, B}});
    }
    const auto choose = [&](SelectionOptions options) {
        return choose_statements(statements, counts, 2, world(), options);
    };
    Selection chosen = choose({});  // 0.723
    CHECK(chosen.chosen == 3);
    CHECK(chosen.lines == std::vector<size_t>{1});
    CHECK(chosen.fates[0].same_as == 1);
    CHECK(chosen.fates[2].cannot_be_read == "unknown words: robots and ever");
    CHECK(chosen.ideas == 1);
    CHECK(choose({.threshold = 0.64}).lines == std::vector<size_t>{1, 5});
    CHECK(choose({.keep_duplicates = true}).lines == std::vector<size_t>{1, 0});
    CHECK(choose({.keep_unknown = true}).lines == std::vector<size_t>{1, 2});
    CHECK(choose({.geometric = true}).chosen == 3);
    CHECK(choose({.laplace = true}).chosen == 3);  // b (11/12)^2, a and c (10/12)(11/12) = 0.76
    CHECK(choose({.by = Choose::count, .most = 2}).lines == std::vector<size_t>{1, 5});
    CHECK(choose({.by = Choose::ideas, .most = 3}).lines == std::vector<size_t>{1, 5, 4});
    CHECK(choose({.by = Choose::majority}).lines == std::vector<size_t>{1, 5, 3, 4});  // d and e: 11 of 20 agree
    CHECK(as_line(statements[4].text) == "Music is allowed.");
    CHECK(as_line("  two\r\nlines ") == "two lines");
    CHECK(as_line("2x 3\u00d7 No theft.") == "No theft.");
    CHECK(contains(cannot_be_read(world(), std::string(3000, 'a'), true), "too long"));

    counts[1].by_group[1] = {};  // a statement that a group never saw is not chosen
    CHECK(choose({}).lines == std::vector<size_t>{0});
    CHECK(near(default_threshold(2, false), 0.723));
    CHECK(near(default_threshold(3, false), 0.723 * std::sqrt(0.723)));
    CHECK(near(default_threshold(4, false), 0.723 * 0.723));
}

TEST_CASE("the statements that are shipped are in words that the models know, and each says something") {
    const std::vector<Statement> statements = read_statements(kData / "collective/statements.txt");
    std::set<std::vector<std::string>> different;
    for (const Statement& statement : statements) {
        INFO(statement.text);
        CHECK(cannot_be_read(world(), as_line(statement.text), false) == "");
        CHECK(!world().topics_in(as_read(world(), statement.text)).empty());
        different.insert(ideas_of(world(), statement.text));
    }
    CHECK(different.size() < statements.size());  // some repeat others
}

TEST_CASE("the real votes: what the paper says, and what their groups are") {
    const char* data = std::getenv("CAI_REAL_DATA");
    if (!data) {
        MESSAGE("skipped: CAI_REAL_DATA is not set");
        return;
    }
    const files::path folder = files::path(data) / "ccai";
    VotesOptions options;
    options.cleaning.toss = folder / "ids-to-toss.csv";
    const Poll raw = read_votes(folder / "participants-votes.csv", read_statements(folder / "comments.csv"));
    CHECK(raw.participants.size() == 1126);
    CHECK(raw.statements.size() == 1418);
    CHECK(raw.votes.entries() == 38252);
    const VotesResult found = run_votes(raw, world(), options);
    CHECK(found.cleaned.author_votes == 1356);
    CHECK(found.cleaned.only_author_statements == 1135);

    // The cleaned files are what cleaning makes of the raw ones, in another order of rows.
    const Poll cleaned = read_votes(folder / "clean_votes.csv", read_statements(folder / "clean_comments.csv"));
    REQUIRE(cleaned.participants.size() == 1002);
    REQUIRE(cleaned.statements.size() == 275);
    CHECK(cleaned.votes.entries() == found.poll().votes.entries());

    // With the file's own groups: the paper's figures.
    options = {};
    options.groups_of_file = true;
    const VotesResult paper = run_votes(cleaned, world(), options);
    CHECK(paper.groups.sizes == std::vector<size_t>{619, 383});
    const auto check = [&](bool laplace, double mean, double median, double least, double most, long reach) {
        const std::vector<double> values =
            paper.each([&](const StatementCounts& one) { return one.consensus(laplace); });
        const Summary s = summary_of(values);
        CHECK(near(s.mean, mean, 5e-4));
        CHECK(near(s.median, median, 5e-4));
        CHECK(near(s.least, least, 5e-4));
        CHECK(near(s.most, most, 5e-4));
        CHECK(std::count_if(values.begin(), values.end(), [](double v) { return v >= 0.723; }) == reach);
    };
    check(false, 0.643, 0.704, 0.042, 0.963, 116);
    check(true, 0.622, 0.680, 0.058, 0.931, 96);
    CHECK(paper.choice.chosen == 116);
    CHECK(near(to_json(paper)["polarisation"]["median"].number(), 0.247, 5e-4));

    // The groups that are found are not those of the file, unless its group ids are given to the participants in the
    // order of their numbers, in which the notebook found them, and not in the order of the file's rows.
    std::vector<size_t> rows(1002), as_filed(1002), by_number(1002), of_site;
    for (size_t i = 0; i < rows.size(); i++)
        rows[i] = i, as_filed[i] = static_cast<size_t>(cleaned.participants[i].group_said);
    std::stable_sort(rows.begin(), rows.end(), [&](size_t a, size_t b) {
        return std::stoi(cleaned.participants[a].id) < std::stoi(cleaned.participants[b].id);
    });
    for (size_t rank = 0; rank < rows.size(); rank++) by_number[rows[rank]] = as_filed[rank];
    options.groups_of_file = false;
    options.cleaning.least_votes = 1;
    for (uint64_t seed : {1, 2, 3}) {
        options.groups.seed = seed;
        const OpinionGroups groups = run_votes(cleaned, world(), options).groups;
        CHECK(groups.sizes.size() == 2);
        CHECK(std::abs(adjusted_rand(groups.of, as_filed)) < 0.02);
        CHECK(adjusted_rand(groups.of, by_number) > 0.7);
    }
    // Polis's own groups, from its site while the poll ran, say the same.
    std::map<std::string, int> site;
    for (const Participant& participant : raw.participants) site[participant.id] = participant.group_said;
    for (const Participant& participant : cleaned.participants)
        of_site.push_back(static_cast<size_t>(site[participant.id]));
    CHECK(std::abs(adjusted_rand(of_site, as_filed)) < 0.02);
    CHECK(near(adjusted_rand(of_site, by_number), 0.725, 5e-4));
}
