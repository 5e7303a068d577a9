// Gather: rows of the data in epoch order, cast on the way.
#include "core/math/scalar.h"
#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256;

// The data may lie at any address: unaligned numbers are read byte by byte.
template <class From>
FF_DEV From read_number(const char* p) {
  if (reinterpret_cast<uintptr_t>(p) % sizeof(From) == 0) {
    return *reinterpret_cast<const From*>(p);
  }
  From value;
  memcpy(&value, p, sizeof value);
  return value;
}

template <class From, class To>
FF_KERNEL gather_kernel(const BoundOp* op, const StepState* state) {
  if (is_over(*state)) return;
  const StepState& s = *state;
  const BoundRef &in = op->in[0], &out = op->out[0];
  const int64_t cols = cols_of(out, s), total = rows_of(out, s) * cols, input = op->i[0];
  const char* data = input > 0 ? static_cast<const char*>(s.inputs[input - 1]) : in.data;
  for (int64_t i = grid_thread(); i < total; i += grid_threads()) {
    const int64_t r = i / cols, c = i % cols;
    const int64_t from = s.order ? s.order[s.offset + r] : s.offset + r;
    const char* p = data + (from * in.row_stride + c) * static_cast<int64_t>(sizeof(From));
    *at<To>(out, r, c) = math::converted_to<To>(read_number<From>(p));
  }
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
    case DType::f32:
      return launch_gather<float, To>;
    case DType::f64:
      return launch_gather<double, To>;
    case DType::i32:
      return launch_gather<int32_t, To>;
    case DType::i64:
      return launch_gather<int64_t, To>;
    case DType::b8:
      return launch_gather<uint8_t, To>;
    case DType::i8:
      return launch_gather<int8_t, To>;
    case DType::u8:
      return launch_gather<math::Byte, To>;
    case DType::i16:
      return launch_gather<int16_t, To>;
    case DType::u16:
      return launch_gather<uint16_t, To>;
    case DType::u32:
      return launch_gather<uint32_t, To>;
    case DType::u64:
      return launch_gather<uint64_t, To>;
    case DType::f16:
      return launch_gather<math::Half, To>;
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
