// NEON on 64-bit ARM: 4 floats or 2 doubles, comparison results as full-width integers.
#pragma once

#include <arm_neon.h>

namespace feedfwd::FF_ISA {

template <class T>
struct NativeMasks : Register<T, 16> {
  using typename Register<T, 16>::Real;
  using typename Register<T, 16>::Int;
  using typename Register<T, 16>::Signed;
  using MaskReg = Signed;
  static constexpr int size = Register<T, 16>::size;

  static FF_INLINE Real load(const T* p, int n) {
    Real v = {};
    for (int i = 0; i < size; ++i) {
      if (i < n) v[i] = p[i];
    }
    return v;
  }
  static FF_INLINE void store(T* p, Real v, int n) {
    for (int i = 0; i < size; ++i) {
      if (i < n) p[i] = v[i];
    }
  }
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
  static FF_INLINE Real fma(Real a, Real b, Real c) {
    return (Real)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
  }
  static FF_INLINE Real sqrt(Real a) { return (Real)vsqrtq_f32((float32x4_t)a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return (Real)vbslq_f32((uint32x4_t)m, (float32x4_t)a, (float32x4_t)b);
  }
  static FF_INLINE Int mul_hi(Int a, Int b) {
    const uint32x4_t x = (uint32x4_t)a, y = (uint32x4_t)b;
    const uint64x2_t low = vmull_u32(vget_low_u32(x), vget_low_u32(y));
    const uint64x2_t high = vmull_u32(vget_high_u32(x), vget_high_u32(y));
    return (Int)vcombine_u32(vshrn_n_u64(low, 32), vshrn_n_u64(high, 32));
  }
};

template <>
struct Native<double> : NativeMasks<double> {
  static FF_INLINE Real fma(Real a, Real b, Real c) {
    return (Real)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
  }
  static FF_INLINE Real sqrt(Real a) { return (Real)vsqrtq_f64((float64x2_t)a); }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return (Real)vbslq_f64((uint64x2_t)m, (float64x2_t)a, (float64x2_t)b);
  }
};

}  // namespace feedfwd::FF_ISA
