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

  // In parts: a masked store is a dozen cycles of microcode on some processors (Zen 3 among them).
  static FF_INLINE void store(T* p, Real v, int n) {
    const int bytes = n * static_cast<int>(sizeof(T));
    if (bytes >= 32) {
      __builtin_memcpy(p, &v, sizeof v);
      return;
    }
    auto* to = reinterpret_cast<__m128i*>(p);
    __m128i left = _mm256_castsi256_si128((__m256i)v);
    if (bytes & 16) {
      _mm_storeu_si128(to++, left);
      left = _mm256_extracti128_si256((__m256i)v, 1);
    }
    if (bytes & 8) {
      _mm_storel_epi64(to, left);
      left = _mm_unpackhi_epi64(left, left);
    }
    if (bytes & 4) {
      const int low = _mm_cvtsi128_si32(left);
      __builtin_memcpy(p + n - 1, &low, sizeof low);
    }
  }
};

template <>
struct Native<float> : NativeMasks<float> {
  static FF_INLINE __m256i first(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst32 + 8 - n));
  }
  static FF_INLINE Real load(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }
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
  // v[k] = lane j: rows[j][k]. Halves meet where they are loaded, which leaves 8 shuffles.
  static constexpr int turned = 4;
  static FF_INLINE void load_turned(Real* v, const float* const (&rows)[8], int64_t k) {
    Real half[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      half[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows[j] + k)),
                                     _mm_loadu_ps(rows[j + 4] + k), 1);
    }
    const __m256d a = (__m256d)_mm256_unpacklo_ps(half[0], half[1]);
    const __m256d b = (__m256d)_mm256_unpackhi_ps(half[0], half[1]);
    const __m256d c = (__m256d)_mm256_unpacklo_ps(half[2], half[3]);
    const __m256d d = (__m256d)_mm256_unpackhi_ps(half[2], half[3]);
    v[0] = (Real)_mm256_unpacklo_pd(a, c);
    v[1] = (Real)_mm256_unpackhi_pd(a, c);
    v[2] = (Real)_mm256_unpacklo_pd(b, d);
    v[3] = (Real)_mm256_unpackhi_pd(b, d);
  }
};

template <>
struct Native<double> : NativeMasks<double> {
  static FF_INLINE __m256i first(int n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst64 + 4 - n));
  }
  static FF_INLINE Real load(const double* p, int n) { return _mm256_maskload_pd(p, first(n)); }
  static FF_INLINE Real fma(Real a, Real b, Real c) { return _mm256_fmadd_pd(a, b, c); }
  static FF_INLINE Real sqrt(Real a) { return _mm256_sqrt_pd(a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return _mm256_blendv_pd(b, a, (__m256d)m);
  }
  static constexpr int turned = 2;
  static FF_INLINE void load_turned(Real* v, const double* const (&rows)[4], int64_t k) {
    Real half[2];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      half[j] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(rows[j] + k)),
                                     _mm_loadu_pd(rows[j + 2] + k), 1);
    }
    v[0] = _mm256_unpacklo_pd(half[0], half[1]);
    v[1] = _mm256_unpackhi_pd(half[0], half[1]);
  }
};

}  // namespace feedfwd::FF_ISA
