// What test_simd_isa.cpp offers to test_simd.cpp for each instruction set.
#pragma once

#include <cstdint>

namespace feedfwd {

// Functions of FF_UNARY_FUNCTIONS by place: value or derivative of n numbers, whole vectors and the
// rest by a partial one.
template <class T>
struct SimdOf {
  int lanes;
  void (*map)(int function, bool derivative, const T* x, T parameter, T* y, int64_t n);
  void (*pow)(const T* x, const T* y, T* z, int64_t n);
  // max, min, keep, copy_sign, sqrt, fma and the comparisons: 12 results for each pair.
  void (*basic)(const T* x, const T* y, T* z, int64_t n);
  // Sum and maximum over the first n <= 16 numbers, the rest +0.
  void (*tree)(const T* x, int n, T* sum, T* max);
  // x - y where x < y as integers, else x ^ (y >> 3); where x == y 1.
  void (*integers)(const T* x, const T* y, T* z, int64_t n);
  // One step of the optimizer by place in FF_OPTIMIZERS; slots one after the other, n each.
  void (*update)(int optimizer, T* w, const T* g, T* slots, const T* scalars, int flags, int64_t n);
};

struct SimdEntry {
  SimdOf<float> f32;
  SimdOf<double> f64;
  // Philox for 16 blocks from `block` on: word j of block l at out[16 j + l].
  void (*philox)(uint32_t block, uint64_t key, uint32_t* out);
  void (*from_words)(const uint32_t* words, float* f32, double* f64, int64_t n);
};

#define FF_SIMD_ENTRY(isa)      \
  namespace isa {               \
  extern const SimdEntry kSimd; \
  }
FF_SIMD_ENTRY(generic)
FF_SIMD_ENTRY(avx2)
FF_SIMD_ENTRY(avx512)
FF_SIMD_ENTRY(neon)
#undef FF_SIMD_ENTRY

}  // namespace feedfwd
