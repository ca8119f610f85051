// Comma-separated values: what RFC 4180 says, what spreadsheets do beyond it, and what is refused with its line.
#include "../core/base/csv.h"
#include "support.h"

using namespace cai;

namespace {

using CsvRecords = std::vector<std::vector<std::string>>;

CsvRecords csv_records(const std::string& text) {
    CsvReader csv(text, "votes.csv");
    CsvRecords records;
    while (csv.next()) records.emplace_back(csv.fields().begin(), csv.fields().end());
    return records;
}

std::string csv_error(const std::string& text) {
    return error_of([&] { csv_records(text); });
}

}  // namespace

TEST_CASE("csv: quotes hold separators, quotes and line breaks, and every end of a line ends one") {
    CHECK(csv_records("a,b\n1,2\n") == CsvRecords{{"a", "b"}, {"1", "2"}});
    CHECK(csv_records("a,b\r\n1,2") == CsvRecords{{"a", "b"}, {"1", "2"}});
    CHECK(csv_records("a,b\r1,2\r") == CsvRecords{{"a", "b"}, {"1", "2"}});
    CHECK(csv_records("\xEF\xBB\xBF\"a\",b\n\n1,\n\n") == CsvRecords{{"a", "b"}, {"1", ""}});
    CHECK(csv_records("x,y\n\"one, two\",\"she said \"\"no\"\"\"\n") ==
          CsvRecords{{"x", "y"}, {"one, two", "she said \"no\""}});
    CHECK(csv_records("x,y\n\"one\r\ntwo\n\nthree\",\"\"\n4,5") ==
          CsvRecords{{"x", "y"}, {"one\r\ntwo\n\nthree", ""}, {"4", "5"}});
    CHECK(csv_records("x,y\n,") == CsvRecords{{"x", "y"}, {"", ""}});
    CHECK(csv_records("") == CsvRecords{});
    CHECK(csv_records("\n\r\n") == CsvRecords{});
    CHECK(csv_records("alone\n\"\"\n") == CsvRecords{{"alone"}, {""}});
}

TEST_CASE("csv: semicolons or tabs separate where the first line has no comma") {
    CHECK(csv_records("a;b\n1,5;2\n") == CsvRecords{{"a", "b"}, {"1,5", "2"}});
    CHECK(csv_records("a\tb\n1,5\t2\n") == CsvRecords{{"a", "b"}, {"1,5", "2"}});
    CHECK(csv_records("a,b;c\n1,2\n") == CsvRecords{{"a", "b;c"}, {"1", "2"}});
}

TEST_CASE("csv: a mistake is named with its line") {
    CHECK(csv_error("a,b\n1\n") == "votes.csv: line 2 has 1 fields, but the first has 2");
    CHECK(contains(csv_error("a,b\n\"x\ny\",2\n1,2,3\n"), "line 4 has 3 fields"));
    CHECK(contains(csv_error("a,b\n1,\"open\n\n"), "line 2: the quote that opens a field is not closed"));
    CHECK(contains(csv_error("a,b\n\"x\n\n\"y,2\n"), "line 4: text after a closing quote"));
    CHECK(contains(csv_error("a,b\n1,sh\"e\n"), "line 2: a quote within a field"));
    CHECK(contains(csv_error("a,b\n1,\xff\n"), "line 2: not UTF-8"));
    CHECK(contains(csv_error(std::string("a,b\n1,\0\n", 8)), "line 2: a NUL byte"));
}

TEST_CASE("csv: what is written reads back") {
    const std::vector<std::string> fields = {"plain", "", "a,b", "say \"no\"", "two\nlines", "a;b", "\ttab"};
    CHECK(csv_records(csv_line(fields)) == CsvRecords{fields});
    CHECK(csv_line({"a", "b,c"}) == "a,\"b,c\"\n");
}
