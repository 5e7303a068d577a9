// Elementwise ops on integers and booleans, comparisons, where, cast, copies; and the float
// remainders, which the C library's exact fmod defines. The compiler vectorises what it can.
#pragma once

#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

template <class T>
struct UnsignedOf {
  using type = uint32_t;
};
template <>
struct UnsignedOf<int64_t> {
  using type = uint64_t;
};
template <>
struct UnsignedOf<uint8_t> {
  using type = uint8_t;
};
template <class T>
inline constexpr bool kIsFloat = false;
template <>
inline constexpr bool kIsFloat<float> = true;
template <>
inline constexpr bool kIsFloat<double> = true;
// Booleans are bytes.
template <class T>
inline constexpr bool kIsBool = false;
template <>
inline constexpr bool kIsBool<uint8_t> = true;

// Overflow wraps. Dividing by 0 gives 0.
template <class T>
struct IntMath {
  using U = typename UnsignedOf<T>::type;
  static FF_INLINE T add(T a, T b) { return static_cast<T>(U(a) + U(b)); }
  static FF_INLINE T subtract(T a, T b) { return static_cast<T>(U(a) - U(b)); }
  static FF_INLINE T multiply(T a, T b) { return static_cast<T>(U(a) * U(b)); }
  static FF_INLINE T floor_divide(T a, T b) {
    if (b == 0) return 0;
    if (b == T(-1)) return subtract(0, a);
    const T q = static_cast<T>(a / b);
    return static_cast<T>(q - (a % b != 0 && (a < 0) != (b < 0)));
  }
  static FF_INLINE T mod(T a, T b) {
    if (b == 0 || b == T(-1)) return 0;
    const T r = static_cast<T>(a % b);
    return static_cast<T>(r != 0 && (r < 0) != (b < 0) ? r + b : r);
  }
  // Exponents below 0 give 0.
  static FF_INLINE T power(T a, T b) {
    if (b < 0) return 0;
    T result = 1;
    for (U e = U(b); e != 0; e = static_cast<U>(e >> 1)) {
      if (e & 1) result = multiply(result, a);
      a = multiply(a, a);
    }
    return result;
  }
};

// Python's and NumPy's: the remainder has the divisor's sign, the quotient is the one that fits it.
struct FloatMath {
  static FF_INLINE float remainder(float a, float b) { return __builtin_fmodf(a, b); }
  static FF_INLINE double remainder(double a, double b) { return __builtin_fmod(a, b); }
  static FF_INLINE float floor(float a) { return __builtin_floorf(a); }
  static FF_INLINE double floor(double a) { return __builtin_floor(a); }
  template <class T>
  static FF_INLINE T mod(T a, T b) {
    const T r = remainder(a, b);
    if (r == 0) return math::copy_sign(T(0), b);
    return (r < 0) != (b < 0) ? r + b : r;
  }
  template <class T>
  static FF_INLINE T floor_divide(T a, T b) {
    if (b == 0) return a / b;
    const T r = remainder(a, b);
    T q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q = q - 1;
    if (q == 0) return math::copy_sign(T(0), a / b);
    const T whole = floor(q);
    return q - whole > T(0.5) ? whole + 1 : whole;
  }
};

#define FF_SCALAR(Name, A, B, C, R, expression) \
  template <class T>                            \
  struct Name {                                 \
    static FF_INLINE R apply(A a, B b, C c) {   \
      (void)a, (void)b, (void)c;                \
      return expression;                        \
    }                                           \
  };
#define FF_SCALAR2(Name, expression) FF_SCALAR(Name, T, T, T, T, static_cast<T>(expression))
#define FF_COMPARE(Name, expression) FF_SCALAR(Name, T, T, T, uint8_t, expression)
FF_SCALAR2(IntAdd, IntMath<T>::add(a, b))
FF_SCALAR2(IntSubtract, IntMath<T>::subtract(a, b))
FF_SCALAR2(IntMultiply, IntMath<T>::multiply(a, b))
FF_SCALAR2(IntFloorDivide, IntMath<T>::floor_divide(a, b))
FF_SCALAR2(IntMod, IntMath<T>::mod(a, b))
FF_SCALAR2(IntPower, IntMath<T>::power(a, b))
FF_SCALAR2(IntMaximum, a > b ? a : b)
FF_SCALAR2(IntMinimum, a < b ? a : b)
FF_SCALAR2(IntNeg, IntMath<T>::subtract(0, a))
FF_SCALAR2(IntAbs, a < 0 ? IntMath<T>::subtract(0, a) : a)
FF_SCALAR2(IntSign, (a > 0) - (a < 0))
FF_SCALAR2(IntSquare, IntMath<T>::multiply(a, a))
FF_SCALAR2(FloatFloorDivide, FloatMath::floor_divide(a, b))
FF_SCALAR2(FloatMod, FloatMath::mod(a, b))
FF_SCALAR2(CopyOf, a)
FF_COMPARE(EqualOf, a == b)
FF_COMPARE(NotEqualOf, a != b)
FF_COMPARE(LessOf, a < b)
FF_COMPARE(LessEqualOf, a <= b)
FF_COMPARE(GreaterOf, a > b)
FF_COMPARE(GreaterEqualOf, a >= b)
FF_COMPARE(AndOf, (a != 0) & (b != 0))
FF_COMPARE(OrOf, (a != 0) | (b != 0))
FF_SCALAR(WhereOf, uint8_t, T, T, T, a ? b : c)
#undef FF_SCALAR
#undef FF_SCALAR2
#undef FF_COMPARE

// Floats to integers: cut towards 0 and clamped, NaN to 0. To booleans: whether not 0.
template <class From, class To>
FF_INLINE To converted(From x) {
  if constexpr (kIsBool<To>) {
    return x != 0;
  } else if constexpr (kIsBool<From>) {
    return x != 0 ? To(1) : To(0);
  } else if constexpr (kIsFloat<From> && !kIsFloat<To>) {
    constexpr int bits = sizeof(To) * 8 - 1;
    constexpr From limit = sizeof(To) == 8 ? From(0x1p63) : From(0x1p31);
    constexpr To largest = static_cast<To>((uint64_t(1) << bits) - 1);
    if (x >= limit) return largest;
    if (x < -limit) return static_cast<To>(-largest - 1);
    return x != x ? To(0) : static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
struct CastOf {
  static FF_INLINE To apply(From a, From, From) { return converted<From, To>(a); }
};

}  // namespace feedfwd::FF_ISA
