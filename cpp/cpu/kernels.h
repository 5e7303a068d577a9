// All kernels of one instruction set and their table.
#pragma once

#include "cpu/burn.h"
#include "cpu/elementwise_dropout.h"
#include "cpu/elementwise_float.h"
#include "cpu/gather.h"
#include "cpu/gather_form.h"
#include "cpu/gemm_column.h"
#include "cpu/gemm_lanes.h"
#include "cpu/reduce.h"
#include "cpu/reduce_columns.h"
#include "cpu/rows.h"
#include "cpu/update.h"

namespace feedfwd::FF_ISA {

template <class T>
void matmul(const KernelCall& c) {
  const BoundRef &a = c.op->in[0], &b = c.op->in[1], &out = c.op->out[0];
  const StepState& s = *c.state;
  GemmArgs<T> g;
  g.a = at<const T>(a, 0, 0);
  g.lda = a.row_stride;
  g.trans_a = c.op->i[0] != 0;
  g.b = at<const T>(b, 0, 0);
  g.ldb = b.row_stride;
  g.trans_b = c.op->i[1] != 0;
  g.c = at<T>(out, 0, 0);
  g.ldc = out.row_stride;
  g.m = rows_of(out, s);
  g.n = cols_of(out, s);
  g.k = g.trans_a ? rows_of(a, s) : cols_of(a, s);
  if (g.k == 1 && g.trans_b && g.ldb == 1) {  // one row as it lies, as gemm_outer wants it
    g.trans_b = false;
    g.ldb = g.n;
  }
  g.scratch = static_cast<T*>(c.scratch);
  const Epilogue after{c.after, c.context};
  if (c.op->i[2] != 0) {
    gemm_lanes(g, c.part, c.parts, after);
  } else {
    gemm(g, c.part, c.parts, c.split, after);
  }
}

inline int64_t scratch_bytes(const BoundOp& op, int64_t rows, int) {
  if (op.op != Op::Matmul) return 0;
  const BoundRef &a = op.in[0], &out = op.out[0];
  const bool by_rows = op.i[0] != 0;
  const bool batch = by_rows ? a.rows_batch : a.cols_batch;
  const int64_t k = (by_rows ? a.rows_n : a.cols_n) * (batch ? rows : 1);
  const int64_t n = out.cols_n * (out.cols_batch ? rows : 1);
  const bool single = out.dtype == DType::f32;
  if (op.i[2] != 0) {
    return single ? gemm_lanes_scratch<float>(n, k) : gemm_lanes_scratch<double>(n, k);
  }
  int64_t m = out.rows_n * (out.rows_batch ? rows : 1);
  if (out.cols_batch && n > m) m = n;
  const int64_t columns = out.cols_batch ? 1 : n;  // a batch may have one row
  return single ? gemm_scratch<float>(m, columns, k) : gemm_scratch<double>(m, columns, k);
}

// make(T{}) with T the C++ type of a dtype, where it is one of the kind; else null.
template <class R, class Make>
FF_INLINE R for_float(DType t, Make make) {
  switch (t) {
    case DType::f32:
      return make(float{});
    case DType::f64:
      return make(double{});
    default:
      return nullptr;
  }
}
template <class R, class Make>
FF_INLINE R for_integer(DType t, Make make) {
  switch (t) {
    case DType::i32:
      return make(int32_t{});
    case DType::i64:
      return make(int64_t{});
    case DType::b8:
      return make(uint8_t{});
    default:
      return nullptr;
  }
}
template <class R, class Make>
FF_INLINE R for_compute(DType t, Make make) {
  return t == DType::f32 || t == DType::f64 ? for_float<R>(t, make) : for_integer<R>(t, make);
}

}  // namespace feedfwd::FF_ISA

#include "cpu/kernels_table.h"
