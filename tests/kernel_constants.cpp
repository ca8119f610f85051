// The lists of constants.h with the flags of the kernels, for test_compiler.cpp.
#include "constants.h"

std::string kernel_constants() { return all_constants(); }
