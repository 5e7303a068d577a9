// What begins and ends a step: its rows, its loss, numbers that the whole step shares.
#include "core/step.h"

#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

FF_KERNEL step_kernel(const BoundOp* op, StepState* state) {
  if (op->op == Op::Begin) return math::begin_step(*op, *state);
  if (is_over(*state)) return;
  switch (op->op) {
    case Op::Record:
      return math::record_loss(*op, *state);
    case Op::Rows:
      return math::count_rows(*op, *state);
    default:
      return math::clip_factor(*op);
  }
}

void launch_step(const Call& call) {
  launch(step_kernel, 1, 1, 0, call.stream, call.device, call.state);
}

}  // namespace

Launcher find_step(const BoundOp& op) {
  const bool known =
      op.op == Op::Begin || op.op == Op::Record || op.op == Op::Rows || op.op == Op::ClipFactor;
  return known ? launch_step : nullptr;
}

}  // namespace feedfwd::gpu
