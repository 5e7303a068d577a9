// What begins and ends a step: its rows, its loss, numbers that the whole step shares.
#include "core/step.h"

#include "cuda/call.h"
#include "cuda/elementwise.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

FF_DEV void make_number(const BoundOp& op, StepState& state) {
  switch (op.op) {
    case Op::Record:
      return math::record_loss(op, state);
    case Op::Rows:
      return math::count_rows(op, state);
    case Op::ClipFactor:
      return math::clip_factor(op);
    default:
      return element(op, state, 0, 0);
  }
}

// One thread: each may need what the one before it made.
FF_KERNEL numbers_kernel(const BoundOp* ops, int count, StepState* state) {
  for (int n = 0; n < count; ++n) {
    if (ops[n].op == Op::Begin) {
      math::begin_step(ops[n], *state);
    } else if (!is_over(*state)) {
      make_number(ops[n], *state);
    }
  }
}

}  // namespace

Launcher find_step(const BoundOp& op) {
  const bool known =
      op.op == Op::Begin || op.op == Op::Record || op.op == Op::Rows || op.op == Op::ClipFactor;
  return known ? launch_numbers : nullptr;
}

void launch_numbers(const Call& call) {
  launch(numbers_kernel, 1, 1, 0, call.stream, call.device, call.count, call.state);
}

}  // namespace feedfwd::gpu
