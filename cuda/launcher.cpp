#include "cuda/call.h"

namespace feedfwd::gpu {

Launcher find_launcher(const BoundOp& op) {
  if (op.op == Op::Update) return is_float(op.out[0].dtype) ? launch_update : nullptr;
  if (is_rect(op.op)) return has_element(op) ? launch_elementwise : nullptr;
  if (const Launcher step = find_step(op)) return step;
  switch (op.op) {
    case Op::Matmul:
      return find_matmul(op);
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::SumSquares:
    case Op::ArgMax:
      return find_reduction(op);
    case Op::Softmax:
    case Op::LogSoftmax:
    case Op::Xent:
    case Op::XentGrad:
    case Op::OneHot:
      return find_row_op(op);
    case Op::Gather:
      return find_gather(op);
    default:
      return find_form(op);
  }
}

int64_t scratch_bytes(const BoundOp& op, int64_t capacity) {
  switch (op.op) {
    case Op::Matmul:
      return matmul_scratch(op, capacity);
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::SumSquares:
      return reduction_scratch(op, capacity);
    default:
      return 0;
  }
}

}  // namespace feedfwd::gpu
