// Dropout (numerics, rule 8): in = {x, counter}; kept elements times 1 / (1 - rate), the rest +0.
#pragma once

#include "core/math/philox.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

constexpr int64_t kGroup = 64;  // columns that share 16 Philox blocks: word j is of columns 16 j ..

struct DropoutStream {
  uint64_t seed;
  uint32_t step, stream;
  int64_t groups;  // per row

  // w >> 8 of columns 64 group .. 64 group + 63 of a row.
  FF_INLINE void draw(int64_t row, int64_t group, uint32_t* u) const {
    using Words = IntVec<float>;
    // A multiple of 16, so that adding the lane never carries into the high half.
    const uint64_t block = 16 * static_cast<uint64_t>(row * groups + group);
    for (int lane = 0; lane < 16; lane += Words::size) {
      const Words counter[4] = {
          Words::iota(static_cast<uint32_t>(block) + static_cast<uint32_t>(lane)),
          Words(static_cast<uint32_t>(block >> 32)), Words(step), Words(stream)};
      Words words[4];
      math::philox4x32(counter, seed, words);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) (words[j] >> 8).store(u + 16 * j + lane);
    }
  }
};

// The elements whose word is at least the threshold, times the scale; the rest +0.
template <class T>
struct Kept {
  Vec<T> threshold, scale;
  FF_INLINE Vec<T> operator()(Vec<T> x, const uint32_t* words) const {
    return select(Vec<T>::from_words(words) >= threshold, x * scale, Vec<T>(T(0)));
  }
};

template <class T>
void dropout_rect(const BoundOp& op, const StepState& state, Rect q) {
  constexpr int size = Vec<T>::size;
  const BoundRef& out = op.out[0];
  const int64_t width = cols_of(out, state);
  const DropoutStream stream{static_cast<uint64_t>(op.i[0]),
                             static_cast<uint32_t>(*at<const int64_t>(op.in[1], 0, 0)),
                             static_cast<uint32_t>(op.i[1]), (width + kGroup - 1) / kGroup};
  // u = (w >> 8) 2^-24 >= rate, compared in float64 and exactly, whatever T is.
  const double least = op.f[0] * 0x1p24;
  const Kept<T> kept{Vec<T>(static_cast<T>(__builtin_ceil(least))),
                     Vec<T>(static_cast<T>(1.0 / (1.0 - op.f[0])))};
  // An element has its place in the whole batch, whatever shard it is in.
  const int64_t base = out.rows_batch ? out.rows_n * state.row_base : 0;
  uint32_t u[kGroup + size] = {};  // a last vector may begin at any of its columns
  for (int64_t r = q.row0; r < q.row1; ++r) {
    for (int64_t c = q.col0; c < q.col1;) {
      const int64_t group = c / kGroup;
      const int64_t end = smaller(q.col1, (group + 1) * kGroup);
      stream.draw(base + r, group, u);
      Reader<T> x;
      x.start(op.in[0], r, c);
      T* y = at<T>(out, r, c);
      const uint32_t* words = u + (c - group * kGroup);
      const int64_t n = end - c;
      int64_t i = 0;
      for (; i + size <= n; i += size) kept(x.get(i), words + i).store(y + i);
      if (i < n) {
        const int left = static_cast<int>(n - i);
        kept(x.get(i, left), words + i).store(y + i, left);
      }
      c = end;
    }
  }
}

}  // namespace feedfwd::FF_ISA
