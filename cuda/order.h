// In which order a program's instructions are launched, and which of them share a launch: what a
// small network's step costs is its launches one after the other.
#pragma once

#include <vector>

#include "core/backend.h"

namespace feedfwd::gpu {

enum class Kind : uint8_t {
  numbers,  // single numbers: one thread makes any row of such units
  rows,     // each row of a narrow batch by itself: a block takes its rows through any such units
  any,
  update,
};

// A head with the elementwise instructions fused to it, or one update.
struct Unit {
  const Instr* first;
  int count;
  Kind kind;
};

// Units of one kind. Those of `numbers` and `rows` follow one another, those of `any` and `update`
// have nothing to do with one another.
struct Stage {
  Kind kind;
  std::vector<Unit> units;
};

// They point into the program.
std::vector<Unit> units_of(const std::vector<Instr>& program);
// Two units that conflict stay in their order.
std::vector<Stage> staged(const std::vector<Unit>& units, int64_t capacity);
// A stage for each unit, as the program lists them.
std::vector<Stage> as_listed(const std::vector<Unit>& units);

}  // namespace feedfwd::gpu
