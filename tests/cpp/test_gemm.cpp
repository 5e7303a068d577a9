// Matmul of every instruction set against plain loops that follow the contract: equal bits, nothing
// written beside C, every element finished exactly once.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <vector>

#include "cpu/dispatch.h"

namespace {

using namespace feedfwd;

int passed = 0, failed = 0;

struct Size {
  int64_t m, n, k;
};

// A matrix with `gap` spare elements between its rows and `band` ahead of the first and behind the
// last. Operands have no band, so that a sanitizer sees what is read outside.
template <class T>
struct Matrix {
  int64_t rows, cols, ld, band;
  std::vector<T> store;

  Matrix(int64_t rows, int64_t cols, int64_t gap, int64_t band, T fill)
      : rows(rows),
        cols(cols),
        ld(cols + gap),
        band(band),
        store((rows > 0 ? rows * ld - gap : 0) + 2 * band, fill) {}
  T* data() { return store.data() + band; }
  T& at(int64_t i, int64_t j) { return data()[i * ld + j]; }
};

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x7fb5d329728ea185ull;
  return x ^ (x >> 27);
}

// Values of differing size and sign, so that any other order of sums shows.
template <class T>
Matrix<T> random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<T> out(rows, cols, static_cast<int64_t>(seed % 4), 0, std::numeric_limits<T>::quiet_NaN());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      const uint64_t word = mix(seed * 0x9e3779b97f4a7c15ull + static_cast<uint64_t>(i * cols + j));
      const T unit = static_cast<T>(static_cast<double>(word >> 11) * 0x1p-53 - 0.5);
      out.at(i, j) = std::ldexp(unit, static_cast<int>(word % 7));
    }
  }
  return out;
}

template <class T>
T keep(T x) {
  return std::fabs(x) < std::numeric_limits<T>::min() ? T(0) : x;
}

// Rule 1.
template <class T>
T chunked(const T* a, const T* b, int64_t k) {
  T sum = 0;
  for (int64_t k0 = 0; k0 < k; k0 += 384) {
    T acc = 0;
    for (int64_t kk = k0; kk < k && kk < k0 + 384; ++kk) acc = std::fma(a[kk], b[kk], acc);
    sum = k0 == 0 ? acc : sum + acc;
  }
  return keep(sum);
}

// Rule 1's exception.
template <class T>
T laned(const T* a, const T* b, int64_t k) {
  T lane[16] = {};
  for (int64_t kk = 0; kk < k; ++kk) lane[kk % 16] = std::fma(a[kk], b[kk], lane[kk % 16]);
  for (int distance = 8; distance > 0; distance /= 2) {
    for (int l = 0; l < distance; ++l) lane[l] += lane[l + distance];
  }
  return keep(lane[0]);
}

// One matmul as the backend calls it.
template <class T>
class Product {
 public:
  Product(Matrix<T>& a, bool trans_a, Matrix<T>& b, bool trans_b, Matrix<T>& c, bool lanes)
      : in_{ref(a), ref(b)}, out_(ref(c)) {
    op_.op = Op::Matmul;
    op_.dtype = out_.dtype;
    op_.inputs = 2;
    op_.outputs = 1;
    op_.in = in_;
    op_.out = &out_;
    op_.i[0] = trans_a;
    op_.i[1] = trans_b;
    op_.i[2] = lanes;
  }
  int64_t scratch_bytes(const Kernels& isa) const { return isa.scratch_bytes(op_, 1, 1); }
  // A part's share as `how` says; how.op and how.state are set here.
  void run(const Kernels& isa, KernelCall how) const {
    const StepState state;
    how.op = &op_;
    how.state = &state;
    isa.whole(op_)(how);
  }

 private:
  static BoundRef ref(Matrix<T>& x) {
    constexpr DType dtype = sizeof(T) == 8 ? DType::f64 : DType::f32;
    return {reinterpret_cast<char*>(x.data()), x.rows, x.cols, x.ld, 1, false, false, dtype};
  }
  BoundRef in_[2], out_;
  BoundOp op_{};
};

template <class T>
class Case {
 public:
  Case(Size s, bool lanes, uint64_t seed)
      : s_(s),
        lanes_(lanes),
        a_(random_matrix<T>(s.m, s.k, seed)),
        a_t_(transposed(a_, seed + 1)),
        b_(random_matrix<T>(s.k, s.n, seed + 2)),
        b_t_(transposed(b_, seed + 3)),
        want_(s.m, s.n, 0, 0, T(0)) {
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        const T* row = a_.data() + i * a_.ld;
        const T* column = b_t_.data() + j * b_t_.ld;
        want_.at(i, j) = lanes ? laned(row, column, s.k) : chunked(row, column, s.k);
      }
    }
  }

  void check(const Kernels& isa, bool trans_a, bool trans_b, int parts, int64_t gap,
             Split split = Split::free) {
    Matrix<T> c(s_.m, s_.n, gap, 32, guard());
    std::vector<int> finished(s_.m * s_.n, 0);
    Watch watch{this, &c, &finished};
    Matrix<T>& a = trans_a ? a_t_ : a_;
    Matrix<T>& b = trans_b ? b_t_ : b_;
    const Product<T> p(a, trans_a, b, trans_b, c, lanes_);
    const auto bytes = p.scratch_bytes(isa);
    for (int part = parts - 1; part >= 0; --part) {
      std::vector<T> scratch(bytes / sizeof(T), guard());
      p.run(isa, {nullptr, nullptr, part, parts, split, scratch.data(), &Watch::tile, &watch});
    }
    bool good = watch.good && untouched(c);
    for (int count : finished) good = good && count == 1;
    ++(good ? passed : failed);
    if (!good) {
      std::printf("FAILED %s f%d m %ld n %ld k %ld trans %d %d lanes %d parts %d split %d\n",
                  isa.name, static_cast<int>(8 * sizeof(T)), static_cast<long>(s_.m),
                  static_cast<long>(s_.n), static_cast<long>(s_.k), trans_a, trans_b, lanes_, parts,
                  static_cast<int>(split));
    }
  }

 private:
  // Compares while the kernel says a rectangle is finished: it must hold its final values.
  struct Watch {
    Case* self;
    Matrix<T>* c;
    std::vector<int>* finished;
    bool good = true;

    static void tile(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1) {
      Watch& w = *static_cast<Watch*>(context);
      for (int64_t i = row0; i < row1; ++i) {
        for (int64_t j = col0; j < col1; ++j) {
          ++(*w.finished)[i * w.self->s_.n + j];
          const T want = w.self->want_.at(i, j);
          w.good = w.good && std::memcmp(&w.c->at(i, j), &want, sizeof want) == 0;
        }
      }
    }
  };

  static T guard() { return std::numeric_limits<T>::quiet_NaN(); }

  static Matrix<T> transposed(Matrix<T>& from, uint64_t gap) {
    Matrix<T> out(from.cols, from.rows, static_cast<int64_t>(gap % 4), 0, guard());
    for (int64_t i = 0; i < from.rows; ++i) {
      for (int64_t j = 0; j < from.cols; ++j) out.at(j, i) = from.at(i, j);
    }
    return out;
  }

  bool untouched(Matrix<T>& c) {
    const T want = guard();
    const int64_t first = c.band;
    for (int64_t at = 0; at < static_cast<int64_t>(c.store.size()); ++at) {
      const int64_t i = at - first;
      const bool inside = i >= 0 && i < c.rows * c.ld && i % c.ld < c.cols;
      if (!inside && std::memcmp(&c.store[at], &want, sizeof want) != 0) return false;
    }
    return true;
  }

  Size s_;
  bool lanes_;
  Matrix<T> a_, a_t_, b_, b_t_, want_;
};

constexpr int kParts[] = {1, 2, 3, 4, 7};

// All transposes; the number of parts changes from call to call unless all are asked for, and so
// does the way they share.
template <class T>
void check_gemm(const std::vector<const Kernels*>& isas, Size s, bool all_parts) {
  static unsigned turn = 0, splits = 0;
  Case<T> one(s, false, static_cast<uint64_t>(s.m * 1009 + s.n * 31 + s.k));
  for (const Kernels* isa : isas) {
    for (int form = 0; form < 4; ++form) {
      for (size_t i = 0; i < (all_parts ? std::size(kParts) : 1); ++i) {
        const int parts = kParts[all_parts ? i : turn++ % std::size(kParts)];
        const auto split = static_cast<Split>(splits++ % 3);
        one.check(*isa, form & 1, form & 2, parts, turn % 3, split);
      }
    }
  }
}

template <class T>
void check_lanes(const std::vector<const Kernels*>& isas, Size s) {
  Case<T> one(s, true, static_cast<uint64_t>(s.m * 1009 + s.n * 31 + s.k));
  for (const Kernels* isa : isas) {
    for (int trans_b = 0; trans_b < 2; ++trans_b) {
      for (int parts : kParts) one.check(*isa, false, trans_b, parts, s.k % 3);
    }
  }
}

template <class T>
void check_type(const std::vector<const Kernels*>& isas) {
  const int64_t edges[] = {31, 32, 33, 47, 48, 63, 64, 65, 127, 128, 129, 130};
  for (int64_t m = 1; m <= 20; ++m) {
    for (int64_t n = 1; n <= 20; ++n) {
      for (int64_t k = 1; k <= 20; ++k) check_gemm<T>(isas, {m, n, k}, false);
    }
  }
  for (int64_t x : edges) {
    for (int64_t y : edges) {
      check_gemm<T>(isas, {x, y, 1 + (x + y) % 9}, false);
      check_gemm<T>(isas, {1 + (x + y) % 17, y, x}, false);
      check_gemm<T>(isas, {x, 1 + (x + y) % 19, y}, false);
    }
    check_gemm<T>(isas, {x, x, x}, true);
  }
  for (int64_t k : {383, 384, 385, 767, 768, 769}) {
    for (Size s : {Size{1, 1, k}, {3, 10, k}, {17, 33, k}, {45, 37, k}, {2, 200, k}, {64, 48, k}}) {
      check_gemm<T>(isas, s, true);
    }
  }
  // More than one block of columns; rows that alias in the cache; nothing to add or to do.
  check_gemm<T>(isas, {50, 530, 385}, false);
  check_gemm<T>(isas, {1443, 144, 390}, false);  // several blocks of rows
  check_gemm<T>(isas, {1500, 530, 3}, false);
  check_gemm<T>(isas, {29, 600, 7}, true);
  check_gemm<T>(isas, {31, 100, 509}, true);
  // A few rows that stream B: all ends of k and n, several blocks. More rows where B is large.
  for (int64_t m = 1; m <= 5; ++m) {
    for (int64_t k : {0, 1, 5, 14, 384, 390}) check_gemm<T>(isas, {m, 517 + m, k}, false);
    check_gemm<T>(isas, {m, 2100 + m, 387}, false);
  }
  for (int64_t m = 5; m <= 13; ++m) check_gemm<T>(isas, {m, 700 + m, 775 - m}, false);
  check_gemm<T>(isas, {7, 2750, 770}, false);
  for (Size s : {Size{5, 7, 0}, {0, 7, 5}, {5, 0, 7}, {0, 0, 0}}) check_gemm<T>(isas, s, true);

  for (int64_t n = 1; n <= 4; ++n) {
    for (int64_t k : {0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130, 383, 384, 385, 769}) {
      for (int64_t m : {0, 1, 2, 3, 4, 5, 7, 8, 9, 33}) check_lanes<T>(isas, {m, n, k});
    }
  }
}

// Subnormal results become +0, larger ones and NaN stay.
template <class T>
void check_special(const std::vector<const Kernels*>& isas) {
  const T tiny = std::numeric_limits<T>::min();
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T values[4] = {-tiny, tiny, nan, T(-1)};
  Matrix<T> a(4, 1, 0, 0, T(0)), b(1, 1, 0, 0, T(0.5));
  for (int i = 0; i < 4; ++i) a.at(i, 0) = values[i];
  for (const Kernels* isa : isas) {
    for (int lanes = 0; lanes < 2; ++lanes) {
      Matrix<T> c(4, 1, 0, 0, T(1));
      const Product<T> p(a, false, b, false, c, lanes == 1);
      std::vector<T> scratch(p.scratch_bytes(*isa) / sizeof(T));
      p.run(*isa, {nullptr, nullptr, 0, 1, Split::free, scratch.data(), nullptr, nullptr});
      const T* got = c.data();
      const bool good = got[0] == 0 && !std::signbit(got[0]) && got[1] == 0 && std::isnan(got[2]) &&
                        got[3] == T(-0.5);
      ++(good ? passed : failed);
      if (!good) std::printf("FAILED %s special values, lanes %d\n", isa->name, lanes);
    }
  }
}

}  // namespace

int main() {
  const std::vector<const Kernels*> isas = available_kernels();
  check_type<float>(isas);
  check_type<double>(isas);
  check_special<float>(isas);
  check_special<double>(isas);
  for (const Kernels* isa : isas) std::printf("%s ", isa->name);
  std::printf("\n%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
