// Any machine: 16-byte vectors of the compiler, which it turns into whatever the target has. The
// fma is the C library's, exactly rounded and slow where the target has none.
#pragma once

namespace feedfwd::FF_ISA {

template <class T>
struct Native : Register<T, 16> {
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
  static FF_INLINE float lane_fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  static FF_INLINE double lane_fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
  static FF_INLINE float lane_sqrt(float a) { return __builtin_sqrtf(a); }
  static FF_INLINE double lane_sqrt(double a) { return __builtin_sqrt(a); }
  static FF_INLINE Real fma(Real a, Real b, Real c) {
    for (int i = 0; i < size; ++i) c[i] = lane_fma(a[i], b[i], c[i]);
    return c;
  }
  static FF_INLINE Real sqrt(Real a) {
    for (int i = 0; i < size; ++i) a[i] = lane_sqrt(a[i]);
    return a;
  }
  static FF_INLINE Real select(MaskReg m, Real a, Real b) {
    return (Real)((m & (Signed)a) | (~m & (Signed)b));
  }
  static FF_INLINE MaskReg lt(Real a, Real b) { return (MaskReg)(a < b); }
  static FF_INLINE MaskReg le(Real a, Real b) { return (MaskReg)(a <= b); }
  static FF_INLINE MaskReg eq(Real a, Real b) { return (MaskReg)(a == b); }
  static FF_INLINE MaskReg eq(Int a, Int b) { return (MaskReg)(a == b); }
  static FF_INLINE MaskReg lt(Int a, Int b) { return (MaskReg)(a < b); }
  static FF_INLINE MaskReg mask_and(MaskReg a, MaskReg b) { return a & b; }
  static FF_INLINE MaskReg mask_or(MaskReg a, MaskReg b) { return a | b; }
  static FF_INLINE MaskReg mask_not(MaskReg a) { return ~a; }
  static FF_INLINE Int mul_hi(Int a, Int b) {
    for (int i = 0; i < size; ++i) {
      a[i] = static_cast<uint32_t>((static_cast<uint64_t>(a[i]) * b[i]) >> 32);
    }
    return a;
  }
};

}  // namespace feedfwd::FF_ISA
