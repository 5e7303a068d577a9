// Elementwise ops by themselves, with what is fused to them.
#include "cuda/elementwise.h"

#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256;

// Index: 32 bits where that is enough, since dividing 64 costs several times as much.
template <class Index>
FF_DEV void chain_over(const BoundOp* ops, int count, const StepState& s, Index total, Index cols) {
  for (int64_t i = grid_thread(); i < total; i += grid_threads()) {
    const Index at = static_cast<Index>(i);
    run_chain(ops, count, s, at / cols, at % cols);
  }
}

FF_KERNEL chain_kernel(const BoundOp* ops, int count, const StepState* state) {
  if (is_over(*state)) return;
  const StepState& s = *state;
  const int64_t rows = rows_of(ops->out[0], s), cols = cols_of(ops->out[0], s);
  const int64_t total = rows * cols;
  if (total < (int64_t{1} << 31)) {
    chain_over<uint32_t>(ops, count, s, static_cast<uint32_t>(total), static_cast<uint32_t>(cols));
  } else {
    chain_over<int64_t>(ops, count, s, total, cols);
  }
}

}  // namespace

bool has_element(const BoundOp& op) {
  const DType in = op.inputs > 0 ? op.in[0].dtype : op.out[0].dtype;
  switch (op.op) {
    case Op::Map:
      return is_float(in) || takes_integers(op.fn);
    case Op::MapGrad:
    case Op::Divide:
      return is_float(in);
    case Op::Dropout:
      return is_float(op.out[0].dtype);
    default:
      return (is_elementwise(op.op) || op.op == Op::Copy) && is_compute(in);
  }
}

void launch_elementwise(const Call& call) {
  const BoundRef& out = call.host->out[0];
  const int64_t work = most_rows(out, call.capacity) * most_cols(out, call.capacity);
  if (work == 0) return;
  launch(chain_kernel, blocks_for(work, kBlock), kBlock, 0, call.stream, call.device, call.count,
         call.state);
}

}  // namespace feedfwd::gpu
