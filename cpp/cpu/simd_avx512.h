// AVX-512 (F, DQ, BW, VL): 16 floats or 8 doubles, comparison results in mask registers. The maskz
// forms with all lanes on are plain instructions; GCC 12 warns about its own unmasked ones.
#pragma once

#include <immintrin.h>

namespace feedfwd::FF_ISA {

template <>
struct Native<float> : Register<float, 64> {
  using MaskReg = __mmask16;

  static FF_INLINE MaskReg first(int n) { return static_cast<MaskReg>((1u << n) - 1u); }
  static FF_INLINE Real load(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static FF_INLINE void store(float* p, Real v, int n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static FF_INLINE Real fma(Real a, Real b, Real c) { return _mm512_fmadd_ps(a, b, c); }
  static FF_INLINE Real sqrt(Real a) { return _mm512_maskz_sqrt_ps(0xffff, a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) { return _mm512_mask_blend_ps(m, b, a); }
  static FF_INLINE MaskReg lt(Real a, Real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static FF_INLINE MaskReg le(Real a, Real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
  static FF_INLINE MaskReg eq(Real a, Real b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static FF_INLINE MaskReg eq(Int a, Int b) {
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
  }
  static FF_INLINE MaskReg lt(Int a, Int b) {
    return _mm512_cmplt_epu32_mask((__m512i)a, (__m512i)b);
  }
  static FF_INLINE MaskReg mask_and(MaskReg a, MaskReg b) { return a & b; }
  static FF_INLINE MaskReg mask_or(MaskReg a, MaskReg b) { return a | b; }
  static FF_INLINE MaskReg mask_not(MaskReg a) { return static_cast<MaskReg>(~a); }
  static FF_INLINE Int mul_hi(Int a, Int b) {
    typedef uint64_t Wide __attribute__((vector_size(64)));
    const Wide x = (Wide)a, y = (Wide)b;
    const Wide even = (Wide)_mm512_maskz_mul_epu32(0xff, (__m512i)x, (__m512i)y) >> 32;
    const __m512i odd = _mm512_maskz_mul_epu32(0xff, (__m512i)(x >> 32), (__m512i)(y >> 32));
    return (Int)_mm512_mask_blend_epi32(0xaaaa, (__m512i)even, odd);
  }
};

template <>
struct Native<double> : Register<double, 64> {
  using MaskReg = __mmask8;

  static FF_INLINE MaskReg first(int n) { return static_cast<MaskReg>((1u << n) - 1u); }
  static FF_INLINE Real load(const double* p, int n) { return _mm512_maskz_loadu_pd(first(n), p); }
  static FF_INLINE void store(double* p, Real v, int n) { _mm512_mask_storeu_pd(p, first(n), v); }
  static FF_INLINE Real fma(Real a, Real b, Real c) { return _mm512_fmadd_pd(a, b, c); }
  static FF_INLINE Real sqrt(Real a) { return _mm512_maskz_sqrt_pd(0xff, a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) { return _mm512_mask_blend_pd(m, b, a); }
  static FF_INLINE MaskReg lt(Real a, Real b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
  static FF_INLINE MaskReg le(Real a, Real b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
  static FF_INLINE MaskReg eq(Real a, Real b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
  static FF_INLINE MaskReg eq(Int a, Int b) {
    return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b);
  }
  static FF_INLINE MaskReg lt(Int a, Int b) {
    return _mm512_cmplt_epu64_mask((__m512i)a, (__m512i)b);
  }
  static FF_INLINE MaskReg mask_and(MaskReg a, MaskReg b) { return a & b; }
  static FF_INLINE MaskReg mask_or(MaskReg a, MaskReg b) { return a | b; }
  static FF_INLINE MaskReg mask_not(MaskReg a) { return static_cast<MaskReg>(~a); }
};

}  // namespace feedfwd::FF_ISA
