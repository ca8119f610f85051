// Comma-separated values (RFC 4180), as spreadsheets and forms export them: fields in quotes may hold separators, line
// breaks and quotes, which are written twice. Beyond the RFC: a byte order mark is skipped, lines may end in "\n" or a
// lone "\r", empty lines are none, and where the first line has no comma but semicolons or tabs, those separate.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "error.h"
#include "text.h"
#include "utf8.h"

namespace cai {

// Reads a text record by record:
//   CsvReader csv(read_file(path), path.string());
//   while (csv.next()) use(csv.fields());
// The fields are valid until the reader is gone. Errors: kBadInput, with `where` and the line: bytes that are not
// UTF-8, a NUL, a quote that is not closed or stands within an unquoted field, text after a closing quote, a record
// with more or fewer fields than the first.
class CsvReader {
  public:
    CsvReader(std::string text, std::string where) : text_(std::move(text)), where_(std::move(where)) {
        if (without_bom(text_).size() < text_.size()) at_ = 3;
        size_t bad = 0;
        if (!valid_utf8(text_, &bad)) fail(kBadInput, where_, ": line ", line_of(bad), ": not UTF-8; ", kSaveAsText);
        bad = text_.find('\0');
        if (bad != text_.npos) fail(kBadInput, where_, ": line ", line_of(bad), ": a NUL byte; ", kSaveAsText);
        const std::string_view first = std::string_view(text_).substr(0, text_.find_first_of("\r\n"));
        if (first.find(',') == first.npos)
            separator_ = first.find(';') != first.npos ? ';' : first.find('\t') != first.npos ? '\t' : ',';
    }
    CsvReader(const CsvReader&) = delete;

    // The next record, if there is one.
    bool next() {
        while (at_ < text_.size() && (text_[at_] == '\r' || text_[at_] == '\n')) end_line();
        if (at_ >= text_.size()) return false;
        line_ = next_line_;
        for (size_t field : filled_) fields_[field] = {};
        filled_.clear();
        size_t count = 0;
        for (;; at_++) {  // past a separator; where that ends the text, an empty field follows it
            // Most fields are empty in a file of votes: each further separator ends one.
            const size_t begin = std::min(text_.find_first_not_of(separator_, at_), text_.size());
            count += begin - at_;
            at_ = begin;
            const std::string_view one = at_ < text_.size() ? field() : std::string_view();
            if (width_ == 0) fields_.resize(count + 1);
            if (count < fields_.size()) fields_[count] = one, filled_.push_back(count);
            count++;
            if (at_ == text_.size()) break;
            if (text_[at_] != separator_) {
                end_line();
                break;
            }
        }
        if (width_ == 0) width_ = count;
        expects(count == width_, where_, ": line ", line_, " has ", count, " fields, but the first has ", width_);
        return true;
    }

    const std::vector<std::string_view>& fields() const { return fields_; }
    size_t line() const { return line_; }  // on which the record begins
    std::string place() const { return concat(where_, ": line ", line_, ": "); }

  private:
    static constexpr const char* kSaveAsText = "save the file as UTF-8 text";

    size_t line_of(size_t offset) const {
        size_t lines = 1;
        for (size_t i = 0; i < std::min(offset, text_.size()); i++) lines += text_[i] == '\n';
        return lines;
    }
    void end_line() {
        if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') at_++;
        at_++, next_line_++;
    }

    std::string_view field() {
        if (text_[at_] == '"') return quoted_field();
        const size_t begin = at_;
        const auto ends = [&](char c) { return c == separator_ || c == '\r' || c == '\n' || c == '"'; };
        while (at_ < text_.size() && !ends(text_[at_])) at_++;
        if (at_ < text_.size() && text_[at_] == '"')
            fail(kBadInput, where_, ": line ", next_line_,
                 ": a quote within a field that does not begin with one; put the field in quotes and the quote twice");
        return std::string_view(text_).substr(begin, at_ - begin);
    }

    // What the quotes hold, moved to the front of its place in the text.
    std::string_view quoted_field() {
        const size_t begin = at_++, opened = next_line_;
        size_t end = begin;
        for (;; at_++) {
            expects(at_ < text_.size(), where_, ": line ", opened, ": the quote that opens a field is not closed");
            if (text_[at_] == '"') {
                at_++;
                if (at_ == text_.size() || text_[at_] != '"') break;
            }
            if (text_[at_] == '\n' || (text_[at_] == '\r' && text_[std::min(at_ + 1, text_.size() - 1)] != '\n'))
                next_line_++;
            text_[end++] = text_[at_];
        }
        expects(at_ == text_.size() || text_[at_] == separator_ || text_[at_] == '\r' || text_[at_] == '\n', where_,
                ": line ", next_line_,
                ": text after a closing quote; within a field in quotes a quote is written twice");
        return std::string_view(text_).substr(begin, end - begin);
    }

    std::string text_, where_;
    std::vector<std::string_view> fields_;
    std::vector<size_t> filled_;  // of them, in this record
    size_t at_ = 0, line_ = 0, next_line_ = 1, width_ = 0;
    char separator_ = ',';
};

// A field as it is written: in quotes where it has to be.
inline std::string csv_field(std::string_view text) {
    if (text.find_first_of(",;\t\"\r\n") == text.npos) return std::string(text);
    std::string field = "\"";
    for (char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
    return field + "\"";
}

inline std::string csv_line(const std::vector<std::string>& fields) {
    std::string line;
    for (size_t i = 0; i < fields.size(); i++) line += (i ? "," : "") + csv_field(fields[i]);
    return line + "\n";
}

}  // namespace cai
