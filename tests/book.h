// What a chapter of the book prints, for the tests of the numbers that it works out by hand.
#pragma once
#include <filesystem>
#include <string>

#include "../core/base/files.h"
#include "../core/base/format.h"
#include "../core/base/text.h"
#include "support.h"

namespace cai {

// A chapter of notebooks_md/, named by its file; a line end and the indentation after it are one space.
struct Chapter {
    std::string name, text;

    explicit Chapter(const std::string& file) : name(file) {
        for (const std::string& line : split_lines(read_file(kSourceFolder / "notebooks_md" / file)))
            text += concat(trim(line), " ");
    }

    // Does the chapter print these words?
    bool prints(const std::string& words) const {
        if (contains(text, words)) return true;
        MESSAGE(name << " does not print: " << words);
        return false;
    }
};

// A number with so many decimals, as a chapter prints it; zero has no sign.
inline std::string fixed(double number, int decimals = 3) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, number);
    if (std::string(text).find_first_not_of("-0.") == std::string::npos && text[0] == '-') return text + 1;
    return text;
}

}  // namespace cai
