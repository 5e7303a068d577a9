// AVX2 with FMA: 8 floats or 4 doubles, comparison results as full-width integers.
#pragma once

#include <immintrin.h>

namespace feedfwd::FF_ISA {

// -1 for the first lanes, 0 after: partial loads and stores read their mask from the middle.
inline constexpr int32_t kFirst32[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
inline constexpr int64_t kFirst64[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

template <class T>
struct NativeMasks : Register<T, 32> {
  using typename Register<T, 32>::Real;
  using typename Register<T, 32>::Int;
  using typename Register<T, 32>::Signed;
  using MaskReg = Signed;

  static FF_INLINE MaskReg lt(Real a, Real b) { return (MaskReg)(a < b); }
  static FF_INLINE MaskReg le(Real a, Real b) { return (MaskReg)(a <= b); }
  static FF_INLINE MaskReg eq(Real a, Real b) { return (MaskReg)(a == b); }
  static FF_INLINE MaskReg eq(Int a, Int b) { return (MaskReg)(a == b); }
  static FF_INLINE MaskReg lt(Int a, Int b) { return (MaskReg)(a < b); }
  static FF_INLINE MaskReg mask_and(MaskReg a, MaskReg b) { return a & b; }
  static FF_INLINE MaskReg mask_or(MaskReg a, MaskReg b) { return a | b; }
  static FF_INLINE MaskReg mask_not(MaskReg a) { return ~a; }
};

template <>
struct Native<float> : NativeMasks<float> {
  static FF_INLINE __m256i first(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst32 + 8 - n));
  }
  static FF_INLINE Real load(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }
  static FF_INLINE void store(float* p, Real v, int n) { _mm256_maskstore_ps(p, first(n), v); }
  static FF_INLINE Real fma(Real a, Real b, Real c) { return _mm256_fmadd_ps(a, b, c); }
  static FF_INLINE Real sqrt(Real a) { return _mm256_sqrt_ps(a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return _mm256_blendv_ps(b, a, (__m256)m);
  }
  static FF_INLINE Int mul_hi(Int a, Int b) {
    const __m256i x = (__m256i)a, y = (__m256i)b;
    const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32(x, y), 32);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(y, 32));
    return (Int)_mm256_blend_epi32(even, odd, 0xaa);
  }
};

template <>
struct Native<double> : NativeMasks<double> {
  static FF_INLINE __m256i first(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst64 + 4 - n));
  }
  static FF_INLINE Real load(const double* p, int n) { return _mm256_maskload_pd(p, first(n)); }
  static FF_INLINE void store(double* p, Real v, int n) { _mm256_maskstore_pd(p, first(n), v); }
  static FF_INLINE Real fma(Real a, Real b, Real c) { return _mm256_fmadd_pd(a, b, c); }
  static FF_INLINE Real sqrt(Real a) { return _mm256_sqrt_pd(a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return _mm256_blendv_pd(b, a, (__m256d)m);
  }
};

}  // namespace feedfwd::FF_ISA
