// SHA-256 against the standard's own examples, and a ledger of wishes against every way to change it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../core/base/sha256.h"
#include "../core/method/ledger.h"
#include "support.h"

using namespace cai;

namespace {

// Two wishes, hashed with Python: hashlib.sha256(json.dumps(entry without "hash", separators=(",", ":")).encode()).
const std::string kTwoWishes =
    R"({"prev":"0000000000000000000000000000000000000000000000000000000000000000","t":12,"burn":3.5,)"
    R"("text":"I wish helpers told the ferryman the true depth.",)"
    R"("hash":"67f26238c8a2099e13f8d7d9994be249dfc49ea1d581fa1c2ae9d90105ed64b6"})"
    "\n"
    R"({"prev":"67f26238c8a2099e13f8d7d9994be249dfc49ea1d581fa1c2ae9d90105ed64b6","t":20,"burn":0.1,)"
    R"("text":"Never hide a leak \"for now\".",)"
    R"("hash":"5351889b0b7beb6d26ada283b4d0fbf2c7924dc279de832ba8309930f48d1ae0"})"
    "\n";

std::string ledger_of(size_t entries) {
    std::string text;
    std::vector<LedgerEntry> all;
    for (size_t i = 0; i < entries; i++) {
        all.push_back({head_of(all), static_cast<double>(10 * i), 1.5 * static_cast<double>(i), concat("Wish ", i)});
        text += ledger_line(all.back()) + "\n";
    }
    return text;
}

std::string ledger_error(const std::string& text) {
    return error_of([&] { parse_ledger(text, "f"); });
}

}  // namespace

TEST_CASE("SHA-256 of the examples of FIPS 180-4, and of every length around a block") {
    CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    std::string all;  // of the digests of 0 to 129 bytes; Python's hashlib gives the same
    for (size_t n = 0; n < 130; n++) all += sha256(std::string(n, '\xfe'));
    CHECK(sha256(all) == "d2889b0764ba973b81bab758b5f1a42ace0c8f98e33f000b56f22377386236e3");
}

TEST_CASE("a ledger's hashes are those of another program") {
    const std::vector<LedgerEntry> entries = parse_ledger(kTwoWishes, "f");
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].burn == 0.1);
    CHECK(entries[1].text == "Never hide a leak \"for now\".");
    CHECK(head_of(entries) == "5351889b0b7beb6d26ada283b4d0fbf2c7924dc279de832ba8309930f48d1ae0");
}

TEST_CASE("a ledger changed in any byte is refused, and the line is named") {
    const std::string text = ledger_of(4);
    REQUIRE(ledger_error(text) == "no error");
    size_t line = 1;
    for (size_t i = 0; i < text.size(); i++) {
        std::string changed = text;
        changed[i] = changed[i] == '7' ? '8' : '7';
        const std::string error = ledger_error(changed);
        INFO(changed << error);
        CHECK(contains(error, concat("f: line ", line)));
        line += text[i] == '\n';
    }
}

TEST_CASE("entries dropped, moved, added or forged are named") {
    const std::vector<std::string> lines = split_lines(ledger_of(4));
    auto error = [&](const std::vector<size_t>& order) {
        std::string text;
        for (size_t i : order) text += lines[i] + "\n";
        return ledger_error(text);
    };
    CHECK(contains(error({1, 2, 3}), "f: line 1 is not a first entry: an entry was changed, dropped or moved there"));
    CHECK(contains(error({0, 2, 3}), "f: line 2 does not follow line 1"));
    CHECK(contains(error({0, 1, 3, 2}), "f: line 3 does not follow line 2"));
    CHECK(contains(error({0, 1, 1, 2, 3}), "f: line 3 does not follow line 2"));
    CHECK(error({0, 1}) == "no error");  // cut off at the end: only the last hash, kept elsewhere, can tell

    // One that is hashed anew as well breaks the chain at the line after it.
    std::vector<LedgerEntry> entries = parse_ledger(ledger_of(4), "f");
    entries[1].burn = 1e6;
    std::string forged;
    for (const LedgerEntry& entry : entries) forged += ledger_line(entry) + "\n";
    CHECK(contains(ledger_error(forged), "f: line 3 does not follow line 2"));

    entries = {{std::string(64, '0'), 5, 1, "a"}};
    entries.push_back({hash_of(entries[0]), 4, 1, "b"});
    CHECK(contains(ledger_error(ledger_line(entries[0]) + "\n" + ledger_line(entries[1]) + "\n"), "earlier time"));
    entries[0].burn = -1;
    CHECK(contains(ledger_error(ledger_line(entries[0]) + "\n"), "f: line 1: a burn below 0"));
    CHECK(contains(ledger_error(lines[0]), "f: line 1 is cut off"));
    CHECK(contains(ledger_error("{}\n"), "f: line 1: the key \"prev\" is missing"));
}

TEST_CASE("adding to a ledger keeps what is there, and a broken one is left as it is") {
    TemporaryFolder folder;
    const std::filesystem::path file = folder.path / "wishes.jsonl";
    const std::string first = add_to_ledger(file, "Be kind.", 2, 5);
    const std::string before = read_file(file), second = add_to_ledger(file, "Tell the truth.", 0, 5);
    CHECK(read_file(file).starts_with(before));
    const std::vector<LedgerEntry> entries = read_ledger(file);
    REQUIRE(entries.size() == 2);
    CHECK(entries[1].previous == first);
    CHECK(head_of(entries) == second);
    CHECK(contains(error_of([&] { add_to_ledger(file, "Late.", 1, 4); }), "none of time 4 can follow"));
    CHECK(contains(error_of([&] { add_to_ledger(file, " ", 1, 6); }), "needs a text"));
    CHECK(contains(error_of([&] { add_to_ledger(file, "\xff", 1, 6); }), "in UTF-8"));
    CHECK(contains(error_of([&] { add_to_ledger(file, "a", -1, 6); }), "below 0"));
    const std::string broken = "x" + read_file(file);
    write_file(file, broken);
    CHECK(contains(error_of([&] { add_to_ledger(file, "More.", 1, 6); }), "line 1"));
    CHECK(read_file(file) == broken);
}

TEST_CASE("weights of a ledger: scales, half-life, fee") {
    const std::vector<LedgerEntry> entries = {{"", 0, 16, "a"}, {"", 10, 1, "b"}, {"", 20, 4, "c"}};
    auto check = [&](BurnScale scale, double halflife, double fee, const std::vector<double>& expected) {
        const std::vector<double> weights = ledger_weights(entries, scale, halflife, fee);
        for (size_t i = 0; i < 3; i++) CHECK(near(weights[i], expected[i], 1e-14));
    };
    check(BurnScale::linear, 0, 0, {16, 1, 4});
    check(BurnScale::sqrt, 0, 0, {4, 1, 2});
    check(BurnScale::log, 0, 0, {std::log(17.0), std::log(2.0), std::log(5.0)});
    check(BurnScale::linear, 10, 0, {4, 0.5, 4});
    check(BurnScale::sqrt, 5, 0, {0.25, 0.25, 2});
    check(BurnScale::linear, 0, 4, {16, 0, 4});  // a burn of just the fee counts
    CHECK(ledger_weights({}, BurnScale::linear, 1, 1).empty());
    CHECK(near(effective_number({1, 1, 1, 1}), 4));
    CHECK(near(effective_number({3, 1}), 1.6));
    CHECK(near(effective_number({1e300, 1e300}), 2));
    CHECK(effective_number({0, 0}) == 0);
    CHECK(effective_number({}) == 0);
}
