// Running one instruction on every instruction set and number of parts: same bits each time, and
// nothing written outside the result.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cpu/code.h"
#include "cpu/dispatch.h"

namespace feedfwd::test {

inline int passed = 0, failed = 0;

inline bool check(bool ok, const std::string& what) {
  ++(ok ? passed : failed);
  if (!ok && failed <= 40) std::printf("FAILED: %s\n", what.c_str());
  return ok;
}
inline int summary() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, int32_t>) return DType::i32;
  if constexpr (std::is_same_v<T, int64_t>) return DType::i64;
  return DType::b8;
}

// rows x cols with a row stride, guard bands before, after and in the pads.
template <class T>
struct Array {
  int64_t rows, cols, stride;
  std::vector<T> memory;
  static constexpr int64_t kBand = 33;  // also makes rows start at odd addresses

  Array(int64_t rows, int64_t cols, int64_t stride = 0)
      : rows(rows),
        cols(cols),
        stride(stride ? stride : cols),
        memory(static_cast<size_t>(2 * kBand + rows * this->stride), T(77)) {}
  T& operator()(int64_t r, int64_t c) { return memory[kBand + r * stride + c]; }
  T operator()(int64_t r, int64_t c) const { return memory[kBand + r * stride + c]; }
  Ref ref() { return {memory.data() + kBand, {rows}, {cols}, stride, 1, dtype_of<T>()}; }
  // As an operand of a larger extent: a dimension of 1 is repeated.
  Ref broadcast(int64_t to_rows, int64_t to_cols) {
    Ref r = ref();
    if (rows == 1) r.row_stride = 0;
    if (cols == 1 && to_cols != 1) r.col_stride = 0;
    r.rows = {to_rows};
    r.cols = {to_cols};
    return r;
  }
  bool guarded() const {
    for (size_t k = 0; k < memory.size(); ++k) {
      const int64_t at = static_cast<int64_t>(k) - kBand;
      const bool inside = at >= 0 && at < rows * stride && at % stride < cols;
      if (!inside && memory[k] != T(77)) return false;
    }
    return true;
  }
};

inline std::mt19937_64 generator(7);
template <class T>
Array<T>& fill(Array<T>& a, double low = -3, double high = 3) {
  std::uniform_real_distribution<double> d(low, high);
  for (int64_t r = 0; r < a.rows; ++r) {
    for (int64_t c = 0; c < a.cols; ++c) a(r, c) = static_cast<T>(d(generator));
  }
  return a;
}

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  }
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}
template <class T>
bool same(const Array<T>& a, const Array<T>& b) {
  for (size_t k = 0; k < a.memory.size(); ++k) {
    if (!same(a.memory[k], b.memory[k])) return false;
  }
  return a.memory.size() == b.memory.size();
}

// Runs `program` everywhere; `out` is restored before each run. All runs must leave equal bits; the
// last ones are left in `out`.
template <class... Out>
void everywhere(const std::string& what, const std::vector<Instr>& program, Array<Out>&... out) {
  const std::tuple<Array<Out>...> before(out...);
  std::vector<std::tuple<Array<Out>...>> first;
  for (const Kernels* kernels : available_kernels()) {
    for (int parts : {1, 2, 3, 7}) {
      team().set(parts);
      std::tie(out...) = before;
      // The same memory, so that refs stay good.
      CpuCode code(program, 1, *kernels, 0);
      StepState state;
      code.submit(state, 1);
      const std::string where = what + " " + kernels->name + " parts " + std::to_string(parts);
      check((out.guarded() && ...), where + ": wrote outside");
      if (first.empty()) {
        first.emplace_back(out...);
      } else {
        std::apply([&](const auto&... a) { check((same(a, out) && ...), where + ": bits"); },
                   first[0]);
      }
    }
  }
}

template <class T>
void expect(const std::string& what, const Array<T>& got,
            const std::function<T(int64_t, int64_t)>& want) {
  for (int64_t r = 0; r < got.rows; ++r) {
    for (int64_t c = 0; c < got.cols; ++c) {
      const T w = want(r, c);
      if (same(got(r, c), w)) continue;
      check(false, what + " at " + std::to_string(r) + "," + std::to_string(c) + ": " +
                       std::to_string(got(r, c)) + " instead of " + std::to_string(w));
      return;
    }
  }
  check(true, what);
}
template <class T>
void expect_near(const std::string& what, const Array<T>& got, double ulps,
                 const std::function<double(int64_t, int64_t)>& want) {
  const double eps = std::is_same_v<T, float> ? 0x1p-23 : 0x1p-52;
  for (int64_t r = 0; r < got.rows; ++r) {
    for (int64_t c = 0; c < got.cols; ++c) {
      const double w = want(r, c), error = std::abs(static_cast<double>(got(r, c)) - w);
      if (error <= ulps * eps * std::max(1.0, std::abs(w))) continue;
      check(false, what + " at " + std::to_string(r) + "," + std::to_string(c) + ": off by " +
                       std::to_string(error / eps) + " eps");
      return;
    }
  }
  check(true, what);
}

inline Instr instr(Op op, std::vector<Ref> in, std::vector<Ref> out, Attrs attrs = {}) {
  return {op, attrs, std::move(in), std::move(out), 0};
}

}  // namespace feedfwd::test
