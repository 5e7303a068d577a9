// Gather: rows of the data in epoch order, cast on the way.
#include "cuda/gather.h"

#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256;

#define FF_GATHERED_TYPES(X) \
  X(f32, float)              \
  X(f64, double)             \
  X(i32, int32_t)            \
  X(i64, int64_t)            \
  X(b8, uint8_t)             \
  X(i8, int8_t)              \
  X(u8, math::Byte)          \
  X(i16, int16_t) X(u16, uint16_t) X(u32, uint32_t) X(u64, uint64_t) X(f16, math::Half)

template <class From, class To>
FF_KERNEL gather_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const StepState& s = *state;
  const int64_t cols = cols_of(op->out[0], s), total = rows_of(op->out[0], s) * cols;
  for (int64_t i = grid_thread(); i < total; i += grid_threads())
    gather_element<From, To>(*op, s, i / cols, i % cols);
}

template <class From, class To>
void launch_gather(const Call& call) {
  const BoundRef& out = call.host->out[0];
  const int64_t work = most_rows(out, call.capacity) * most_cols(out, call.capacity);
  if (work == 0) return;
  launch(gather_kernel<From, To>, blocks_for(work, kBlock), kBlock, 0, call.stream, call.device,
         call.state);
}

template <class To>
Launcher find_from(DType from) {
  switch (from) {
#define FF_CASE(id, From) \
  case DType::id:         \
    return launch_gather<From, To>;
    FF_GATHERED_TYPES(FF_CASE)
#undef FF_CASE
  }
  return nullptr;
}

}  // namespace

Launcher find_gather(const BoundOp& op) {
  switch (op.out[0].dtype) {
    case DType::f32:
      return find_from<float>(op.in[0].dtype);
    case DType::f64:
      return find_from<double>(op.in[0].dtype);
    case DType::i32:
      return find_from<int32_t>(op.in[0].dtype);
    case DType::i64:
      return find_from<int64_t>(op.in[0].dtype);
    case DType::b8:
      return find_from<uint8_t>(op.in[0].dtype);
    default:
      return nullptr;
  }
}

}  // namespace feedfwd::gpu
