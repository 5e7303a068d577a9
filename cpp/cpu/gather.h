// Gather: rows of the data in epoch order, cast on the way.
#pragma once

#include "core/math/scalar.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

// The caller's data may lie at any address, so its numbers are read byte by byte: one load, still.
template <class From, class To>
FF_INLINE void convert_row(const char* x, To* y, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    From value;
    __builtin_memcpy(&value, x + k * static_cast<int64_t>(sizeof(From)), sizeof(From));
    y[k] = math::converted_to<To>(value);
  }
}

// Rows in a random order are no pattern that a processor foresees: they are asked for so many bytes
// ahead, and at least two and at most sixteen rows. Longer ones it catches up with.
constexpr int64_t kGatherAheadBytes = 2048, kGatherRowBytes = 8192;

FF_INLINE int64_t rows_ahead(int64_t bytes) {
  const int64_t fit = kGatherAheadBytes / (bytes > 0 ? bytes : 1);
  return fit < 2 ? 2 : smaller(fit, 16);
}

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
  const int64_t ahead = s.order && bytes <= kGatherRowBytes ? rows_ahead(bytes) : rows;
  for (int64_t r = rows * c.part / c.parts; r < row1; ++r) {
    if (r + ahead < row1) {
      const char* next = row_at(r + ahead);
      for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(next + k);
    }
    convert_row<From>(row_at(r), at<To>(out, r, 0), cols);
  }
}

}  // namespace feedfwd::FF_ISA
