// JSON (RFC 8259) and JSON Lines: values, read and written.
#pragma once
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "files.h"
#include "numbers.h"
#include "unicode.h"

namespace cai {

// A member of an object. A template, so that Json can hold members before it is complete.
template <class Value>
struct NamedValue {
    std::string name;
    Value value;
    bool operator==(const NamedValue&) const = default;
};

// A value. Build: Json(1.5), Json("text"), Json::Array{1, 2}, Json::Object{{"key", 1}}, or start
// from Json() and use set or push. Read: json["key"].number() and so on, which throw cai::Error
// when the key is missing or the value has another type.
class Json {
  public:
    using Array = std::vector<Json>;
    using Object = std::vector<NamedValue<Json>>;  // in the order of the file

    Json() = default;  // null
    template <class T>
    requires std::is_arithmetic_v<T> Json(T number) {
        if constexpr (std::is_same_v<T, bool>) {
            value_ = number;
        } else {
            value_ = Number{static_cast<double>(number)};
            if constexpr (std::is_integral_v<T>)
                expects(std::cmp_less(number, kTooLarge) && std::cmp_greater(number, -kTooLarge), "the integer ",
                        number, " does not fit a JSON number; store it as a string");
        }
    }
    Json(std::string text) : value_(std::move(text)) {}
    Json(std::string_view text) : value_(std::string(text)) {}
    Json(const char* text) : value_(std::string(text)) {}
    Json(Array elements) : value_(std::move(elements)) {}
    Json(Object members) : value_(std::move(members)) {}

    // A number written with a decimal point, 1 as 1.0, for readers that distinguish integers from floats.
    static Json real(double number) {
        Json json;
        json.value_ = Number{number, true};
        return json;
    }

    bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
    bool is_boolean() const { return std::holds_alternative<bool>(value_); }
    bool is_number() const { return std::holds_alternative<Number>(value_); }
    bool is_string() const { return std::holds_alternative<std::string>(value_); }
    bool is_array() const { return std::holds_alternative<Array>(value_); }
    bool is_object() const { return std::holds_alternative<Object>(value_); }

    bool boolean() const { return get<bool>("true or false"); }
    double number() const { return get<Number>("a number").value; }
    const std::string& string() const { return get<std::string>("a string"); }
    const Array& array() const { return get<Array>("an array"); }
    const Object& object() const { return get<Object>("an object"); }
    Array& array() { return const_cast<Array&>(std::as_const(*this).array()); }
    Object& object() { return const_cast<Object&>(std::as_const(*this).object()); }
    // An integer of magnitude below 2^53; a double cannot represent every integer beyond that.
    int64_t integer() const {
        double n = number();
        if (n != std::trunc(n) || std::abs(n) >= kTooLarge) fail(kBadInput, "expected an integer, found ", excerpt());
        return static_cast<int64_t>(n);
    }
    // An integer of at least 0: a count, or an index.
    size_t natural() const {
        const int64_t n = integer();
        if (n < 0) fail(kBadInput, "expected a whole number of at least 0, found ", n);
        return static_cast<size_t>(n);
    }

    // A pointer to the member's value, or null if there is none.
    const Json* find(std::string_view key) const {
        for (const auto& [name, value] : object())
            if (name == key) return &value;
        return nullptr;
    }
    const Json& operator[](std::string_view key) const {
        const Json* value = find(key);
        if (!value) fail(kBadInput, "the key \"", key, "\" is missing in ", excerpt());
        return *value;
    }

    // Replaces or appends the member; null becomes an object first.
    Json& set(std::string_view key, Json value) {
        if (is_null()) value_ = Object();
        for (auto& [name, old] : object())
            if (name == key) return old = std::move(value), *this;
        object().push_back({std::string(key), std::move(value)});
        return *this;
    }
    // Appends an element; null becomes an array first.
    Json& push(Json value) {
        if (is_null()) value_ = Array();
        array().push_back(std::move(value));
        return *this;
    }

    bool operator==(const Json& other) const { return value_ == other.value_; }

  private:
    friend struct JsonWriter;
    friend struct JsonParser;
    static constexpr int64_t kTooLarge = int64_t(1) << 53;  // a double holds every integer below it
    struct Number {
        double value;
        bool real = false;
        bool operator==(const Number& other) const { return value == other.value; }
    };

    template <class T>
    const T& get(const char* kind) const {
        const T* value = std::get_if<T>(&value_);
        if (!value) fail(kBadInput, "expected ", kind, ", found ", excerpt());
        return *value;
    }
    std::string excerpt() const;

    std::variant<std::monostate, bool, Number, std::string, Array, Object> value_;
};

struct JsonWriter {
    std::string out;
    int indent;

    void write(const Json& json, int depth) {
        if (json.is_null()) out += "null";
        if (json.is_boolean()) out += json.boolean() ? "true" : "false";
        if (json.is_number()) write_number(std::get<Json::Number>(json.value_));
        if (json.is_string()) write_string(json.string());
        if (json.is_array())
            write_list(
                json.array(), '[', ']', depth, [](const Json& element) -> auto& { return element; });
        if (json.is_object())
            write_list(
                json.object(), '{', '}', depth, [this](const auto& member) -> auto& {
                    write_string(member.name);
                    out += indent ? ": " : ":";
                    return member.value;
                });
    }

    void new_line(int depth) {
        if (indent) out.append(1, '\n').append(static_cast<size_t>(indent * depth), ' ');
    }

    // write_key writes the part before the value of an item (its key, if any) and returns the value.
    template <class List, class WriteKey>
    void write_list(const List& list, char open, char close, int depth, const WriteKey& write_key) {
        out += open;
        for (size_t i = 0; i < list.size(); i++) {
            if (i) out += ',';
            new_line(depth + 1);
            write(write_key(list[i]), depth + 1);
        }
        if (!list.empty()) new_line(depth);
        out += close;
    }

    void write_number(const Json::Number& number) {
        double n = number.value;
        expects(std::isfinite(n), "JSON cannot hold the number ", n);
        bool integer = n == std::trunc(n) && std::abs(n) < Json::kTooLarge && !(n == 0 && std::signbit(n));
        char digits[32];
        char* end = integer ? std::to_chars(digits, digits + 32, static_cast<int64_t>(n)).ptr
                            : std::to_chars(digits, digits + 32, n).ptr;
        out.append(digits, end);
        if (number.real && std::string_view(digits, end).find_first_of(".e") == std::string_view::npos) out += ".0";
    }

    void write_string(std::string_view text) {
        out += '"';
        for (size_t i = 0; i < text.size();) {
            char32_t c = next_code_point(text, i);
            if (c == '"' || c == '\\') {
                out += '\\';
                out += static_cast<char>(c);
            } else if (c < 0x20) {
                constexpr const char* kHex = "0123456789abcdef";
                size_t letter = std::string_view("\b\f\n\r\t").find(static_cast<char>(c));
                if (letter != std::string_view::npos)
                    out.append(1, '\\').append(1, "bfnrt"[letter]);
                else
                    out.append("\\u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
            } else {
                append_utf8(out, c == kBadByte ? 0xFFFD : c);
            }
        }
        out += '"';
    }
};

// Serialises a value. Doubles get the shortest digits that read back exactly; integers have no decimal point, except
// Json::real. indent 0: one line without spaces. Bytes that are not UTF-8, which a model may well sample, become
// U+FFFD, since JSON cannot hold them. NaN and infinity are errors.
inline std::string dump(const Json& json, int indent = 0) {
    JsonWriter writer{"", indent};
    writer.write(json, 0);
    return std::move(writer.out);
}

// A short description of the value for error messages; never fails.
inline std::string Json::excerpt() const {
    if (is_number()) return concat(number());
    if (is_array()) return concat("an array of ", array().size());
    std::string text = is_object() ? "an object with the keys" : dump(*this);
    if (is_object())
        for (const auto& [key, value] : object()) text += " \"" + key + '"';
    return text.size() <= 120 ? text : repair_utf8(text.substr(0, 120)) + "...";
}

struct JsonParser {
    std::string_view text;
    const std::string& where;
    size_t line = 1;  // the number of the text's first line
    size_t i = 0;

    static constexpr int kDeepest = 200;

    [[noreturn]] void error(size_t offset, const std::string& problem) const {
        std::string_view before = text.substr(0, offset);
        size_t lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
        std::string_view last = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
        auto continues = [](char c) { return (c & 0xC0) == 0x80; };
        size_t column = last.size() - static_cast<size_t>(std::count_if(last.begin(), last.end(), continues)) + 1;
        fail(kBadInput, where, ": line ", line + lines, " column ", column, ": ", problem);
    }

    char peek() const { return i < text.size() ? text[i] : '\0'; }
    bool accept(char c) { return i < text.size() && text[i] == c ? (i++, true) : false; }
    void skip_space() { i = std::min(text.find_first_not_of(" \t\r\n", i), text.size()); }
    std::string found() const {
        if (i >= text.size()) return "found the end";
        size_t end = i;
        return next_code_point(text, end) < 0x20 ? "found a control character"
                                                 : concat("found ", text.substr(i, end - i));
    }

    Json parse() {
        size_t bad = 0;
        if (!valid_utf8(text, &bad)) error(bad, "this byte is not UTF-8; save the file as UTF-8");
        Json json = value(0);
        skip_space();
        if (i < text.size()) error(i, "expected the end, " + found());
        return json;
    }

    Json value(int depth) {
        skip_space();
        if (depth == kDeepest && (peek() == '{' || peek() == '['))
            error(i, concat("arrays and objects are nested more than ", kDeepest, " deep"));
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return word("true", true);
            case 'f':
                return word("false", false);
            case 'n':
                return word("null", Json());
            default:
                return number();
        }
    }

    Json word(std::string_view name, Json json) {
        if (!text.substr(i).starts_with(name)) error(i, concat("expected ", name));
        i += name.size();
        return json;
    }

    Json array(int depth) {
        Json::Array elements;
        i++;
        skip_space();
        if (accept(']')) return elements;
        do {
            elements.push_back(value(depth + 1));
            skip_space();
        } while (accept(','));
        if (!accept(']')) error(i, "expected , or ] in an array, " + found());
        return elements;
    }

    Json object(int depth) {
        Json::Object members;
        std::vector<size_t> starts;  // the offset of each key, for the error about duplicates
        i++;
        skip_space();
        if (accept('}')) return members;
        do {
            skip_space();
            if (peek() != '"') error(i, "expected a key in double quotes, " + found());
            starts.push_back(i);
            std::string key = string();
            skip_space();
            if (!accept(':')) error(i, "expected : after a key, " + found());
            Json member = value(depth + 1);
            members.push_back({std::move(key), std::move(member)});
            skip_space();
        } while (accept(','));
        if (!accept('}')) error(i, "expected , or } in an object, " + found());
        std::vector<size_t> order(members.size());
        for (size_t k = 0; k < order.size(); k++) order[k] = k;
        std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
            int c = members[a].name.compare(members[b].name);
            return c < 0 || (c == 0 && a < b);
        });
        for (size_t k = 1; k < order.size(); k++)
            if (members[order[k]].name == members[order[k - 1]].name)
                error(starts[order[k]], concat("the key \"", members[order[k]].name, "\" occurs twice"));
        return members;
    }

    bool digits() {
        size_t start = i;
        while (peek() >= '0' && peek() <= '9') i++;
        return i > start;
    }

    // -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    Json number() {
        size_t start = i;
        accept('-');
        bool leading_zero = peek() == '0';
        size_t first = i;
        if (!digits()) {
            i = start;
            error(i, "expected a value, " + found());
        }
        if (leading_zero && i > first + 1) error(start, "a number starts with a needless 0");
        bool real = accept('.');
        if (real && !digits()) error(i, "expected a digit after the decimal point, " + found());
        if (accept('e') || accept('E')) {
            real = true;
            if (!accept('+')) accept('-');
            if (!digits()) error(i, "expected a digit in the exponent, " + found());
        }
        double n = 0;
        if (parse_number(text.substr(start, i - start), n) != std::errc())
            error(start, "the number does not fit a double");
        Json json = Json::real(n);
        std::get<Json::Number>(json.value_).real = real;
        return json;
    }

    std::string string() {
        size_t start = i++;
        std::string out;
        while (!accept('"')) {
            if (i >= text.size()) error(start, "the string is not closed");
            if (static_cast<unsigned char>(text[i]) < 0x20) error(i, "a control character in a string must be escaped");
            if (accept('\\'))
                append_utf8(out, escape());
            else
                out += text[i++];
        }
        return out;
    }

    char32_t escape() {
        size_t start = i - 1;
        size_t letter = std::string_view("\"\\/bfnrt").find(peek());
        if (i < text.size() && letter != std::string_view::npos) return i++, "\"\\/\b\f\n\r\t"[letter];
        if (!accept('u')) error(start, "unknown escape in a string");
        char32_t c = hex4(start);
        if (c < 0xD800 || c > 0xDFFF) return c;
        // A code point above U+FFFF is written as two surrogates.
        if (c > 0xDBFF || !accept('\\') || !accept('u')) error(start, "half of a surrogate pair");
        char32_t low = hex4(start);
        if (low < 0xDC00 || low > 0xDFFF) error(start, "half of a surrogate pair");
        return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }

    char32_t hex4(size_t start) {
        unsigned c = 0;
        const char* end = text.data() + std::min(i + 4, text.size());
        auto result = std::from_chars(text.data() + i, end, c, 16);
        if (result.ec != std::errc() || result.ptr != text.data() + i + 4) error(start, "\\u needs four hex digits");
        i += 4;
        return c;
    }
};

// Parses a JSON text. `where`, usually the path, opens the error messages: "where: line 3 column 14: ..."; columns
// count characters. Rejects everything that RFC 8259 rejects, and also duplicate keys, nesting deeper than 200,
// unpaired surrogates, and numbers outside the range of double.
inline Json parse_json(std::string_view text, const std::string& where) {
    return JsonParser{without_bom(text), where}.parse();
}

inline Json read_json(const std::filesystem::path& path) { return parse_json(read_file(path), path.string()); }

// Parses one value per line, skipping empty lines, and calls visit(value) for each; an error of it begins with the path
// and the line. If the first character is [, the text is one JSON array instead (as in some datasets, whatever their
// extension), and its elements are visited.
template <class Visit>
void each_of_jsonl(std::string_view text, const std::string& where, Visit visit) {
    text = without_bom(text);
    size_t number = 0;
    const auto visit_at = [&](const char* place, Json value) {
        located(concat(where, ": ", place, " ", number), [&] { visit(std::move(value)); });
    };
    if (trim(text).starts_with('[')) {
        Json whole = parse_json(text, where);
        for (Json& value : whole.array()) number++, visit_at("element", std::move(value));
        return;
    }
    for (const std::string& line : split_lines(text)) {
        number++;
        if (!trim(line).empty()) visit_at("line", JsonParser{line, where, number}.parse());
    }
}
template <class Visit>
void each_of_jsonl(const std::filesystem::path& path, Visit visit) {
    each_of_jsonl(read_file(path), path.string(), visit);
}

inline std::vector<Json> parse_jsonl(std::string_view text, const std::string& where) {
    std::vector<Json> values;
    each_of_jsonl(text, where, [&](Json value) { values.push_back(std::move(value)); });
    return values;
}

inline std::vector<Json> read_jsonl(const std::filesystem::path& path) {
    return parse_jsonl(read_file(path), path.string());
}

inline std::string dump_jsonl(const std::vector<Json>& values) {
    std::string text;
    for (const Json& value : values) text += dump(value) + '\n';
    return text;
}

}  // namespace cai
