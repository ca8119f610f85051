// A subcommand of cai, and the options that several of them share.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "../base/arguments.h"

namespace cai {

struct Verb {
    std::string name, does, example;
    std::vector<Option> options;  // its own, besides kShared and those of the recipe
    // Runs it and returns the exit status. program: the path cai was started by.
    std::function<int(Arguments& arguments, const std::filesystem::path& program)> run;
    bool has_recipe = true;
};

inline const Option kThreads = {"threads", "N",
                                "OMP_NUM_THREADS, or the processors that affinity and container grant; results do not "
                                "depend on it"},
                    kDevice = {"device", "NAME",
                               "cpu, plain (loops to be read and stepped through, slow) or cuda (cpu)"},
                    kPrecision = {"precision", "NAME",
                                  "of matmul with --device cuda: fp32, or bf16 on tensor cores (fp32)"},
                    kQuiet = {"quiet", "", "no progress and no notes on stderr"},
                    kJson = {"json", "", "the figures as JSON instead of tables"},
                    kPrompt = {"prompt", "TEXT", "what the user asks"},
                    kTokenizer = {"tokenizer", "FILE", "of a llama2.c file that it does not lie beside"};
inline const std::vector<Option> kShared = {
    {"size", "SIZE", "micro (tries the plumbing: its models babble), tiny (the default), small or base"},
    {"seed", "N", "draws the world, the weights and every sample (1)"},
    {"config", "FILE", "lines of key = value (the run's config.cfg)"},
    {"data", "DIR", "the folder of world/ and constitution.txt (data)"},
    kThreads,
    kDevice,
    kPrecision,
    kQuiet,
};

}  // namespace cai
