// Instructions that treat each row by itself, a run of them in one kernel: a block takes some rows
// of the batch through all of them, so that a narrow network's forward pass, loss and backward pass
// are one launch, and what one instruction leaves is in the block's caches for the next.
#include "cuda/call.h"
#include "cuda/gather.h"
#include "cuda/gemm_table.h"
#include "cuda/launch.h"
#include "cuda/rows.h"

namespace feedfwd::gpu {

namespace {

// Few rows a block, so that a small batch keeps many processors busy.
using Low = Shape2<16, 64, 1, 4, 16>;

template <class T, class S>
FF_DEV void matmul_rows(const BoundOp* ops, int quick, const StepState& state, const Span& span) {
  if (ops->i[2] != 0) return lanes_rows<T>(ops, quick, state, span);
  const Product<T> p = product_of<T>(*ops, state);
  const int64_t chunks = chunks_of(p.k);
  for (int64_t col = 0; col < p.n; col += S::cols) {
    const Task<T> task{ops, quick, nullptr, &state, span.begin, col, 0, chunks};
    if (ops->i[1] != 0) {
      make_tile<T, S, false, true>(p, task, chunks);
    } else {
      make_tile<T, S, false, false>(p, task, chunks);
    }
  }
}

template <class T>
FF_DEV void reduce_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const Job job{op.in[0], op.out[0], false};
  switch (op.op) {
    case Op::ReduceMax:
      return extreme_rows<true, T>(job, state, span);
    case Op::ReduceMin:
      return extreme_rows<false, T>(job, state, span);
    case Op::ArgMax:
      return argmax_rows<T>(job, state, span);
    default:
      return sum_rows<T>(job, state, span);
  }
}

FF_DEV void gather_rows(const BoundOp& op, const StepState& state, const Span& span) {
  const auto cols = static_cast<uint32_t>(op.out[0].cols_n);
  const uint32_t total = static_cast<uint32_t>(span.end - span.begin) * cols;
  for (uint32_t i = threadIdx.x; i < total; i += blockDim.x)
    gather_common(op, state, span.begin + i / cols, i % cols);
}

// A chain of elementwise ops on the span's rows, which may lie one after the other or in a line.
FF_DEV void chain_rows(const BoundOp* ops, int count, const StepState& state, const Span& span) {
  const BoundRef& out = ops->out[0];
  const uint32_t cols = out.rows_batch ? static_cast<uint32_t>(out.cols_n) : 1;
  const uint32_t total = static_cast<uint32_t>(span.end - span.begin) * cols;
  for (uint32_t i = threadIdx.x; i < total; i += blockDim.x) {
    const int64_t row = span.begin + i / cols;
    run_chain(ops, count, state, out.rows_batch ? row : 0, out.rows_batch ? i % cols : row);
  }
}

// A head that is no elementwise op, with the followers it makes itself. How many ops it has made.
template <class T, class S>
FF_DEV int make_head(const BoundOp* ops, const StepState& state, const Span& span) {
  switch (ops->op) {
    case Op::Gather:
      gather_rows(*ops, state, span);
      return 1;
    case Op::Matmul: {
      const int quick = quick_followers(ops, ops->fused);
      matmul_rows<T, S>(ops, quick, state, span);
      return 1 + quick;
    }
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::ArgMax:
      reduce_rows<T>(*ops, state, span);
      return 1;
    default:
      if (!is_row_op(ops->op)) return 0;
      row_op<T>(*ops, state, span);
      return 1;
  }
}

template <class T, class S>
FF_KERNEL __launch_bounds__(S::threads, S::resident)
    narrow_kernel(const BoundOp* ops, int count, const StepState* state) {
  if (is_over(*state)) return;
  const StepState& s = *state;
  const int64_t first = int64_t{blockIdx.x} * S::rows;
  if (first >= s.rows) return;
  const Span span = of_block(first, first + S::rows < s.rows ? first + S::rows : s.rows);
  for (int n = 0; n < count; n += 1 + ops[n].fused) {
    const int made = make_head<T, S>(ops + n, s, span), left = 1 + ops[n].fused - made;
    if (made > 0) __syncthreads();
    if (left == 0) continue;
    chain_rows(ops + n + made, left, s, span);
    __syncthreads();
  }
}

template <class T, class S>
void launch_with(const Call& call) {
  using Straight = Tile<T, S, false, false>;
  using Turned = Tile<T, S, false, true>;
  constexpr size_t shared =
      Straight::shared_bytes > Turned::shared_bytes ? Straight::shared_bytes : Turned::shared_bytes;
  const int64_t blocks = (call.capacity + S::rows - 1) / S::rows;
  launch(narrow_kernel<T, S>, static_cast<unsigned>(blocks), S::threads, shared, call.stream,
         call.device, call.count, call.state);
}

void launch_single(const Call& call) {
  if (call.capacity < int64_t{4} * Middle::rows * call.machine->processors) {
    launch_with<float, Low>(call);
  } else {
    launch_with<float, Middle>(call);
  }
}

}  // namespace

void launch_narrow(const Call& call) {
  for (int n = 0; n < call.count; ++n) {
    const BoundOp& op = call.host[n];
    if (op.op != Op::Gather && !is_rect(op.op))
      return op.in[0].dtype == DType::f64 ? launch_with<double, Low>(call) : launch_single(call);
  }
  launch_single(call);
}

}  // namespace feedfwd::gpu
