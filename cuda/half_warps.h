// Row kernels: 16 threads, half a warp, have a row; thread l takes columns l, l + 16, ... and the
// lanes are joined by the tree of numerics rule 2.
#pragma once

#include "core/math/scalar.h"
#include "cuda/device.h"

namespace feedfwd::gpu {

constexpr int kLanes = 16;
constexpr int kRowBlock = 1024;  // columns of a block of a row's sum
constexpr int kRowThreads = 128;

// Rows, and the threads that share them: the whole grid's, or a block's.
struct Span {
  int64_t begin, end;
  int64_t thread, threads;
};
FF_DEV Span of_grid(int64_t rows) { return {0, rows, grid_thread(), grid_threads()}; }
FF_DEV Span of_block(int64_t begin, int64_t end) { return {begin, end, threadIdx.x, blockDim.x}; }

struct HalfWarp {
  int lane;

  FF_DEV HalfWarp() : lane(static_cast<int>(threadIdx.x % kLanes)) {}

  // join(lane l, lane l + 8), then + 4, + 2, + 1; the result in all lanes.
  template <class T, class Join>
  FF_DEV T tree(T value, Join join) const {
    for (int by = kLanes / 2; by > 0; by /= 2) value = join(value, shuffle_down(value, by));
    return shuffle(value, static_cast<int>(threadIdx.x % 32 - lane));
  }

  // Sum over columns of a row of n: accumulate(lane's sum, column) adds one.
  template <class T, class Accumulate>
  FF_DEV T sum(int64_t n, Accumulate accumulate) const {
    T total = 0;
    for (int64_t block = 0; block < n; block += kRowBlock) {
      const int64_t end = block + kRowBlock < n ? block + kRowBlock : n;
      T acc = 0;
#pragma unroll 1  // exponentials unrolled are much code
      for (int64_t c = block + lane; c < end; c += kLanes) acc = accumulate(acc, c);
      const T sum = tree(acc, [](T a, T b) { return a + b; });
      total = block == 0 ? sum : total + sum;
    }
    return total;
  }

  template <bool Max, class T>
  FF_DEV T extreme(const T* x, int64_t n) const {
    const math::Extreme<Max> join;
    T best = math::extreme_start<Max, T>();
    for (int64_t c = lane; c < n; c += kLanes) best = join(best, x[c]);
    return tree(best, join);
  }
};

// Calls f(half warp, row, whether there is such a row) so often that all rows have their turn;
// whole warps go the same way, as shuffles ask for. Where there is no row, `row` is one that
// exists.
template <class F>
FF_DEV void for_rows(const Span& span, F f) {
  const HalfWarp half;
  const int second = static_cast<int>(threadIdx.x % 32) / kLanes;  // 1 in a warp's second half
  for (int64_t at = span.begin + span.thread / kLanes - second; at < span.end;
       at += span.threads / kLanes) {
    const int64_t row = at + second;
    f(half, row < span.end ? row : span.end - 1, row < span.end);
  }
}

}  // namespace feedfwd::gpu
