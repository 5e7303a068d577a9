// What every launcher takes, and which launcher an instruction gets.
#pragma once

#include "core/bound.h"
#include "cuda/runtime.h"

namespace feedfwd::gpu {

// Launches an instruction, with the elementwise ones fused to it, or (updates) several that have
// nothing to do with one another.
struct Call {
  const BoundOp* host;    // `count` of them, operands with device addresses
  const BoundOp* device;  // the same in device memory
  int count;
  StepState* state;  // in device memory
  int64_t capacity;  // most rows of a step
  char* scratch;     // scratch_bytes() of it
  cudaStream_t stream;
  const Machine* machine;
};
using Launcher = void (*)(const Call& call);

// Null where there is no kernel.
Launcher find_launcher(const BoundOp& op);
Launcher find_matmul(const BoundOp& op);
Launcher find_reduction(const BoundOp& op);
Launcher find_row_op(const BoundOp& op);
Launcher find_gather(const BoundOp& op);
Launcher find_form(const BoundOp& op);
Launcher find_step(const BoundOp& op);
void launch_elementwise(const Call& call);
void launch_update(const Call& call);
bool has_element(const BoundOp& op);  // whether launch_elementwise and run_chain know it

// Bytes of scratch a launch needs.
int64_t scratch_bytes(const BoundOp& op, int64_t capacity);
int64_t matmul_scratch(const BoundOp& op, int64_t capacity);
int64_t reduction_scratch(const BoundOp& op, int64_t capacity);

// Most rows and columns that an operand has.
inline int64_t most_rows(const BoundRef& r, int64_t capacity) {
  return r.rows_batch ? r.rows_n * capacity : r.rows_n;
}
inline int64_t most_cols(const BoundRef& r, int64_t capacity) {
  return r.cols_batch ? r.cols_n * capacity : r.cols_n;
}

}  // namespace feedfwd::gpu
