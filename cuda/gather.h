// Gather: an element of the data in epoch order, cast on the way.
#pragma once

#include "core/math/scalar.h"
#include "cuda/device.h"

namespace feedfwd::gpu {

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
FF_DEV void gather_element(const BoundOp& op, const StepState& s, int64_t r, int64_t c) {
  const BoundRef& in = op.in[0];
  const int64_t input = op.i[0];
  const char* data = input > 0 ? static_cast<const char*>(s.inputs[input - 1]) : in.data;
  const int64_t from = s.order ? s.order[s.offset + r] : s.offset + r;
  const char* p = data + (from * in.row_stride + c) * static_cast<int64_t>(sizeof(From));
  *at<To>(op.out[0], r, c) = math::converted_to<To>(read_number<From>(p));
}

// Types that is_common_gather lets pass.
FF_DEV void gather_common(const BoundOp& op, const StepState& s, int64_t r, int64_t c) {
  const DType from = op.in[0].dtype, to = op.out[0].dtype;
  if (from != to) {
    if (to == DType::f32) return gather_element<double, float>(op, s, r, c);
    return gather_element<float, double>(op, s, r, c);
  }
  switch (from) {
    case DType::f64:
    case DType::i64:
      return gather_element<uint64_t, uint64_t>(op, s, r, c);
    case DType::b8:
      return gather_element<uint8_t, uint8_t>(op, s, r, c);
    default:
      return gather_element<uint32_t, uint32_t>(op, s, r, c);
  }
}

}  // namespace feedfwd::gpu
