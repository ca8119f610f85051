// The file of fingerprints that `cai verify` compares a run with.
#include "fuzz.h"

#include "../../core/tools/verify.h"

void cai::read_input(const std::string& input) {
    for (const auto& [file, hash] : committed_fingerprints(file_of(input), "tiny", 1))
        must(!file.empty() && !hash.empty(), "a fingerprint without a file");
}
