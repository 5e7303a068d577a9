// Softmax and cross-entropy: each row by itself, its sums in the order of numerics rule 2.
#pragma once

#include "core/math/elementary.h"
#include "cpu/reduce_columns.h"

namespace feedfwd::FF_ISA {

template <class T>
FF_INLINE T scalar_log(T x) {
  T lane[Vec<T>::size];
  math::log(Vec<T>(x)).store(lane);
  return lane[0];
}

template <class T>
struct ShiftedExp {
  T shift;
  template <class V>
  FF_INLINE V operator()(V x) const {
    return math::exp(x - V(shift));
  }
};
template <class T>
struct DivideBy {
  T divisor;
  template <class V>
  FF_INLINE V operator()(V x) const {
    return math::keep(x / V(divisor));
  }
};
template <class T>
struct SubtractTwo {
  T first, second;
  template <class V>
  FF_INLINE V operator()(V x) const {
    return (x - V(first)) - V(second);
  }
};

// exp(z - max) over its sum into p; keeps max and the sum. `p` may be z.
template <class T>
struct Softmax {
  T shift, sum;
  FF_INLINE Softmax(const T* z, T* p, int64_t n) {
    shift = row_extreme<true>(z, n);
    if (n <= 16) {
      in_registers(z, p, n);
      return;
    }
    each(z, p, n, ShiftedExp<T>{shift});
    sum = row_sum<T>(n, Adding<T>{p});
    each<T>(p, p, n, DivideBy<T>{sum});
  }

 private:
  FF_INLINE void in_registers(const T* z, T* p, int64_t n) {
    constexpr int size = Vec<T>::size;
    Pack16<T> e(T(0));
    for (int r = 0; r * size < n; ++r) {
      // An absent logit is so low that it adds +0.
      const T low = math::extreme_start<true, T>();
      e.v[r] = math::exp(load_or(z + r * size, n - r * size, low) - Vec<T>(shift));
      if (n - r * size < size) {
        using Int = IntVec<T>;
        const auto exists = Int::iota(0) < Int(static_cast<typename Int::Lane>(n - r * size));
        e.v[r] = select(exists, e.v[r], Vec<T>(T(0)));  // where the shift is infinite
      }
    }
    sum = e.tree_sum();
    for (int r = 0; r * size < n; ++r) {
      const Vec<T> y = DivideBy<T>{sum}(e.v[r]);
      if (n - r * size >= size) {
        y.store(p + r * size);
      } else {
        y.store(p + r * size, static_cast<int>(n - r * size));
      }
    }
  }
};

template <class T>
void softmax(const KernelCall& c) {
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    Softmax<T>(at<const T>(in, r, 0), at<T>(out, r, 0), cols);
  }
}

// The sum of exp(z - shift), nothing stored.
template <class T>
struct AddingExp {
  const T* z;
  Vec<T> shift;
  FF_INLINE Pack16<T> operator()(Pack16<T> lanes, int64_t i, int n) const {
    constexpr int size = Vec<T>::size;
    for (int r = 0; r < 16 / size; ++r) {
      const int64_t left = n - r * size;
      if (left >= size) {
        lanes.v[r] = lanes.v[r] + math::exp(Vec<T>::load(z + i + r * size) - shift);
      } else if (left > 0) {
        T lane[size] = {};
        const int some = static_cast<int>(left);
        math::exp(Vec<T>::load(z + i + r * size, some) - shift).store(lane, some);
        lanes.v[r] = lanes.v[r] + Vec<T>::load(lane);
      }
    }
    return lanes;
  }
};

template <class T>
void log_softmax(const KernelCall& c) {
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const T* z = at<const T>(in, r, 0);
    const T shift = row_extreme<true>(z, cols);
    const T sum = row_sum<T>(cols, AddingExp<T>{z, Vec<T>(shift)});
    each(z, at<T>(out, r, 0), cols, SubtractTwo<T>{shift, scalar_log(sum)});
  }
}

// Sum of t * (lse - (z - shift)), by fma: stable for large |z|.
template <class T>
struct AddingXent {
  const T *t, *z;
  Pack16<T> shift, lse;
  FF_INLINE Pack16<T> operator()(Pack16<T> lanes, int64_t i, int n) const {
    const Pack16<T> a = load16(t + i, n), b = load16(z + i, n);
    for (int r = 0; r < Pack16<T>::registers; ++r) {
      const Vec<T> term = lse.v[r] - (b.v[r] - shift.v[r]);
      // t = 0 adds nothing, even where the logit is infinite; absent elements are such.
      lanes.v[r] = select(a.v[r] == Vec<T>(T(0)), lanes.v[r], fma(a.v[r], term, lanes.v[r]));
    }
    return lanes;
  }
};

// in = {logits, probabilities of the same dtype}, out = {loss, p}.
template <class T>
void xent_dense(const KernelCall& c) {
  const BoundRef &in = c.op->in[0], &target = c.op->in[1];
  const Line<T> loss(c.op->out[0], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const T* z = at<const T>(in, r, 0);
    T* p = at<T>(c.op->out[1], r, 0);
    const Softmax<T> e(z, p, cols);
    const AddingXent<T> term{at<const T>(target, r, 0), z, Pack16<T>(e.shift),
                             Pack16<T>(scalar_log(e.sum))};
    loss[r] = row_sum<T>(cols, term);
  }
}

// Integer labels of either size.
struct Labels {
  Line<const int32_t> narrow;
  Line<const int64_t> wide;
  bool is_wide;

  FF_INLINE Labels(const BoundRef& r, const StepState& s)
      : narrow(r, s), wide(r, s), is_wide(r.dtype == DType::i64) {}
  FF_INLINE int64_t operator[](int64_t k) const { return is_wide ? wide[k] : narrow[k]; }
};

// in = {logits, integer labels}; a label that is none of the columns makes the loss NaN.
template <class T>
void xent_labels(const KernelCall& c) {
  const BoundRef& in = c.op->in[0];
  const Labels label(c.op->in[1], *c.state);
  const Line<T> loss(c.op->out[0], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  // A logarithm costs the same for a vector of sums as for one.
  constexpr int size = Vec<T>::size;
  for (int64_t first = q.row0; first < q.row1; first += size) {
    const int count = static_cast<int>(smaller(q.row1 - first, size));
    T sums[size], shifts[size], logs[size];
    for (int k = 0; k < size; ++k) sums[k] = T(1);
    for (int k = 0; k < count; ++k) {
      const T* z = at<const T>(in, first + k, 0);
      T* p = at<T>(c.op->out[1], first + k, 0);
      const int64_t l = label[first + k];
      const T at_label = l >= 0 && l < cols ? z[l] : static_cast<T>(__builtin_nan(""));
      const Softmax<T> e(z, p, cols);
      sums[k] = e.sum;
      shifts[k] = at_label - e.shift;
    }
    math::log(Vec<T>::load(sums)).store(logs);
    for (int k = 0; k < count; ++k) loss[first + k] = logs[k] - shifts[k];
  }
}

template <class T>
struct Times {
  T factor;
  template <class V>
  FF_INLINE V operator()(V x) const {
    return x * V(factor);
  }
};

// in = {p, labels, g}: (p - onehot) * g.
template <class T>
void xent_grad_labels(const KernelCall& c) {
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const Labels label(c.op->in[1], *c.state);
  const Line<const T> g(c.op->in[2], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const T* p = at<const T>(in, r, 0);
    T* y = at<T>(out, r, 0);
    const int64_t l = label[r];
    const bool inside = l >= 0 && l < cols;
    const T hit = inside ? (p[l] - T(1)) * g[r] : T(0);  // before p, which may be y, is written
    each(p, y, cols, Times<T>{g[r]});
    if (inside) y[l] = hit;
  }
}

// in = {p, t, g}: (p * sum(t) - t) * g.
template <class T>
void xent_grad_dense(const KernelCall& c) {
  constexpr int size = Vec<T>::size;
  const BoundRef &in = c.op->in[0], &out = c.op->out[0];
  const Line<const T> g(c.op->in[2], *c.state);
  const int64_t cols = cols_of(in, *c.state);
  const Rect q = rows_share(c, rows_of(in, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    const T *p = at<const T>(in, r, 0), *t = at<const T>(c.op->in[1], r, 0);
    T* y = at<T>(out, r, 0);
    const Vec<T> sum(row_sum<T>(cols, Adding<T>{t})), factor(g[r]);
    for (int64_t i = 0; i < cols; i += size) {
      const int n = static_cast<int>(smaller(cols - i, size));
      ((Vec<T>::load(p + i, n) * sum - Vec<T>::load(t + i, n)) * factor).store(y + i, n);
    }
  }
}

// Labels outside 0 .. depth - 1 give a row of zeros.
template <class T>
void one_hot(const KernelCall& c) {
  const BoundRef& out = c.op->out[0];
  const Labels label(c.op->in[0], *c.state);
  const int64_t depth = cols_of(out, *c.state);
  const Rect q = rows_share(c, rows_of(out, *c.state));
  for (int64_t r = q.row0; r < q.row1; ++r) {
    T* y = at<T>(out, r, 0);
    for (int64_t k = 0; k < depth; ++k) y[k] = T(0);
    const int64_t l = label[r];
    if (l >= 0 && l < depth) y[l] = T(1);
  }
}

}  // namespace feedfwd::FF_ISA
