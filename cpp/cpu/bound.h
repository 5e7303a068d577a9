// The contract between the backend and the kernels of an instruction set.
#pragma once

#include "core/bound.h"

namespace feedfwd {

// Rows, or columns in groups of 16, so that no two parts share a cache line. One part needs no
// division, which is much beside a small instruction. Always inlined, as all that several
// instruction sets' sources include must be.
[[gnu::always_inline]] inline Rect share_rows(int64_t rows, int64_t cols, int part, int parts) {
  if (parts == 1) return {0, rows, 0, cols};
  return {rows * part / parts, rows * (part + 1) / parts, 0, cols};
}
[[gnu::always_inline]] inline Rect share_columns(int64_t rows, int64_t cols, int part, int parts) {
  if (parts == 1) return {0, rows, 0, cols};
  const int64_t groups = (cols + 15) / 16;
  const int64_t col0 = groups * part / parts * 16, col1 = groups * (part + 1) / parts * 16;
  return {0, rows, col0 < cols ? col0 : cols, col1 < cols ? col1 : cols};
}
// The share of a part: rows if there are enough of them, else columns.
[[gnu::always_inline]] inline Rect share(int64_t rows, int64_t cols, int part, int parts) {
  if (rows < parts) return share_columns(rows, cols, part, parts);
  return share_rows(rows, cols, part, parts);
}

// How the parts share an instruction's result: as its kernel likes, or as all other instructions
// that say the same, rows or columns, so that a part finds what it needs where it has left it.
enum class Split : uint8_t { free, rows, columns };

// One part's share of an instruction. `after`, where it is not null, is called for every rectangle
// of the result as soon as that rectangle is final (the instructions fused to this one).
struct KernelCall {
  const BoundOp* op;
  const StepState* state;
  int part, parts;
  Split split;
  void* scratch;
  void (*after)(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);
  void* context;
};

// Elementwise kernels make any rectangle of their result; all others make their part of the whole.
using RectKernel = void (*)(const BoundOp& op, const StepState& state, Rect rect);
using Kernel = void (*)(const KernelCall& call);

// What an instruction set offers. Lookups give null where there is no such kernel.
struct Kernels {
  const char* name;
  RectKernel (*rect)(const BoundOp& op);
  Kernel (*whole)(const BoundOp& op);
  // Bytes of scratch one part needs for the op with `rows` batch rows.
  int64_t (*scratch_bytes)(const BoundOp& op, int64_t rows, int parts);
  // Nothing but fma on registers, that often; gives the operations done (cpu/roof.h).
  int64_t (*burn_f32)(int64_t steps, double* sum);
  int64_t (*burn_f64)(int64_t steps, double* sum);
};

}  // namespace feedfwd
