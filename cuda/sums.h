// Sums and extremes in the order of numerics rule 2: bodies that several kernels share.
#pragma once

#include "cuda/half_warps.h"

namespace feedfwd::gpu {

constexpr int64_t kRowChunk = 384;  // rows whose sum is one chain

FF_DEV int64_t row_chunks(int64_t rows) {
  return rows > 0 ? (rows + kRowChunk - 1) / kRowChunk : 1;
}

// What is reduced and where to. `partial`: of a full sum, of which only the end loses subnormals.
struct Job {
  BoundRef in, out;
  bool partial;
};

template <class T>
FF_DEV void sum_rows(const Job& job, const StepState& state, const Span& span) {
  const Line<T> out(job.out, state);
  const int64_t cols = cols_of(job.in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T* x = at<const T>(job.in, r, 0);
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) { return acc + x[c]; });
    if (exists && half.lane == 0) out[r] = job.partial ? sum : math::keep(sum);
  });
}

template <bool Max, class T>
FF_DEV void extreme_rows(const Job& job, const StepState& state, const Span& span) {
  const Line<T> out(job.out, state);
  const int64_t cols = cols_of(job.in, state);
  for_rows(span, [&](const HalfWarp& half, int64_t r, bool exists) {
    const T best = half.extreme<Max>(at<const T>(job.in, r, 0), cols);
    if (exists && half.lane == 0) out[r] = best;
  });
}

// The lowest index of the largest of n numbers; a NaN counts as larger than all.
template <class T>
FF_DEV int64_t place_of_largest(const T* x, int64_t n, int64_t stride) {
  int64_t best = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T v = x[k * stride];
    if (v != v) return k;
    if (v > x[best * stride]) best = k;
  }
  return best;
}

template <class T>
FF_DEV void argmax_rows(const Job& job, const StepState& state, const Span& span) {
  const Line<int64_t> out(job.out, state);
  const int64_t cols = cols_of(job.in, state);
  for (int64_t r = span.begin + span.thread; r < span.end; r += span.threads)
    out[r] = place_of_largest(at<const T>(job.in, r, 0), cols, 1);
}

// The sums of chunks of rows, chunk by chunk; of a single chunk the result itself.
template <class T>
FF_DEV void sum_chunks(const Job& job, T* chunks_to, const StepState& state, int64_t thread,
                       int64_t threads) {
  const Line<T> out(job.out, state);
  const int64_t rows = rows_of(job.in, state), cols = cols_of(job.in, state);
  for (int64_t i = thread; i < cols * row_chunks(rows); i += threads) {
    const int64_t col = i % cols, first = i / cols * kRowChunk;
    const int64_t end = first + kRowChunk < rows ? first + kRowChunk : rows;
    T acc = 0;
    for (int64_t r = first; r < end; ++r) acc = acc + *at<const T>(job.in, r, col);
    if (chunks_to != nullptr) {
      chunks_to[i] = acc;
    } else {
      out[col] = math::keep(acc);
    }
  }
}

// x[0] + x[apart] + ..., n of them, in this order; loads run ahead of the sum.
template <class T>
FF_DEV T joined(const T* x, int64_t n, int64_t apart) {
  T total = x[0];
#pragma unroll 16
  for (int64_t k = 1; k < n; ++k) total = total + x[k * apart];
  return total;
}

template <class T>
FF_DEV void join_chunks(const Job& job, const T* chunks_from, const StepState& state,
                        int64_t thread, int64_t threads) {
  const Line<T> out(job.out, state);
  const int64_t rows = rows_of(job.in, state), cols = cols_of(job.in, state);
  for (int64_t col = thread; col < cols; col += threads)
    out[col] = math::keep(joined(chunks_from + col, row_chunks(rows), cols));
}

}  // namespace feedfwd::gpu
