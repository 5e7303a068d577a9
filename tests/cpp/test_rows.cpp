// Reductions, softmax and cross-entropy, gather and form ops of the CPU against plain loops.
#include <limits>
#include <tuple>

#include "kernel_harness.h"

using namespace feedfwd;
using namespace feedfwd::test;

namespace {

Attrs reduce_kind(int kind) {
  Attrs attrs;
  attrs.i[2] = kind;
  return attrs;
}

// Rule 2, written plainly.
template <class T>
T row_rule(const std::vector<T>& x) {
  T total = 0;
  for (size_t block = 0; block < x.size(); block += 1024) {
    T lane[16] = {};
    for (size_t k = block; k < std::min(x.size(), block + 1024); ++k) lane[k % 16] += x[k];
    for (int d = 8; d > 0; d /= 2) {
      for (int l = 0; l < d; ++l) lane[l] += lane[l + d];
    }
    total = block == 0 ? lane[0] : total + lane[0];
  }
  return total;
}
template <class T>
T column_rule(const std::vector<T>& x) {
  T total = 0;
  for (size_t chunk = 0; chunk < x.size(); chunk += 384) {
    T sum = 0;
    for (size_t k = chunk; k < std::min(x.size(), chunk + 384); ++k) sum += x[k];
    total = chunk == 0 ? sum : total + sum;
  }
  return total;
}
template <class T>
std::vector<T> row_of(const Array<T>& a, int64_t r) {
  std::vector<T> x;
  for (int64_t c = 0; c < a.cols; ++c) x.push_back(a(r, c));
  return x;
}
template <class T>
std::vector<T> column_of(const Array<T>& a, int64_t c) {
  std::vector<T> x;
  for (int64_t r = 0; r < a.rows; ++r) x.push_back(a(r, c));
  return x;
}

template <class T>
void reductions(int64_t rows, int64_t cols) {
  Array<T> a(rows, cols, cols + 3);
  fill(a, -100, 100);
  const std::string what = std::to_string(rows) + "x" + std::to_string(cols);
  Array<T> by_row(rows, 1), by_column(1, cols), full(1, 1);
  everywhere(what, {instr(Op::Sum, {a.ref()}, {by_row.ref()}, reduce_kind(0))}, by_row);
  everywhere(what, {instr(Op::Sum, {a.ref()}, {by_column.ref()}, reduce_kind(1))}, by_column);
  everywhere(what, {instr(Op::Sum, {a.ref()}, {full.ref()}, reduce_kind(2))}, full);
  std::vector<T> sums;
  for (int64_t r = 0; r < rows; ++r) sums.push_back(row_rule(row_of(a, r)));
  expect<T>("row sum " + what, by_row, [&](int64_t r, int64_t) { return sums[r]; });
  expect<T>("column sum " + what, by_column,
            [&](int64_t, int64_t c) { return column_rule(column_of(a, c)); });
  expect<T>("full sum " + what, full, [&](int64_t, int64_t) { return column_rule(sums); });
  if (rows == 0 || cols == 0) return;
  Array<int64_t> best(rows, 1), best_row(1, cols);
  everywhere(what, {instr(Op::ReduceMax, {a.ref()}, {by_row.ref()}, reduce_kind(0))}, by_row);
  everywhere(what, {instr(Op::ReduceMin, {a.ref()}, {by_column.ref()}, reduce_kind(1))}, by_column);
  everywhere(what, {instr(Op::ReduceMax, {a.ref()}, {full.ref()}, reduce_kind(2))}, full);
  everywhere(what, {instr(Op::ArgMax, {a.ref()}, {best.ref()}, reduce_kind(0))}, best);
  everywhere(what, {instr(Op::ArgMax, {a.ref()}, {best_row.ref()}, reduce_kind(1))}, best_row);
  auto largest = [](const std::vector<T>& x) { return *std::max_element(x.begin(), x.end()); };
  auto where = [](const std::vector<T>& x) {
    return std::max_element(x.begin(), x.end()) - x.begin();
  };
  expect<T>("max " + what, by_row, [&](int64_t r, int64_t) { return largest(row_of(a, r)); });
  expect<T>("min " + what, by_column, [&](int64_t, int64_t c) {
    const std::vector<T> x = column_of(a, c);
    return *std::min_element(x.begin(), x.end());
  });
  expect<T>("full max " + what, full, [&](int64_t, int64_t) {
    T m = a(0, 0);
    for (int64_t r = 0; r < rows; ++r) m = std::max(m, largest(row_of(a, r)));
    return m;
  });
  expect<int64_t>("argmax " + what, best, [&](int64_t r, int64_t) { return where(row_of(a, r)); });
  expect<int64_t>("argmax " + what, best_row,
                  [&](int64_t, int64_t c) { return where(column_of(a, c)); });
}

void extremes_of_nan() {
  Array<float> a(2, 40), m(2, 1);
  Array<int64_t> at(2, 1);
  fill(a);
  a(0, 5) = NAN;
  a(1, 7) = a(1, 9) = 50;
  everywhere("max of NaN", {instr(Op::ReduceMax, {a.ref()}, {m.ref()}, reduce_kind(0))}, m);
  everywhere("argmax", {instr(Op::ArgMax, {a.ref()}, {at.ref()}, reduce_kind(0))}, at);
  check(std::isnan(m(0, 0)) && m(1, 0) == 50, "max of NaN");
  check(at(0, 0) == 5 && at(1, 0) == 7, "argmax: first NaN, lowest of ties");
}

template <class T>
void sum_squares() {
  Array<T> a(50, 70, 80);
  Array<double> out(1, 1);
  fill(a);
  everywhere("sum squares", {instr(Op::SumSquares, {a.ref()}, {out.ref()})}, out);
  std::vector<double> sums;
  for (int64_t r = 0; r < 50; ++r) {
    double lane[16] = {};
    for (int64_t c = 0; c < 70; ++c)
      lane[c % 16] = std::fma(double(a(r, c)), double(a(r, c)), lane[c % 16]);
    for (int d = 8; d > 0; d /= 2) {
      for (int l = 0; l < d; ++l) lane[l] += lane[l + d];
    }
    sums.push_back(lane[0]);
  }
  expect<double>("sum squares", out, [&](int64_t, int64_t) { return column_rule(sums); });
}

template <class T>
void softmax_family(int64_t rows, int64_t cols, double size) {
  Array<T> z(rows, cols, cols + 2), p(rows, cols), y(rows, cols), t(rows, cols), loss(rows, 1),
      g(rows, 1);
  Array<int64_t> label(rows, 1);
  fill(z, -size, size), fill(t, 0, 1), fill(g), fill(label, 0, static_cast<double>(cols));
  auto lse = [&](int64_t r, double& top) {
    double sum = 0;
    top = -INFINITY;
    for (int64_t c = 0; c < cols; ++c) top = std::max(top, double(z(r, c)));
    for (int64_t c = 0; c < cols; ++c) sum += std::exp(double(z(r, c)) - top);
    return std::log(sum);
  };
  auto log_p = [&](int64_t r, int64_t c) {
    double top, s = lse(r, top);
    return double(z(r, c)) - top - s;
  };
  // Each element is a few roundings away, and log(sum) a sum's worth.
  const double ulps = 8 + 0.1 * static_cast<double>(cols);
  everywhere("softmax", {instr(Op::Softmax, {z.ref()}, {y.ref()})}, y);
  expect_near<T>("softmax", y, ulps, [&](int64_t r, int64_t c) { return std::exp(log_p(r, c)); });
  everywhere("log softmax", {instr(Op::LogSoftmax, {z.ref()}, {y.ref()})}, y);
  expect_near<T>("log softmax", y, ulps, log_p);
  everywhere("xent", {instr(Op::Xent, {z.ref(), label.ref()}, {loss.ref(), p.ref()})}, loss, p);
  expect_near<T>("xent", loss, ulps, [&](int64_t r, int64_t) { return -log_p(r, label(r, 0)); });
  expect_near<T>("xent p", p, ulps, [&](int64_t r, int64_t c) { return std::exp(log_p(r, c)); });
  everywhere("xent grad", {instr(Op::XentGrad, {p.ref(), label.ref(), g.ref()}, {y.ref()})}, y);
  expect<T>("xent grad", y, [&](int64_t r, int64_t c) {
    return (c == label(r, 0) ? p(r, c) - T(1) : p(r, c)) * g(r, 0);
  });
  const Array<T> old_p = p;
  everywhere("xent", {instr(Op::Xent, {z.ref(), t.ref()}, {loss.ref(), p.ref()})}, loss, p);
  check(same(p, old_p), "p of dense targets");
  expect_near<T>("xent dense", loss, 4 * ulps, [&](int64_t r, int64_t) {
    double sum = 0;
    for (int64_t c = 0; c < cols; ++c) sum -= double(t(r, c)) * log_p(r, c);
    return sum;
  });
  everywhere("xent grad", {instr(Op::XentGrad, {p.ref(), t.ref(), g.ref()}, {y.ref()})}, y);
  expect<T>("xent grad dense", y, [&](int64_t r, int64_t c) {
    return (p(r, c) * row_rule(row_of(t, r)) - t(r, c)) * g(r, 0);
  });
  label(0, 0) = cols;
  everywhere("xent", {instr(Op::Xent, {z.ref(), label.ref()}, {loss.ref(), p.ref()})}, loss, p);
  check(std::isnan(loss(0, 0)), "label out of range");
  everywhere("one hot", {instr(Op::OneHot, {label.ref()}, {y.ref()})}, y);
  expect<T>("one hot", y, [&](int64_t r, int64_t c) { return T(label(r, 0) == c); });
}

template <class From, class To>
void gather(DType dtype, std::vector<From> data, std::vector<To> want) {
  const auto n = static_cast<int64_t>(data.size());
  Array<To> out(n, 1, 2);
  const Ref in{data.data(), {n}, {1}, 1, 1, dtype};
  everywhere("gather", {instr(Op::Gather, {in}, {out.ref()})}, out);
  expect<To>(std::string("gather ") + name_of(dtype), out,
             [&](int64_t r, int64_t) { return want[r]; });
  // The caller's data lie where they lie; UBSan sees a load of a number there.
  std::vector<char> bytes(data.size() * sizeof(From) + 1);
  std::memcpy(bytes.data() + 1, data.data(), data.size() * sizeof(From));
  const Ref odd{bytes.data() + 1, {n}, {1}, 1, 1, dtype};
  everywhere("gather", {instr(Op::Gather, {odd}, {out.ref()})}, out);
  expect<To>(std::string("gather of an odd address, ") + name_of(dtype), out,
             [&](int64_t r, int64_t) { return want[r]; });
}
// Rows of one type, end to end and apart.
template <class T>
void gather_rows() {
  for (const int64_t cols : {1, 2, 3, 8, 9, 16, 17, 31, 32, 33, 64, 71, 130}) {
    for (const int64_t gap : {0, 5}) {
      Array<T> data(7, cols), out(7, cols, cols + gap);
      fill(data);
      everywhere("gather", {instr(Op::Gather, {data.ref()}, {out.ref()})}, out);
      expect<T>("gather of rows", out, [&](int64_t r, int64_t c) { return data(r, c); });
    }
  }
}
void gathers() {
  gather_rows<float>(), gather_rows<double>();
  gather<uint16_t, float>(DType::f16, {0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x8000, 0x0400},
                          {1, -2, 0x1p-24f, 65504, -INFINITY, -0.0f, 0x1p-14f});
  gather<uint8_t, float>(DType::u8, {0, 7, 255}, {0, 7, 255});
  gather<uint8_t, double>(DType::b8, {0, 7, 1}, {0, 1, 1});
  gather<int8_t, int32_t>(DType::i8, {-128, 127}, {-128, 127});
  gather<uint8_t, uint8_t>(DType::u8, {0, 2}, {0, 1});
  gather<uint64_t, double>(DType::u64, {~uint64_t{0}, 5}, {0x1p64, 5});
  gather<uint32_t, int64_t>(DType::u32, {~uint32_t{0}}, {4294967295});
  gather<double, float>(DType::f64, {0.1, 1e300}, {0.1f, INFINITY});
  gather<int16_t, float>(DType::i16, {-5}, {-5});
  gather<uint16_t, int32_t>(DType::u16, {65535}, {65535});
}

Attrs shaped(Shape shape, std::initializer_list<int64_t> i) {
  Attrs attrs;
  attrs.shape = shape;
  std::copy(i.begin(), i.end(), attrs.i.begin());
  return attrs;
}

template <class T>
void forms() {
  Array<T> a(12, 35, 40), b(12, 7), ab(12, 42, 50), swapped(35, 12, 16);
  fill(a), fill(b);
  everywhere("concat", {instr(Op::Concat, {a.ref(), b.ref()}, {ab.ref()})}, ab);
  expect<T>("concat", ab, [&](int64_t r, int64_t c) { return c < 35 ? a(r, c) : b(r, c - 35); });
  everywhere("transpose",
             {instr(Op::Transpose, {a.ref()}, {swapped.ref()}, shaped({12, 35}, {1, 0}))}, swapped);
  expect<T>("transpose", swapped, [&](int64_t r, int64_t c) { return a(c, r); });
  Array<T> cube(6, 5), turned(10, 3);  // (2, 3, 5) -> (2, 5, 3)
  fill(cube);
  everywhere("transpose",
             {instr(Op::Transpose, {cube.ref()}, {turned.ref()}, shaped({2, 3, 5}, {0, 2, 1}))},
             turned);
  expect<T>("transpose 3", turned,
            [&](int64_t r, int64_t c) { return cube(r / 5 * 3 + c, r % 5); });
  Array<T> odd(12, 17), rows(4, 35, 36), back(12, 35, 38), middle(4, 5);
  const Attrs columns = shaped({12, 35}, {1, 1, 2, 17}), lines = shaped({12, 35}, {0, 2, 3, 4});
  everywhere("slice", {instr(Op::Slice, {a.ref()}, {odd.ref()}, columns)}, odd);
  expect<T>("slice columns", odd, [&](int64_t r, int64_t c) { return a(r, 1 + 2 * c); });
  everywhere("slice", {instr(Op::Slice, {a.ref()}, {rows.ref()}, lines)}, rows);
  expect<T>("slice rows", rows, [&](int64_t r, int64_t c) { return a(2 + 3 * r, c); });
  everywhere("slice",
             {instr(Op::Slice, {cube.ref()}, {middle.ref()}, shaped({2, 3, 5}, {1, 1, 1, 2}))},
             middle);
  expect<T>("slice 3", middle,
            [&](int64_t r, int64_t c) { return cube(r / 2 * 3 + 1 + r % 2, c); });
  everywhere("slice grad",
             {instr(Op::SliceGrad, {odd.ref()}, {back.ref()}, shaped({12, 35}, {1, 1, 2, 35}))},
             back);
  expect<T>("slice grad", back,
            [&](int64_t r, int64_t c) { return c % 2 == 1 && c < 35 ? odd(r, c / 2) : T(0); });
  everywhere("slice grad",
             {instr(Op::SliceGrad, {rows.ref()}, {back.ref()}, shaped({12, 35}, {0, 2, 3, 12}))},
             back);
  expect<T>("slice grad rows", back, [&](int64_t r, int64_t c) {
    return r >= 2 && (r - 2) % 3 == 0 ? rows((r - 2) / 3, c) : T(0);
  });
}

}  // namespace

int main() {
  for (int64_t cols : {0, 1, 15, 16, 17, 100, 1024, 1025, 3000}) {
    reductions<float>(5, cols), reductions<double>(3, cols);
  }
  for (int64_t rows : {0, 1, 383, 384, 385, 1000}) {
    reductions<float>(rows, 37), reductions<double>(rows, 90);
  }
  reductions<int32_t>(20, 19), reductions<int64_t>(20, 35);
  extremes_of_nan();
  sum_squares<float>(), sum_squares<double>();
  for (int64_t cols : {1, 10, 33, 1100}) {
    softmax_family<float>(9, cols, 5), softmax_family<double>(9, cols, 5);
    softmax_family<double>(3, cols, 1e4);
  }
  gathers();
  forms<float>(), forms<double>(), forms<uint8_t>(), forms<int64_t>();
  return summary();
}
