// Element types, shapes with a symbolic batch, and checked size arithmetic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace feedfwd {

// Ops compute in the first five; the others only occur as data that is cast while it is gathered.
enum class DType : uint8_t { f32, f64, i32, i64, b8, i8, u8, i16, u16, u32, u64, f16 };

constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::f64; }
constexpr bool is_integer(DType t) { return t == DType::i32 || t == DType::i64; }
constexpr bool is_compute(DType t) { return t <= DType::b8; }
size_t size_of(DType t);
const char* name_of(DType t);  // "float32", ... as NumPy spells it

// Python's TypeError; std::invalid_argument is its ValueError and std::bad_alloc its MemoryError.
struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throw std::invalid_argument when the result does not fit.
int64_t checked_mul(int64_t a, int64_t b);
int64_t checked_add(int64_t a, int64_t b);
constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

constexpr int kMaxRank = 6;

// A number of elements along an axis: n, or n per row of the batch.
struct Extent {
  int64_t n = 1;
  bool batch = false;
  constexpr int64_t at(int64_t rows) const { return batch ? n * rows : n; }
  bool operator==(const Extent&) const = default;
};

// Row-major shape. Where `batch` is set the leading extent is dims[0] times the batch's rows.
struct Shape {
  int rank = 0;
  bool batch = false;
  std::array<int64_t, kMaxRank> dims{};

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents, bool batch = false);
  int64_t operator[](int axis) const { return dims[axis < 0 ? rank + axis : axis]; }
  Extent extent(int axis) const { return {dims[axis], batch && axis == 0}; }
  int64_t count() const;  // of elements; per batch row where batch is set; overflow-checked
  // What kernels see: all leading axes as rows, the last as columns; rank 0 is 1 x 1, rank 1 is 1 x
  // n.
  Extent view_rows() const;
  Extent view_cols() const;
  bool operator==(const Shape&) const = default;
  std::string str() const;  // "(None, 3)", "(2, 5)", "()"
};

}  // namespace feedfwd
