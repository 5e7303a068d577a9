// Softmax, cross-entropy, one-hot: each row by itself.
#include "cuda/rows.h"

#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

template <class T>
FF_KERNEL row_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  row_op<T>(*op, *state, of_grid(rows_of(op->in[0], *state)));
}

// Labels outside 0 .. depth - 1 give a row of zeros.
template <class L, class T>
FF_KERNEL one_hot_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const BoundRef& out = op->out[0];
  const Line<const L> label(op->in[0], *state);
  const int64_t depth = cols_of(out, *state), total = rows_of(out, *state) * depth;
  for (int64_t i = grid_thread(); i < total; i += grid_threads()) {
    const int64_t r = i / depth, c = i % depth;
    *at<T>(out, r, c) = label[r] == c ? T(1) : T(0);
  }
}

using Kernel = void (*)(const BoundOp*, const StepState*);

template <Kernel kernel>
void launch_rows(const Call& call) {
  const int64_t rows = most_rows(call.host->in[0], call.capacity);
  if (rows == 0 || most_cols(call.host->in[0], call.capacity) == 0) return;
  launch(kernel, blocks_for(rows * kLanes, kRowThreads), kRowThreads, 0, call.stream, call.device,
         call.state);
}

template <Kernel kernel>
void launch_elements(const Call& call) {
  const BoundRef& out = call.host->out[0];
  const int64_t work = most_rows(out, call.capacity) * most_cols(out, call.capacity);
  if (work == 0) return;
  launch(kernel, blocks_for(work, kRowThreads), kRowThreads, 0, call.stream, call.device,
         call.state);
}

template <class L>
Launcher find_one_hot(DType out) {
  switch (out) {
    case DType::f32:
      return launch_elements<one_hot_kernel<L, float>>;
    case DType::f64:
      return launch_elements<one_hot_kernel<L, double>>;
    case DType::i32:
      return launch_elements<one_hot_kernel<L, int32_t>>;
    case DType::i64:
      return launch_elements<one_hot_kernel<L, int64_t>>;
    case DType::b8:
      return launch_elements<one_hot_kernel<L, uint8_t>>;
    default:
      return nullptr;
  }
}

}  // namespace

Launcher find_row_op(const BoundOp& op) {
  if (op.op == Op::OneHot) {
    return op.in[0].dtype == DType::i64 ? find_one_hot<int64_t>(op.out[0].dtype)
                                        : find_one_hot<int32_t>(op.out[0].dtype);
  }
  if (!is_row_op(op.op)) return nullptr;
  if (op.in[0].dtype == DType::f32) return launch_rows<row_kernel<float>>;
  if (op.in[0].dtype == DType::f64) return launch_rows<row_kernel<double>>;
  return nullptr;
}

}  // namespace feedfwd::gpu
