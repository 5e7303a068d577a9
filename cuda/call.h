// What every launcher takes, and which launcher an instruction gets.
#pragma once

#include "core/bound.h"
#include "cuda/runtime.h"

namespace feedfwd::gpu {

// What one of a wave's products or sums has of the wave's launch.
struct Share {
  int op;         // the launch's
  int followers;  // made with it
  unsigned first_block, blocks;
  int64_t tiles;          // blocks of one chunk
  int64_t scratch;        // where its chunks stay apart: bytes from the start, or -1
  int64_t scratch_bytes;  // 0 where there is one chunk
};

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
  const Share* shares;  // of launch_wave
  const Share* device_shares;
  int share_count;
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
// Several instructions: what order.h calls numbers, rows, and those of a wave.
void launch_numbers(const Call& call);
void launch_narrow(const Call& call);
void launch_wave(const Call& call);
// Whether ops[0], with the quick ones of the `count` that follow, can be a wave's share; fills all
// but its places.
bool find_share(const BoundOp* ops, int count, int64_t capacity, const Machine& machine,
                Share& share);
bool has_element(const BoundOp& op);  // whether launch_elementwise and run_chain know it

// Whether launch_narrow gathers that: the same type, or a float of the other width.
inline bool is_common_gather(DType from, DType to) {
  return from == to || (is_float(from) && is_float(to));
}

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
