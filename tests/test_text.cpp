// Files, lines and UTF-8.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/base/files.h"
#include "../core/base/words.h"
#include "support.h"

using namespace cai;

TEST_CASE("files: written whole or not at all, and every failure is noticed") {
    TemporaryFolder folder;
    std::string bytes(200000, 'x');
    bytes += std::string("\0\r\n\xFF", 4);
    auto path = folder.path / "made" / "on the way" / "file";
    write_file(path, "old");
    write_file(path, bytes);
    CHECK(read_file(path) == bytes);
    CHECK(std::distance(std::filesystem::directory_iterator(path.parent_path()), {}) == 1);  // no file.tmp stays
    write_file(path, "");
    CHECK(read_file(path) == "");
    // A write that fails leaves the old file as it was.
    write_file(path, "old");
    std::filesystem::create_directories(path.string() + ".tmp");
    CHECK(contains(error_of([&] { write_file(path, "new"); }), "file.tmp: Is a directory"));
    CHECK(read_file(path) == "old");

    std::string message = error_of([&] { read_file(folder.path / "missing"); });
    CHECK(contains(message, "missing: No such file"));
    CHECK(contains(error_of([&] { read_file(folder.path); }), "directory"));
    // A file cannot be a folder, nor take the place of one.
    CHECK(contains(error_of([&] { write_file(path / "below", "x"); }), "cannot make the folder"));
    CHECK(contains(error_of([&] { write_file(folder.path, "x"); }), "directory"));
    CHECK(read_file(path) == "old");
    // A full disk, by the device that stands for one: few bytes fail when flushed, many when written.
    if (std::filesystem::exists("/dev/full"))
        for (size_t n : {1u, 1000000u})
            CHECK(error_of([&] { write_file("/dev/full", std::string(n, 'x')); }) ==
                  "cannot write /dev/full: No space left on device; free some room, then run the same command again");
}

TEST_CASE("lines") {
    using Lines = std::vector<std::string>;
    CHECK(split_lines("") == Lines{});
    CHECK(split_lines("\n") == Lines{""});
    CHECK(split_lines("a\r\nb\n\nc") == Lines{"a", "b", "", "c"});
    CHECK(split_lines("a\rb\n") == Lines{"a\rb"});
    CHECK(trim(" \t a b\r\n") == "a b");
    CHECK(trim(" \n") == "");
    CHECK(without_bom("\xEF\xBB\xBFx") == "x");
    CHECK(without_bom("x") == "x");
}

TEST_CASE("text that people edit: any line ends, no byte order marks, and bytes that are text") {
    TemporaryFolder folder;
    auto read = [&](const std::string& bytes) {
        write_file(folder.path / "t", bytes);
        return read_text(folder.path / "t");
    };
    using Lines = std::vector<std::string>;
    CHECK(read("") == Lines{});
    CHECK(read("\xEF\xBB\xBF" "a\rb\r\nc\n\nd\r") == Lines{"a", "b", "c", "", "d"});
    CHECK(read("a\n\xEF\xBB\xBF" "b\n \xEF\xBB\xBF\xEF\xBB\xBF" "c\n") == Lines{"a", "b", " c"});
    CHECK(contains(error_of([&] { read("a\n\xC3\xA9\xC3\n"); }), "t: line 2, byte 3: not UTF-8"));
    CHECK(contains(error_of([&] { read(std::string("a\nb\0c", 5)); }), "t: line 2, byte 2: a NUL byte"));
}

TEST_CASE("words: letters of any alphabet, with their accents") {
    using Words = std::vector<std::string>;
    CHECK(words_of("The baker's ring.") == Words{"the", "baker", "s", "ring"});
    CHECK(words_of("") == Words{});
    CHECK(words_of("2 caf\u00E9s, cafe\u0301s\u2014\u2018ÉTÉ\u2019") == Words{"caf\u00E9s", "cafe\u0301s", "ÉtÉ"});
    CHECK(words_of("\u0301x\xC3y") == Words{"x", "y"});  // a mark without a letter, a byte that is none
    std::vector<Word> words = find_words("no caf\u00E9!");
    REQUIRE(words.size() == 2);
    CHECK(words[1].begin == 3);
    CHECK(words[1].end == 8);
}

TEST_CASE("UTF-8: every code point there and back, and what is ill-formed") {
    for (char32_t c = 0; c <= 0x10FFFF; c++) {
        if (c >= 0xD800 && c <= 0xDFFF) continue;
        std::string text;
        append_utf8(text, c);
        size_t i = 0, length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (next_code_point(text, i) != c || i != text.size() || i != length) FAIL("code point ", uint32_t(c));
    }
    std::string euro;
    append_utf8(euro, 0x20AC);
    CHECK(euro == "\xE2\x82\xAC");
    // Stray tail, overlong, surrogate, above U+10FFFF, cut short, bytes that never occur.
    for (const char* bad : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80",
                            "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F\x98", "\xE2x\xAC", "\xF5\x80\x80\x80", "\xFF"}) {
        size_t offset = 99;
        CHECK_FALSE(valid_utf8(std::string("ok") + bad, &offset));
        CHECK(offset == 2);
        size_t i = 0;
        CHECK(next_code_point(bad, i) == kBadByte);
        CHECK(i == 1);
    }
    CHECK(repair_utf8("a\xE2\x82z\xE2\x82\xAC") == "a\xEF\xBF\xBD\xEF\xBF\xBDz\xE2\x82\xAC");
}

TEST_CASE("concat: every kind of part as a stream prints it") {
    enum Colour { red, green };
    const std::string_view middle = std::string_view("abc").substr(1, 1);
    CHECK(concat("a", middle, 'c', std::string(" d ")) == "abc d ");
    CHECK(concat(-3, " ", UINT64_MAX, " ", INT64_MIN, " ", uint8_t{200}, " ", true, " ", green) ==
          "-3 18446744073709551615 -9223372036854775808 200 1 1");
    CHECK(concat(0.5f, " ", 1e-7, " ", 1234567.0, " ", 0.1 + 0.2) == "0.5 1e-07 1.23457e+06 0.3");
    CHECK(concat() == "");
}
