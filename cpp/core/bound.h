// An instruction with plain arrays only: what both backends' kernels read, in sources that may use
// no standard-library templates and on devices that have none.
#pragma once

#include "core/backend.h"

namespace feedfwd {

// A Ref whose extents are rows_n (times the batch's rows where rows_batch is set) x cols_n.
struct BoundRef {
  char* data;
  int64_t rows_n, cols_n;
  int64_t row_stride, col_stride;
  bool rows_batch, cols_batch;
  DType dtype;
};

struct BoundOp {
  Op op;
  FunctionId fn;
  DType dtype;
  int inputs, outputs;
  int fused;  // Instr::fused
  const BoundRef* in;
  const BoundRef* out;
  int64_t i[kMaxRank];
  double f[2];
  int rank;  // of attrs.shape
  bool shape_batch;
  int64_t dims[kMaxRank];
};

struct Rect {
  int64_t row0, row1, col0, col1;
};

// `refs`: room for all operands, which the result points to.
BoundOp bound(const Instr& instr, BoundRef* refs);
// Whether it makes any rectangle of its result by itself.
inline bool is_rect(Op op) { return is_elementwise(op) || op == Op::Copy || op == Op::Update; }
// One number from all elements, which takes two passes (numerics, rule 2).
bool is_full_reduction(const Instr& instr);
[[noreturn]] void throw_no_kernel(const Instr& instr);

}  // namespace feedfwd
