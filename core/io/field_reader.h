// Binary files, read field by field as the machine's own little-endian numbers.
#pragma once
#include <cstring>
#include <string>
#include <string_view>

#include "../base/error.h"

namespace cai {

// Reads the numbers of a file one after the other. Errors: the file ends before.
struct FieldReader {
    std::string_view bytes;
    std::string where;
    size_t offset = 0;

    std::string_view take(size_t count) {
        expects(count <= bytes.size() - offset, where, ": truncated: a field of ", count, " bytes begins at byte ",
                offset, " of ", bytes.size(), "; copy or fetch the file again");
        offset += count;
        return bytes.substr(offset - count, count);
    }
    template <class Number>
    Number number() {
        Number value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
};

}  // namespace cai
