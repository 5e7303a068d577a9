#include "core/types.h"

#include <limits>

namespace feedfwd {

size_t size_of(DType t) {
  switch (t) {
    case DType::f64:
    case DType::i64:
    case DType::u64:
      return 8;
    case DType::f32:
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::i16:
    case DType::u16:
    case DType::f16:
      return 2;
    case DType::b8:
    case DType::i8:
    case DType::u8:
      return 1;
  }
  throw std::logic_error("size_of: unknown dtype");
}

const char* name_of(DType t) {
  static constexpr const char* kNames[] = {"float32", "float64", "int32",  "int64",
                                           "bool",    "int8",    "uint8",  "int16",
                                           "uint16",  "uint32",  "uint64", "float16"};
  return kNames[static_cast<int>(t)];
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) {
    throw std::invalid_argument("size too large: " + std::to_string(a) + " * " + std::to_string(b) +
                                " does not fit 64 bits");
  }
  return result;
}

int64_t checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) {
    throw std::invalid_argument("size too large: " + std::to_string(a) + " + " + std::to_string(b) +
                                " does not fit 64 bits");
  }
  return result;
}

Shape::Shape(std::initializer_list<int64_t> extents, bool batch) : batch(batch) {
  if (extents.size() > kMaxRank) {
    throw std::invalid_argument("shape: " + std::to_string(extents.size()) +
                                " axes came, at most " + std::to_string(kMaxRank) + " expected");
  }
  for (int64_t n : extents) dims[rank++] = n;
}

int64_t Shape::count() const {
  int64_t n = 1;
  for (int k = 0; k < rank; ++k) n = checked_mul(n, dims[k]);
  return n;
}

Extent Shape::view_rows() const {
  Extent rows{1, batch && rank > 1};
  for (int k = 0; k + 1 < rank; ++k) rows.n = checked_mul(rows.n, dims[k]);
  return rows;
}

Extent Shape::view_cols() const {
  if (rank == 0) return {};
  return {dims[rank - 1], batch && rank == 1};
}

std::string Shape::str() const {
  std::string s = "(";
  for (int k = 0; k < rank; ++k) {
    if (k > 0) s += ", ";
    if (batch && k == 0) {
      s += dims[0] == 1 ? "None" : std::to_string(dims[0]) + "*None";
    } else {
      s += std::to_string(dims[k]);
    }
  }
  return s + (rank == 1 ? ",)" : ")");
}

}  // namespace feedfwd
