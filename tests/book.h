// What a chapter of the book prints, for the tests of the numbers that it works out by hand.
#pragma once
#include <filesystem>
#include <string>

#include "../core/base/files.h"
#include "../core/base/format.h"
#include "support.h"

namespace cai {

// A chapter of notebooks_md/, named by its file.
struct Chapter {
    std::string name, text;

    explicit Chapter(const std::string& file)
        : name(file), text(read_file(kSourceFolder / "notebooks_md" / file)) {}

    // Does the chapter print these words, on one line?
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
