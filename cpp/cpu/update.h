// The optimizers' updates: in = {gradient, factor}, out = {variable, slots ...}.
#pragma once

#include "core/math/optimizers.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

// What is the same for all elements, rounded to T once.
template <class T>
struct UpdateNumbers {
  Vec<T> k[kStepScalars];
  math::BeforeUpdate<Vec<T>> before;
  int flags;

  FF_INLINE UpdateNumbers(const BoundOp& op, const StepState& s)
      : flags(static_cast<int>(op.i[0])) {
    const double* scalars = s.scalars + s.index * kStepScalars;
    for (int n = 0; n < kStepScalars; ++n) k[n] = Vec<T>(static_cast<T>(scalars[n]));
    before.has_factor = op.inputs > 1;
    before.has_clip = op.f[0] > 0;
    before.has_decay = op.i[1] != 0;
    before.factor =
        Vec<T>(before.has_factor ? static_cast<T>(*at<const double>(op.in[1], 0, 0)) : T(1));
    before.clip = Vec<T>(static_cast<T>(op.f[0]));
    before.decay = k[math::kDecay];
  }

  // Plain: nothing is done to gradient or variable before, and the flags are known.
  template <class Optimizer, bool Plain, int Flags>
  FF_INLINE void apply(Vec<T>& w, Vec<T> g, Vec<T>* slots) const {
    if constexpr (!Plain) before(w, g);
    Optimizer::update(w, g, slots, k, Plain ? Flags : flags);
  }
};

// Vectors of the variable that are asked for ahead. The others have read it since it was written.
constexpr int kUpdateAhead = 16;

// A vector of the variable and its slots, or its first `count` numbers. Loops of a known length are
// unrolled, so that all stay in registers; `slots` is at most Last.
template <class Optimizer, bool Plain, int Flags, int Last, class T>
FF_INLINE void update_at(const UpdateNumbers<T>& numbers, Vec<T> gradient, T* const* p, int slots,
                         int64_t i, int count) {
  static_assert(math::kMaxSlots < 4);
  Vec<T> v[1 + math::kMaxSlots] = {};
#pragma GCC unroll 4
  for (int k = 0; k <= Last; ++k)
    if (k <= slots) v[k] = Vec<T>::load_up_to(p[k] + i, count);
  numbers.template apply<Optimizer, Plain, Flags>(v[0], gradient, v + 1);
#pragma GCC unroll 4
  for (int k = 0; k <= Last; ++k)
    if (k <= slots) v[k].store_up_to(p[k] + i, count);
}

// `Slots` below 0: as many as there are.
template <class Optimizer, class T, bool Plain, int Flags, int Slots>
void update_rect(const BoundOp& op, const StepState& state, Rect rect) {
  if (state.bad_step >= 0) return;
  constexpr int size = Vec<T>::size;
  constexpr int last = Slots >= 0 ? Slots : math::kMaxSlots;
  const UpdateNumbers<T> numbers(op, state);
  const Rect q = flattened(op, state, rect, 1);
  const int64_t n = q.col1 - q.col0;
  const int slots = Slots >= 0 ? Slots : op.outputs - 1;
  for (int64_t r = q.row0; r < q.row1; ++r) {
    Reader<T> gradient;
    gradient.start(op.in[0], r, q.col0);
    T* p[1 + math::kMaxSlots];
    for (int k = 0; k <= slots; ++k) p[k] = at<T>(op.out[k], r, q.col0);
    int64_t i = 0;
    for (; i + size <= n; i += size) {
      prefetch_to_write(p[0] + i + kUpdateAhead * size);
      update_at<Optimizer, Plain, Flags, last>(numbers, gradient.get(i), p, slots, i, size);
    }
    if (i < n) {
      const int left = static_cast<int>(n - i);
      update_at<Optimizer, Plain, Flags, last>(numbers, gradient.get(i, left), p, slots, i, left);
    }
  }
}

template <class Optimizer, class T>
RectKernel find_update(const BoundOp& op) {
  const bool plain = op.inputs == 1 && !(op.f[0] > 0) && op.i[1] == 0;
  if (plain && op.i[0] == 0) return update_rect<Optimizer, T, true, 0, Optimizer::plain_slots>;
  if constexpr (__is_same(Optimizer, math::Sgd)) {
    using math::Sgd;
    if (plain && op.i[0] == Sgd::kMomentum) return update_rect<Sgd, T, true, Sgd::kMomentum, 1>;
  }
  return update_rect<Optimizer, T, false, 0, -1>;
}

// By place in FF_OPTIMIZERS.
template <class T>
inline constexpr RectKernel (*kUpdates[])(const BoundOp& op) = {
#define FF_ENTRY(Optimizer) find_update<math::Optimizer, T>,
    FF_OPTIMIZERS(FF_ENTRY)
#undef FF_ENTRY
};

}  // namespace feedfwd::FF_ISA
