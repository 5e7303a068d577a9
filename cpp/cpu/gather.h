// Gather: rows of the data in epoch order, cast on the way.
#pragma once

#include "core/math/scalar.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

// The caller's data may lie at any address, so its numbers are read byte by byte: one load, still.
template <class From, class To>
struct ConvertRow {
  FF_INLINE void operator()(const char* x, To* y, int64_t n) const {
    for (int64_t k = 0; k < n; ++k) {
      From value;
      __builtin_memcpy(&value, x + k * static_cast<int64_t>(sizeof(From)), sizeof(From));
      y[k] = math::converted_to<To>(value);
    }
  }
};

// The same of one type, from an address of that type.
template <class T>
struct CopyRow {
  FF_INLINE void operator()(const char* from, T* y, int64_t n) const {
    const T* x = reinterpret_cast<const T*>(from);
    if (n == 1) {
      *y = *x;
    } else {
      each(x, y, n, [](auto v) { return v; });
    }
  }
};

// Rows in a random order are no pattern that a processor foresees: they are asked for so many bytes
// ahead, and at least two and at most sixteen rows. Longer ones it catches up with.
constexpr int64_t kGatherAheadBytes = 2048, kGatherRowBytes = 8192;

FF_INLINE int64_t rows_ahead(int64_t bytes) {
  const int64_t fit = kGatherAheadBytes / (bytes > 0 ? bytes : 1);
  return fit < 2 ? 2 : smaller(fit, 16);
}

// Rows [row0, row1) of `cols` numbers, in the epoch's order.
template <class From, class To, class Row>
FF_INLINE void gather_ordered(const char* data, const int64_t* order, int64_t stride, To* y,
                              int64_t y_stride, int64_t row0, int64_t row1, int64_t cols, Row row) {
  const int64_t bytes = cols * static_cast<int64_t>(sizeof(From));
  const int64_t ahead = bytes <= kGatherRowBytes ? rows_ahead(bytes) : row1;
  int64_t r = row0;
  for (; r + ahead < row1; ++r, y += y_stride) {
    const char* next = data + order[r + ahead] * stride;
    for (int64_t k = 0; k < bytes; k += 64) __builtin_prefetch(next + k);
    row(data + order[r] * stride, y, cols);
  }
  for (; r < row1; ++r, y += y_stride) row(data + order[r] * stride, y, cols);
}

template <class From, class To, class Row>
FF_INLINE void gather_rows(const char* data, const KernelCall& c, Row row) {
  const StepState& s = *c.state;
  const BoundRef& out = c.op->out[0];
  const int64_t rows = rows_of(out, s), cols = cols_of(out, s), y_stride = out.row_stride;
  const Rect mine = share_rows(rows, cols, c.part, c.parts);
  const int64_t row0 = mine.row0, row1 = mine.row1;
  const int64_t stride = c.op->in[0].row_stride * static_cast<int64_t>(sizeof(From));
  To* y = at<To>(out, row0, 0);
  if (s.order) {
    const int64_t* order = s.order + s.offset;
    // Of one number each, as labels are, rows are more work than what is in them.
    if (cols == 1)
      return gather_ordered<From>(data, order, stride, y, y_stride, row0, row1, 1, row);
    return gather_ordered<From>(data, order, stride, y, y_stride, row0, row1, cols, row);
  }
  const char* x = data + (s.offset + row0) * stride;
  if (stride == cols * static_cast<int64_t>(sizeof(From)) && y_stride == cols)
    return row(x, y, (row1 - row0) * cols);
  for (int64_t r = row0; r < row1; ++r, x += stride, y += y_stride) row(x, y, cols);
}

template <class From, class To>
void gather(const KernelCall& c) {
  const int64_t input = c.op->i[0];
  const char* data =
      input > 0 ? static_cast<const char*>(c.state->inputs[input - 1]) : c.op->in[0].data;
  if constexpr (__is_same(From, To) && (__is_same(To, float) || __is_same(To, double))) {
    if (reinterpret_cast<uintptr_t>(data) % sizeof(To) == 0)
      return gather_rows<From, To>(data, c, CopyRow<To>{});
  }
  gather_rows<From, To>(data, c, ConvertRow<From, To>{});
}

}  // namespace feedfwd::FF_ISA
