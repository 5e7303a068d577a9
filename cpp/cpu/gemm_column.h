// Matmul with one column of b in the fixed order: the order runs along k, so vectors run over rows
// of a, which lie along k in memory and are turned in registers.
#pragma once

#include "cpu/elementwise.h"
#include "cpu/gemm_stream.h"

namespace feedfwd::FF_ISA {

// Rows `lda` apart, by few registers: an address takes one of them, once or twice.
template <class T>
struct RowsOf {
  int64_t lda, three, five, seven;

  FF_INLINE explicit RowsOf(int64_t ld) : lda(ld), three(3 * ld), five(5 * ld), seven(7 * ld) {
    // Else compilers make a register of every row's address, and have too few of them.
    asm("" : "+r"(three), "+r"(five), "+r"(seven));
  }
  FF_INLINE void from(const T* a, const T* (&row)[Vec<T>::size]) const {
    const int64_t at[8] = {0, lda, 2 * lda, three, 4 * lda, five, 2 * three, seven};
#pragma GCC unroll 16
    for (int j = 0; j < Vec<T>::size; ++j) row[j] = a + j / 8 * 8 * lda + at[j % 8];
  }
};

// The numbers of b that a chunk meets, end to end.
template <class T>
struct ColumnOf {
  T copied[kChunk];

  FF_INLINE const T* chunk(const GemmArgs<T>& g, int64_t k0, int64_t steps) {
    const int64_t stride = g.trans_b ? 1 : g.ldb;
    const T* b = g.b + k0 * stride;
    if (stride == 1) return b;
    for (int64_t kk = 0; kk < steps; ++kk) copied[kk] = b[kk * stride];
    return copied;
  }
};

// acc + the products of up to Vec::size rows with b, for up to that many steps.
template <class T>
Vec<T> column_rest(Vec<T> acc, const T* a, int64_t lda, int rows, const T* b, int steps) {
  constexpr int size = Vec<T>::size;
  Vec<T> v[size];
  for (int j = 0; j < size; ++j) v[j] = j < rows ? Vec<T>::load(a + j * lda, steps) : Vec<T>(T(0));
  transpose(v);
  for (int kk = 0; kk < steps; ++kk) acc = fma(v[kk], Vec<T>(b[kk]), acc);
  return acc;
}

// acc + the products of Vec::size rows from `a` on with b, for turned_at_once() steps.
template <class T>
FF_INLINE Vec<T> column_step(Vec<T> acc, const T* a, const RowsOf<T>& rows, const T* b) {
  constexpr int turned = turned_at_once<T>();
  const T* row[Vec<T>::size];
  rows.from(a, row);
  Vec<T> v[turned];
  load_turned(v, row, 0);
#pragma GCC unroll 16
  for (int kk = 0; kk < turned; ++kk) acc = fma(v[kk], Vec<T>(b[kk]), acc);
  return acc;
}

// Asks for what the next two groups need, end to end, as far as these two are: their own order, a
// line of every row, no processor foresees. Rows that lie apart it meets in part.
template <class T>
FF_INLINE void ask_for_next(const T* next) {
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < 2 * Vec<T>::size * turned_at_once<T>(); i += line)
    __builtin_prefetch(next + i);
}

// Two groups of Vec::size rows side by side: one chain of fma each, whose latency the other hides.
// No more, so that all stays in registers.
template <class T>
FF_INLINE void column_pair(const GemmArgs<T>& g, int64_t row) {
  constexpr int size = Vec<T>::size, turned = turned_at_once<T>();
  const RowsOf<T> rows(g.lda);
  const T* next = g.a + (row + 2 * size) * g.lda;
  ColumnOf<T> column;
  Vec<T> total0(T(0)), total1(T(0));
  for (int64_t k0 = 0; k0 < g.k; k0 += kChunk) {
    const int64_t steps = least(g.k - k0, kChunk);
    const T* b = column.chunk(g, k0, steps);
    const T *a0 = g.a + row * g.lda + k0, *a1 = a0 + size * g.lda;
    Vec<T> acc0(T(0)), acc1(T(0));
    int64_t k = 0;
    for (; k + turned <= steps; k += turned) {
      ask_for_next(next + 2 * size * (k0 + k));
      acc0 = column_step(acc0, a0 + k, rows, b + k);
      acc1 = column_step(acc1, a1 + k, rows, b + k);
    }
    if (const int left = static_cast<int>(steps - k); left > 0) {
      acc0 = column_rest(acc0, a0 + k, g.lda, size, b + k, left);
      acc1 = column_rest(acc1, a1 + k, g.lda, size, b + k, left);
    }
    total0 = k0 == 0 ? acc0 : total0 + acc0;
    total1 = k0 == 0 ? acc1 : total1 + acc1;
  }
  math::keep(total0).store(g.c + row);
  math::keep(total1).store(g.c + row + size);
}

// Up to Vec::size rows.
template <class T>
FF_INLINE void column_some(const GemmArgs<T>& g, int64_t row, int count) {
  constexpr int size = Vec<T>::size, turned = turned_at_once<T>();
  const RowsOf<T> rows(g.lda);
  ColumnOf<T> column;
  Vec<T> total(T(0));
  for (int64_t k0 = 0; k0 < g.k; k0 += kChunk) {
    const int64_t steps = least(g.k - k0, kChunk);
    const T* b = column.chunk(g, k0, steps);
    const T* a = g.a + row * g.lda + k0;
    Vec<T> acc(T(0));
    int64_t k = 0;
    for (; count == size && k + turned <= steps; k += turned) {
      acc = column_step(acc, a + k, rows, b + k);
    }
    for (; k < steps; k += size) {
      acc = column_rest(acc, a + k, g.lda, count, b + k, static_cast<int>(least(steps - k, size)));
    }
    total = k0 == 0 ? acc : total + acc;
  }
  math::keep(total).store(g.c + row, count);
}

template <class T>
void column_of_rows(const GemmArgs<T>& g, int64_t row0, int64_t row1) {
  constexpr int64_t size = Vec<T>::size;
  int64_t row = row0;
  for (; row + 2 * size <= row1; row += 2 * size) column_pair(g, row);
  for (; row < row1; row += size) column_some(g, row, static_cast<int>(least(row1 - row, size)));
}

// c lies end to end. Where a is transposed, that is a row times a matrix.
template <class T>
void gemm_column(const GemmArgs<T>& g, int part, int parts, Epilogue epilogue) {
  const Rect mine = share_rows(g.m, 1, part, parts);
  if (!g.trans_a) {
    column_of_rows(g, mine.row0, mine.row1);
    return epilogue(mine.row0, mine.row1, 0, 1);
  }
  const GemmArgs<T> turned{g.b, g.ldb, !g.trans_b, g.a, g.lda, !g.trans_a,
                           g.c, g.m,   1,          g.m, g.k,   g.scratch};
  const auto back = [](void* context, int64_t from0, int64_t from1, int64_t col0, int64_t col1) {
    (*static_cast<const Epilogue*>(context))(col0, col1, from0, from1);
  };
  const Epilogue wrapped{epilogue.tile ? +back : nullptr, &epilogue};
  gemm_share(turned, {0, 1, mine.row0, mine.row1}, wrapped);
}

// One step of k, with b as it lies: every number of c by itself.
template <class T>
void gemm_outer(const GemmArgs<T>& g, Rect share, Epilogue epilogue) {
  const int64_t columns = share.col1 - share.col0, a_next = g.trans_a ? 1 : g.lda;
  const int64_t row_bytes = columns * static_cast<int64_t>(sizeof(T));
  int64_t waiting = share.row0;
  for (int64_t row = share.row0; row < share.row1; ++row) {
    const T factor = g.a[row * a_next];
    each(g.b + share.col0, g.c + row * g.ldc + share.col0, columns, [=](auto x) {
      using V = decltype(x);
      return math::keep(fma(V(factor), x, V(T(0))));
    });
    if (row + 1 == share.row1 || (row - waiting + 2) * row_bytes > kEpilogueBytes) {
      epilogue(waiting, row + 1, share.col0, share.col1);
      waiting = row + 1;
    }
  }
}

template <class T>
void gemm(const GemmArgs<T>& g, int part, int parts, Split split, Epilogue epilogue) {
  if (g.n == 1 && g.ldc == 1 && g.m > 1) return gemm_column(g, part, parts, epilogue);
  Rect mine;
  if (split == Split::rows) {
    mine = share_rows(g.m, g.n, part, parts);
  } else if (split == Split::columns) {
    mine = share_columns(g.m, g.n, part, parts);
  } else {
    mine = share_of<T>(g.m, g.n, part, parts);
  }
  if (g.k == 1 && !g.trans_b) return gemm_outer(g, mine, epilogue);
  gemm_share(g, mine, epilogue);
}

}  // namespace feedfwd::FF_ISA
