// Matmul C = op(A) op(B) in the fixed order (numerics, rule 1): k in chunks of 384, one fma chain
// per chunk from +0, chunk results added in rising order. A block makes a tile of C; where there
// are few tiles, blocks make chunks of it side by side and another kernel adds them.
#pragma once

#include "cuda/elementwise.h"

namespace feedfwd::gpu {

constexpr int kChunk = 384;

template <class T>
struct Product {
  const T *a, *b;
  T* c;
  int64_t lda, ldb, ldc;
  int64_t m, n, k;
};

// Of an instruction, with the rows that this step has.
template <class T>
FF_DEV Product<T> product_of(const BoundOp& op, const StepState& s) {
  const BoundRef &a = op.in[0], &b = op.in[1], &out = op.out[0];
  return {at<const T>(a, 0, 0), at<const T>(b, 0, 0), at<T>(out, 0, 0),
          a.row_stride,         b.row_stride,         out.row_stride,
          rows_of(out, s),      cols_of(out, s),      op.i[0] != 0 ? rows_of(a, s) : cols_of(a, s)};
}

FF_DEV int64_t chunks_of(int64_t k) { return k > kChunk ? (k + kChunk - 1) / kChunk : 1; }

// A tile of Rows x Cols, Up x Across of it a thread's. 16 bytes of a row are one load from shared
// memory, so a thread's rows and columns come in groups of that.
template <int Rows, int Cols, int Up, int Across>
struct Shape2 {
  static constexpr int rows = Rows, cols = Cols, up = Up, across = Across;
  static constexpr int threads = Rows / Up * (Cols / Across);
  static constexpr int steps = 16;  // of k in shared memory at a time; divides kChunk
};

// `Extent` of a matrix' rows or columns, `steps` of k, in shared memory as [k][extent].
// Trans: memory lies along the extent, else along k.
template <class T, int Extent, int Threads, bool AlongExtent>
struct Panel {
  static constexpr int steps = 16;
  static constexpr int pitch = Extent + 16 / static_cast<int>(sizeof(T));
  static constexpr int each = Extent * steps / Threads;
  static constexpr size_t bytes = sizeof(T) * steps * pitch;
  static_assert(Extent * steps % Threads == 0);

  T held[each];

  static FF_DEV int step_of(int n) {
    const int e = static_cast<int>(threadIdx.x) + n * Threads;
    return AlongExtent ? e / Extent : e % steps;
  }
  static FF_DEV int place_of(int n) {
    const int e = static_cast<int>(threadIdx.x) + n * Threads;
    return AlongExtent ? e % Extent : e / steps;
  }
  // What lies beyond the matrix is never used, but for rows and columns that are not stored.
  FF_DEV void fetch(const T* from, int64_t ld, int64_t places, int64_t k) {
#pragma unroll
    for (int n = 0; n < each; ++n) {
      const int place = place_of(n), step = step_of(n);
      const bool inside = place < places && step < k;
      held[n] = inside ? from[AlongExtent ? step * ld + place : place * ld + step] : T(0);
    }
  }
  FF_DEV void put(T* to) const {
#pragma unroll
    for (int n = 0; n < each; ++n) to[step_of(n) * pitch + place_of(n)] = held[n];
  }
};

// N numbers of a row of shared memory, in groups of 16 bytes that lie `apart`.
template <class T, int N>
FF_DEV void read_groups(const T* from, int first, int apart, T* to) {
  constexpr int whole = 16 / static_cast<int>(sizeof(T)), group = N < whole ? N : whole;
  struct alignas(group * sizeof(T)) Group {
    T v[group];
  };
#pragma unroll
  for (int g = 0; g < N / group; ++g) {
    const Group some = *reinterpret_cast<const Group*>(from + first * group + g * apart);
#pragma unroll
    for (int n = 0; n < group; ++n) to[g * group + n] = some.v[n];
  }
}

template <class T, class S, bool TransA, bool TransB>
class Tile {
 public:
  using PanelA = Panel<T, S::rows, S::threads, TransA>;
  using PanelB = Panel<T, S::cols, S::threads, !TransB>;
  static constexpr size_t shared_bytes = 2 * (PanelA::bytes + PanelB::bytes);

  FF_DEV Tile(const Product<T>& p, int64_t row, int64_t col) : p_(p), row_(row), col_(col) {
    thread_row_ = static_cast<int>(threadIdx.x) / (S::cols / S::across);
    thread_col_ = static_cast<int>(threadIdx.x) % (S::cols / S::across);
  }

  // acc = the chunk of k from k0 to k1.
  FF_DEV void chunk(int64_t k0, int64_t k1) {
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
#pragma unroll
      for (int j = 0; j < S::across; ++j) acc[i][j] = T(0);
    }
    __syncthreads();  // the last chunk's panels are read
    fetch(k0, k1);
    put(0);
    __syncthreads();
    int side = 0;
    for (int64_t k = k0; k < k1; k += S::steps, side ^= 1) {
      const bool more = k + S::steps < k1;
      if (more) fetch(k + S::steps, k1);
      if (k1 - k >= S::steps) {
#pragma unroll
        for (int step = 0; step < S::steps; ++step) multiply(side, step);
      } else {
        for (int step = 0; step < k1 - k; ++step) multiply(side, step);
      }
      if (more) put(side ^ 1);
      __syncthreads();
    }
  }

  // f(row, column, value) for all of this thread's elements that exist.
  template <class F>
  FF_DEV void each(F f) {
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
      const int64_t row = row_ + offset<S::rows, S::up>(thread_row_, i);
#pragma unroll
      for (int j = 0; j < S::across; ++j) {
        const int64_t col = col_ + offset<S::cols, S::across>(thread_col_, j);
        if (row < p_.m && col < p_.n) f(row, col, acc[i][j]);
      }
    }
  }

  T acc[S::up][S::across];

 private:
  static constexpr int whole = 16 / static_cast<int>(sizeof(T));
  template <int N>
  static constexpr int group = N < whole ? N : whole;

  // Place n of a thread's among the Extent of the tile.
  template <int Extent, int N>
  static FF_DEV int offset(int thread, int n) {
    constexpr int g = group<N>, apart = Extent / (N / g);
    return n / g * apart + thread * g + n % g;
  }

  FF_DEV T* side_a(int side) const { return shared<T>(side * PanelA::bytes); }
  FF_DEV T* side_b(int side) const { return shared<T>(2 * PanelA::bytes + side * PanelB::bytes); }
  FF_DEV void fetch(int64_t k, int64_t k1) {
    a_.fetch(p_.a + (TransA ? k * p_.lda + row_ : row_ * p_.lda + k), p_.lda, p_.m - row_, k1 - k);
    b_.fetch(p_.b + (TransB ? col_ * p_.ldb + k : k * p_.ldb + col_), p_.ldb, p_.n - col_, k1 - k);
  }
  FF_DEV void put(int side) {
    a_.put(side_a(side));
    b_.put(side_b(side));
  }
  FF_DEV void multiply(int side, int step) {
    T x[S::up], y[S::across];
    read_groups<T, S::up>(side_a(side) + step * PanelA::pitch, thread_row_,
                          S::rows / (S::up / group<S::up>), x);
    read_groups<T, S::across>(side_b(side) + step * PanelB::pitch, thread_col_,
                              S::cols / (S::across / group<S::across>), y);
#pragma unroll
    for (int i = 0; i < S::up; ++i) {
#pragma unroll
      for (int j = 0; j < S::across; ++j) acc[i][j] = math::fma(x[i], y[j], acc[i][j]);
    }
  }

  const Product<T> p_;
  const int64_t row_, col_;
  int thread_row_, thread_col_;
  PanelA a_;
  PanelB b_;
};

// What follows a product, at the elements of a tile: a bias and relu, or relu's derivative, on the
// numbers in registers, all else element by element through memory.
template <class T>
class Followers {
 public:
  FF_DEV Followers(const BoundOp* ops, int count, const StepState& s)
      : ops_(ops), count_(count), state_(s) {
    while (quick_ < count_ && is_quick(ops_[1 + quick_], ops_[quick_])) ++quick_;
  }

  // The product's value is final. `store` is called where it must be in memory.
  FF_DEV void quick(int64_t row, int64_t col, T value) const {
    T* last = at<T>(ops_[0].out[0], row, col);
    for (int n = 1; n <= quick_; ++n) {
      const BoundOp& op = ops_[n];
      T* to = at<T>(op.out[0], row, col);
      if (to != last) *last = value;
      last = to;
      value = apply(op, ops_[n - 1], value, row, col);
    }
    *last = value;
  }
  FF_DEV bool has_rest() const { return quick_ < count_; }
  FF_DEV void rest(int64_t row, int64_t col) const {
    run_chain(ops_ + 1 + quick_, count_ - quick_, state_, row, col);
  }

 private:
  static FF_DEV bool same(const BoundRef& x, const BoundRef& y) {
    return x.data == y.data && x.row_stride == y.row_stride && x.col_stride == y.col_stride;
  }
  static FF_DEV bool is_quick(const BoundOp& op, const BoundOp& before) {
    const BoundRef& made = before.out[0];
    if (op.out[0].dtype != made.dtype) return false;
    const FunctionId relu = static_cast<FunctionId>(Unary::Relu);
    switch (op.op) {
      case Op::Add:
        return same(op.in[0], made) && op.in[1].dtype == made.dtype && !same(op.in[1], made);
      case Op::Map:
        return same(op.in[0], made) && op.fn == relu;
      case Op::MapGrad:
        return same(op.in[1], made) && op.fn == relu && !same(op.in[0], made);
      default:
        return false;
    }
  }
  static FF_DEV T apply(const BoundOp& op, const BoundOp&, T value, int64_t row, int64_t col) {
    if (op.op == Op::Add) return value + *at<const T>(op.in[1], row, col);
    const T alpha = static_cast<T>(op.f[0]);
    if (op.op == Op::Map) return math::Relu::f(value, alpha);
    return value * math::Relu::df(*at<const T>(op.in[0], row, col), alpha);
  }

  const BoundOp* ops_;
  int count_, quick_ = 0;
  const StepState& state_;
};

// The tile of a block: neighbours share rows of A while they are in the L2 cache.
template <class S>
struct Place {
  int64_t row, col;
  FF_DEV Place(int64_t m, int64_t n, int64_t tile) {
    constexpr int64_t kGroup = 8;
    const int64_t down = (m + S::rows - 1) / S::rows, across = (n + S::cols - 1) / S::cols;
    const int64_t group = tile / (kGroup * across), first = group * kGroup;
    const int64_t tall = down - first < kGroup ? down - first : kGroup;
    const int64_t inside = tile % (kGroup * across);
    row = (first + inside % tall) * S::rows;
    col = inside / tall * S::cols;
  }
};

// ops[0] is the product. `partial`: not null: chunk blockIdx.y alone, to that place.
template <class T, class S, bool TransA, bool TransB>
FF_KERNEL __launch_bounds__(S::threads)
    gemm_kernel(const BoundOp* ops, int count, T* partial, const StepState* state) {
  if (is_over(*state)) return;
  const Product<T> p = product_of<T>(ops[0], *state);
  const int64_t tiles = ((p.m + S::rows - 1) / S::rows) * ((p.n + S::cols - 1) / S::cols);
  if (blockIdx.x >= tiles) return;
  const Place<S> place(p.m, p.n, blockIdx.x);
  Tile<T, S, TransA, TransB> tile(p, place.row, place.col);
  const int64_t chunks = chunks_of(p.k);
  if (partial != nullptr) {
    if (blockIdx.y >= chunks) return;
    const int64_t first = static_cast<int64_t>(blockIdx.y) * kChunk;
    tile.chunk(first, first + kChunk < p.k ? first + kChunk : p.k);
    T* to = partial + blockIdx.y * p.m * p.n;
    tile.each([&](int64_t row, int64_t col, T value) { to[row * p.n + col] = value; });
    return;
  }
  for (int64_t c = 0; c + 1 < chunks; ++c) {
    tile.chunk(c * kChunk, (c + 1) * kChunk);
    tile.each([&](int64_t row, int64_t col, T value) {
      T& sum = p.c[row * p.ldc + col];
      sum = c == 0 ? value : sum + value;
    });
  }
  tile.chunk((chunks - 1) * kChunk, p.k);
  const Followers<T> followers(ops, count - 1, *state);
  tile.each([&](int64_t row, int64_t col, T value) {
    followers.quick(row, col, math::keep(chunks == 1 ? value : p.c[row * p.ldc + col] + value));
  });
  if (!followers.has_rest()) return;
  tile.each([&](int64_t row, int64_t col, T) { followers.rest(row, col); });
}

// Adds the chunks that gemm_kernel made apart.
template <class T>
FF_KERNEL join_kernel(const BoundOp* ops, int count, const T* partial, const StepState* state) {
  if (is_over(*state)) return;
  const Product<T> p = product_of<T>(ops[0], *state);
  const int64_t chunks = chunks_of(p.k), all = p.m * p.n;
  const Followers<T> followers(ops, count - 1, *state);
  for (int64_t i = grid_thread(); i < all; i += grid_threads()) {
    T total = partial[i];
    for (int64_t c = 1; c < chunks; ++c) total = total + partial[c * all + i];
    followers.quick(i / p.n, i % p.n, math::keep(total));
    if (followers.has_rest()) followers.rest(i / p.n, i % p.n);
  }
}

}  // namespace feedfwd::gpu
