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

template <class To, class From>
FF_INLINE To converted_to(From x) {
  return converted<From, To>(x);
}
template <class To>
FF_INLINE To converted_to(Half x) {
  return from_half<To>(x);
}
template <class To>
FF_INLINE To converted_to(Byte x) {
  return converted<uint16_t, To>(x.bits);
}

// The caller's data may lie at any address, so its numbers are read byte by byte: one load, still.
template <class From, class To>
FF_INLINE void convert_row(const char* x, To* y, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    From value;
    __builtin_memcpy(&value, x + k * static_cast<int64_t>(sizeof(From)), sizeof(From));
    y[k] = converted_to<To>(value);
  }
}

// Rows in a random order are no pattern that a processor foresees; longer ones it catches up with.
constexpr int64_t kGatherAheadBytes = 8192;

template <class From, class To>
void gather(const KernelCall& c) {
  const StepState& s = *c.state;
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const int64_t rows = rows_of(out, s), cols = cols_of(out, s);
  const int64_t input = c.op->i[0];
  const char* data = input > 0 ? static_cast<const char*>(s.inputs[input - 1]) : in.data;
  const int64_t row1 = rows * (c.part + 1) / c.parts;
  const auto row_at = [&](int64_t r) {
    const int64_t from = s.order ? s.order[s.offset + r] : s.offset + r;
    return data + from * in.row_stride * static_cast<int64_t>(sizeof(From));
  };
  const int64_t bytes = cols * static_cast<int64_t>(sizeof(From));
  const bool ahead = s.order && bytes >= 64 && bytes <= kGatherAheadBytes;
  for (int64_t r = rows * c.part / c.parts; r < row1; ++r) {
    if (ahead && r + 2 < row1) {
      const char* next = row_at(r + 2);
      for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(next + k);
    }
    convert_row<From>(row_at(r), at<To>(out, r, 0), cols);
  }
}

}  // namespace feedfwd::FF_ISA
