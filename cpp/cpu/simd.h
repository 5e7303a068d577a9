// Vectors of one instruction set: Vec<T>, its integers IntVec<T> and comparison results Mask<T>,
// Pack16<T> (the 16 logical lanes of the reduction rules).
// Everything is in feedfwd::FF_ISA; the same interface exists for scalars in core/math/numeric.h.
// + - * / and integer arithmetic are the compilers' vector types; what these lack (fma, sqrt,
// compare, select, partial load and store) each simd_<isa>.h gives as Native<T>.
#pragma once

#include <cstdint>

#ifndef FF_ISA
#error "compile with -DFF_ISA=generic, avx2, avx512 or neon (and -DFF_ISA_<NAME>)"
#endif

#define FF_INLINE inline __attribute__((always_inline))
// Vector arguments never cross a call: every function here is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace feedfwd::FF_ISA {

// Asks for the cache line to be there when it is written: another core may hold it, and a store
// that has to wait for it holds up all stores behind it.
FF_INLINE void prefetch_to_write(const void* p) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(p)));
#else
  __builtin_prefetch(p, 1);
#endif
}

template <class T>
struct IntOfLane;
template <>
struct IntOfLane<float> {
  using Unsigned = uint32_t;
  using Signed = int32_t;
};
template <>
struct IntOfLane<double> {
  using Unsigned = uint64_t;
  using Signed = int64_t;
};

// The compilers' vector types for `Bytes` wide registers of T.
template <class T, int Bytes>
struct Register {
  static constexpr int size = Bytes / static_cast<int>(sizeof(T));
  typedef T Real __attribute__((vector_size(Bytes)));
  typedef typename IntOfLane<T>::Unsigned Int __attribute__((vector_size(Bytes)));
  typedef typename IntOfLane<T>::Signed Signed __attribute__((vector_size(Bytes)));
};

template <class T>
struct Native;

}  // namespace feedfwd::FF_ISA

#if defined(FF_ISA_AVX512)
#include "simd_avx512.h"
#elif defined(FF_ISA_AVX2)
#include "simd_avx2.h"
#elif defined(FF_ISA_NEON)
#include "simd_neon.h"
#else
#include "simd_generic.h"
#endif

namespace feedfwd::FF_ISA {

template <class T>
struct Vec;

template <class T>
struct Mask {
  typename Native<T>::MaskReg m;

  friend FF_INLINE Mask operator&(Mask a, Mask b) { return {Native<T>::mask_and(a.m, b.m)}; }
  friend FF_INLINE Mask operator|(Mask a, Mask b) { return {Native<T>::mask_or(a.m, b.m)}; }
  friend FF_INLINE Mask operator!(Mask a) { return {Native<T>::mask_not(a.m)}; }
};

// Unsigned integers, as wide as T and as many as Vec<T> has lanes; >> shifts in zeros.
template <class T>
struct IntVec {
  using Lane = typename IntOfLane<T>::Unsigned;
  using Reg = typename Native<T>::Int;
  static constexpr int size = Native<T>::size;
  Reg v;

  IntVec() = default;
  FF_INLINE explicit IntVec(Lane x) : v(x - Reg{}) {}

  static FF_INLINE IntVec wrap(Reg r) {
    IntVec out;
    out.v = r;
    return out;
  }
  static FF_INLINE IntVec load(const Lane* p) {
    IntVec out;
    __builtin_memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  FF_INLINE void store(Lane* p) const { __builtin_memcpy(p, &v, sizeof v); }
  // start, start + 1, ...
  static FF_INLINE IntVec iota(Lane start) {
    IntVec lanes;
    for (int i = 0; i < size; ++i) lanes.v[i] = static_cast<Lane>(i);
    return lanes + IntVec(start);
  }

  friend FF_INLINE IntVec operator+(IntVec a, IntVec b) { return wrap(a.v + b.v); }
  friend FF_INLINE IntVec operator-(IntVec a, IntVec b) { return wrap(a.v - b.v); }
  friend FF_INLINE IntVec operator&(IntVec a, IntVec b) { return wrap(a.v & b.v); }
  friend FF_INLINE IntVec operator|(IntVec a, IntVec b) { return wrap(a.v | b.v); }
  friend FF_INLINE IntVec operator^(IntVec a, IntVec b) { return wrap(a.v ^ b.v); }
  friend FF_INLINE IntVec operator<<(IntVec a, int n) { return wrap(a.v << n); }
  friend FF_INLINE IntVec operator>>(IntVec a, int n) { return wrap(a.v >> n); }
  friend FF_INLINE Mask<T> operator==(IntVec a, IntVec b) { return {Native<T>::eq(a.v, b.v)}; }
  friend FF_INLINE Mask<T> operator!=(IntVec a, IntVec b) { return !(a == b); }
  friend FF_INLINE Mask<T> operator<(IntVec a, IntVec b) { return {Native<T>::lt(a.v, b.v)}; }
  friend FF_INLINE Mask<T> operator>(IntVec a, IntVec b) { return b < a; }
  friend FF_INLINE IntVec select(Mask<T> m, IntVec a, IntVec b) {
    using Real = typename Native<T>::Real;
    return wrap((Reg)Native<T>::select(m.m, (Real)a.v, (Real)b.v));
  }
  friend FF_INLINE Vec<T> as_float(IntVec a) { return Vec<T>::wrap((typename Native<T>::Real)a.v); }
};

template <class T>
struct Vec {
  using Scalar = T;
  using Int = IntVec<T>;
  using Reg = typename Native<T>::Real;
  static constexpr int size = Native<T>::size;
  Reg v;

  Vec() = default;
  // Not `x + Reg{}`, which would turn -0 into +0.
  FF_INLINE explicit Vec(T x) : v(x - Reg{}) {}

  static FF_INLINE Vec wrap(Reg r) {
    Vec out;
    out.v = r;
    return out;
  }
  static FF_INLINE Vec load(const T* p) {
    Vec out;
    __builtin_memcpy(&out.v, p, sizeof out.v);
    return out;
  }
  // The first n lanes (0 <= n <= size), the rest +0; reads nothing beyond.
  static FF_INLINE Vec load(const T* p, int n) { return wrap(Native<T>::load(p, n)); }
  FF_INLINE void store(T* p) const { __builtin_memcpy(p, &v, sizeof v); }
  FF_INLINE void store(T* p, int n) const { Native<T>::store(p, v, n); }
  // The same where n is size as a rule, for which nothing is masked.
  static FF_INLINE Vec load_up_to(const T* p, int n) { return n == size ? load(p) : load(p, n); }
  FF_INLINE void store_up_to(T* p, int n) const {
    if (n == size) {
      store(p);
    } else {
      store(p, n);
    }
  }
  // Words below 2^31, converted exactly if they fit T's mantissa.
  static FF_INLINE Vec from_words(const uint32_t* p) {
    typedef int32_t Words __attribute__((vector_size(4 * size)));
    Words w;
    __builtin_memcpy(&w, p, sizeof w);
    return wrap(__builtin_convertvector(w, Reg));
  }

  FF_INLINE Vec operator-() const { return wrap(-v); }
  friend FF_INLINE Vec operator+(Vec a, Vec b) { return wrap(a.v + b.v); }
  friend FF_INLINE Vec operator-(Vec a, Vec b) { return wrap(a.v - b.v); }
  friend FF_INLINE Vec operator*(Vec a, Vec b) { return wrap(a.v * b.v); }
  friend FF_INLINE Vec operator/(Vec a, Vec b) { return wrap(a.v / b.v); }
  friend FF_INLINE Mask<T> operator<(Vec a, Vec b) { return {Native<T>::lt(a.v, b.v)}; }
  friend FF_INLINE Mask<T> operator<=(Vec a, Vec b) { return {Native<T>::le(a.v, b.v)}; }
  friend FF_INLINE Mask<T> operator>(Vec a, Vec b) { return {Native<T>::lt(b.v, a.v)}; }
  friend FF_INLINE Mask<T> operator>=(Vec a, Vec b) { return {Native<T>::le(b.v, a.v)}; }
  friend FF_INLINE Mask<T> operator==(Vec a, Vec b) { return {Native<T>::eq(a.v, b.v)}; }
  friend FF_INLINE Mask<T> operator!=(Vec a, Vec b) { return !(a == b); }

  friend FF_INLINE Vec fma(Vec a, Vec b, Vec c) { return wrap(Native<T>::fma(a.v, b.v, c.v)); }
  friend FF_INLINE Vec sqrt(Vec a) { return wrap(Native<T>::sqrt(a.v)); }
  friend FF_INLINE Vec select(Mask<T> m, Vec a, Vec b) {
    return wrap(Native<T>::select(m.m, a.v, b.v));
  }
  friend FF_INLINE IntVec<T> as_int(Vec a) { return IntVec<T>::wrap((typename Int::Reg)a.v); }
};

// 32 x 32 -> 64 bit products, low and high halves.
FF_INLINE IntVec<float> mul_lo(IntVec<float> a, IntVec<float> b) {
  return IntVec<float>::wrap(a.v * b.v);
}
FF_INLINE IntVec<float> mul_hi(IntVec<float> a, IntVec<float> b) {
  return IntVec<float>::wrap(Native<float>::mul_hi(a.v, b.v));
}

// 16 logical lanes, whatever a register holds. Registers r and lanes i: lane r * size + i.
template <class T>
struct Pack16 {
  using Scalar = T;
  static constexpr int registers = 16 / Vec<T>::size;
  Vec<T> v[registers];

  Pack16() = default;
  FF_INLINE explicit Pack16(T x) {
    for (int r = 0; r < registers; ++r) v[r] = Vec<T>(x);
  }
  static FF_INLINE Pack16 load(const T* p) {
    Pack16 out;
    for (int r = 0; r < registers; ++r) out.v[r] = Vec<T>::load(p + r * Vec<T>::size);
    return out;
  }
  // The first n lanes (0 <= n <= 16), the rest +0; reads nothing beyond.
  static FF_INLINE Pack16 load(const T* p, int n) {
    Pack16 out;
    for (int r = 0; r < registers; ++r) {
      const int left = n - r * Vec<T>::size;
      const int count = left < 0 ? 0 : left > Vec<T>::size ? Vec<T>::size : left;
      out.v[r] = count == 0 ? Vec<T>(T(0)) : Vec<T>::load(p + r * Vec<T>::size, count);
    }
    return out;
  }
  FF_INLINE void store(T* p) const {
    for (int r = 0; r < registers; ++r) v[r].store(p + r * Vec<T>::size);
  }
  friend FF_INLINE Pack16 operator+(Pack16 a, Pack16 b) {
    for (int r = 0; r < registers; ++r) a.v[r] = a.v[r] + b.v[r];
    return a;
  }
  friend FF_INLINE Pack16 operator*(Pack16 a, Pack16 b) {
    for (int r = 0; r < registers; ++r) a.v[r] = a.v[r] * b.v[r];
    return a;
  }
  friend FF_INLINE Pack16 fma(Pack16 a, Pack16 b, Pack16 c) {
    for (int r = 0; r < registers; ++r) c.v[r] = fma(a.v[r], b.v[r], c.v[r]);
    return c;
  }
  friend FF_INLINE Pack16 max(Pack16 a, Pack16 b) {
    for (int r = 0; r < registers; ++r) a.v[r] = select(a.v[r] > b.v[r], a.v[r], b.v[r]);
    return a;
  }

  FF_INLINE T tree_sum() const { return tree(Sum{}); }
  // Of max(a, b) = a > b ? a : b.
  FF_INLINE T tree_max() const { return tree(Larger{}); }
  // join(lane l, lane l + 8), then + 4, + 2, + 1.
  template <class F>
  FF_INLINE T tree(F join) const {
    typename Vec<T>::Reg half[registers];
    for (int r = 0; r < registers; ++r) half[r] = v[r].v;
    for (int count = registers / 2; count > 0; count /= 2) {
      for (int r = 0; r < count; ++r) half[r] = join(half[r], half[r + count]);
    }
    return fold<Vec<T>::size>(half[0], join);
  }

 private:
  struct Sum {
    template <class A>
    FF_INLINE A operator()(A a, A b) const {
      return a + b;
    }
  };
  struct Larger {
    template <class A>
    FF_INLINE A operator()(A a, A b) const {
      return a > b ? a : b;
    }
  };
  // Joins the two halves of a register until one lane is left.
  template <int lanes, class R, class F>
  static FF_INLINE T fold(R r, F join) {
    if constexpr (lanes == 2) {
      return join(r[0], r[1]);
    } else {
      typedef T Half __attribute__((vector_size(sizeof(T) * lanes / 2)));
      Half part[2];
      __builtin_memcpy(part, &r, sizeof r);
      return fold<lanes / 2>(join(part[0], part[1]), join);
    }
  }
};

}  // namespace feedfwd::FF_ISA
