// A file of three lines is a constitution of two.
#pragma once
#include "../../core/method/constitution.h"
#include "check.h"

namespace cai {

inline Symptom constitution_line_dropped(const std::filesystem::path& story) {
    const std::vector<std::string> lines = {"Stealing is forbidden.", "Lying is forbidden.", "Burning is forbidden."};
    write_file(story / "three.txt", lines[0] + "\n" + lines[1] + "\n" + lines[2] + "\n");
    const size_t read = Constitution::read(story / "three.txt").principles.size();
    return {read < lines.size(), concat(lines.size(), " lines in the file, ", read, " principles")};
}

}  // namespace cai
