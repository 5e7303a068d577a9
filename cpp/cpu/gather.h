// Gather: rows of the data in epoch order, cast on the way.
#pragma once

#include "cpu/elementwise_scalar.h"

namespace feedfwd::FF_ISA {

// IEEE half precision bits.
struct Half {
  uint16_t bits;
};

// An unsigned number of 8 bits, where uint8_t stands for a boolean.
struct Byte {
  uint8_t bits;
};

template <class To>
FF_INLINE To from_half(Half h) {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t exponent = (h.bits >> 10) & 31u, mantissa = h.bits & 0x3ffu;
  float value;
  if (exponent == 0) {
    value = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal half, normal float
  } else {
    value =
        math::as_float((exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (mantissa << 13));
  }
  return converted<float, To>(math::as_float(math::as_int(value) | sign));
}

template <class From, class To>
FF_INLINE void convert_row(const From* x, To* y, int64_t n) {
  for (int64_t k = 0; k < n; ++k) y[k] = converted<From, To>(x[k]);
}
template <class To>
FF_INLINE void convert_row(const Half* x, To* y, int64_t n) {
  for (int64_t k = 0; k < n; ++k) y[k] = from_half<To>(x[k]);
}
template <class To>
FF_INLINE void convert_row(const Byte* x, To* y, int64_t n) {
  for (int64_t k = 0; k < n; ++k) y[k] = converted<uint16_t, To>(x[k].bits);
}

template <class From, class To>
void gather(const KernelCall& c) {
  const StepState& s = *c.state;
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const int64_t rows = rows_of(out, s), cols = cols_of(out, s);
  const int64_t row1 = rows * (c.part + 1) / c.parts;
  for (int64_t r = rows * c.part / c.parts; r < row1; ++r) {
    const int64_t from = s.order ? s.order[s.offset + r] : s.offset + r;
    convert_row(at<const From>(in, from, 0), at<To>(out, r, 0), cols);
  }
}

}  // namespace feedfwd::FF_ISA
