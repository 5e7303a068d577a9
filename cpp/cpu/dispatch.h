// Which instruction set's kernels this process runs.
#pragma once

#include <string>
#include <vector>

#include "cpu/bound.h"

namespace feedfwd {

// Those built in that this CPU and operating system can run, the best last.
std::vector<const Kernels*> available_kernels();
std::vector<std::string> available_isas();
// The best one, or the one FEEDFWD_ISA names; throws std::invalid_argument where that is unknown or
// unavailable. Chosen at the first call.
const Kernels& active_kernels();
const char* active_isa();

}  // namespace feedfwd
