// The loop of a contender in make bench-peers: it reads requests on stdin, a line each, and answers each with a line on
// stdout.
//   version                  a line about the program and its library
//   matmul PRODUCT N I O     the seconds of a call; PRODUCT is forward, backward_input or backward_weight
//   (core/nn/kernels.h)
// A program that sleeps between requests leaves the processor to the other one.
#pragma once
#include <functional>
#include <iostream>
#include <sstream>
#include <string>

#include "../../core/tools/timing.h"

namespace cai {

// The time of one call of a kernel: enough of them for a tenth of a second.
inline double seconds_of(const std::function<void()>& work) { return measure(0.1, work).seconds; }

inline int answer_requests(const std::function<std::string(const std::string& verb, std::istream& words)>& answer) {
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        std::cout << answer(verb, words) << std::endl;
    }
    return 0;
}

}  // namespace cai
