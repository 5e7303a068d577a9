// Scalar formulas of elementwise ops on integers and booleans, comparisons and casts, and the float
// remainders: one element at a time, on every device.
#pragma once

#include "core/math/elementary.h"

namespace feedfwd::math {

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
  static FF_HD T add(T a, T b) { return static_cast<T>(U(a) + U(b)); }
  static FF_HD T subtract(T a, T b) { return static_cast<T>(U(a) - U(b)); }
  static FF_HD T multiply(T a, T b) { return static_cast<T>(U(a) * U(b)); }
  static FF_HD T floor_divide(T a, T b) {
    if (b == 0) return 0;
    if (b == T(-1)) return subtract(0, a);
    const T q = static_cast<T>(a / b);
    return static_cast<T>(q - (a % b != 0 && (a < 0) != (b < 0)));
  }
  static FF_HD T mod(T a, T b) {
    if (b == 0 || b == T(-1)) return 0;
    const T r = static_cast<T>(a % b);
    return static_cast<T>(r != 0 && (r < 0) != (b < 0) ? r + b : r);
  }
  // Exponents below 0 give 0.
  static FF_HD T power(T a, T b) {
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
// Everything here is exact but the last division and its rounding.
struct FloatMath {
  // a - n b, n the quotient cut towards 0: long division, bit by bit.
  template <class T>
  static FF_HD T remainder(T a, T b) {
    using F = Format<T>;
    using Bits = typename F::Bits;
    const Bits sign = as_int(a) & F::sign;
    Bits x = as_int(a) ^ sign, y = as_int(b) & ~F::sign;
    if (y == 0 || x >= F::infinity || y > F::infinity) return (a - a) / (a - a);  // NaN
    if (x < y) return a;
    constexpr Bits hidden = Bits(1) << F::mantissa;
    int ex = static_cast<int>(x >> F::mantissa), ey = static_cast<int>(y >> F::mantissa);
    x = ex > 0 ? (x & (hidden - 1)) | hidden : x;
    y = ey > 0 ? (y & (hidden - 1)) | hidden : y;
    ex = ex > 0 ? ex : 1;
    ey = ey > 0 ? ey : 1;
    while (y < hidden) y <<= 1, --ey;
    while (x < hidden) x <<= 1, --ex;
    for (; ex > ey; --ex) {
      if (x >= y) x -= y;
      if (x == 0) return as_float(sign);
      x <<= 1;
    }
    if (x >= y) x -= y;
    if (x == 0) return as_float(sign);
    while (x < hidden) x <<= 1, --ex;
    // Subnormal results were subnormal operands' bits: nothing is lost by shifting back.
    if (ex > 0) return as_float(sign | (x & (hidden - 1)) | static_cast<Bits>(ex) << F::mantissa);
    return as_float(sign | x >> (1 - ex));
  }
  template <class T>
  static FF_HD T mod(T a, T b) {
    const T r = remainder(a, b);
    if (r == 0) return math::copy_sign(T(0), b);
    return (r < 0) != (b < 0) ? r + b : r;
  }
  template <class T>
  static FF_HD T floor_divide(T a, T b) {
    if (b == 0) return a / b;
    const T r = remainder(a, b);
    T q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q = q - 1;
    if (q == 0) return math::copy_sign(T(0), a / b);
    const T whole = math::floor(q);
    return q - whole > T(0.5) ? whole + 1 : whole;
  }
};

#define FF_SCALAR(Name, A, B, C, R, expression) \
  template <class T>                            \
  struct Name {                                 \
    static FF_HD R apply(A a, B b, C c) {       \
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
FF_HD To converted(From x) {
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
  static FF_HD To apply(From a, From, From) { return converted<From, To>(a); }
};

// IEEE half precision bits.
struct Half {
  uint16_t bits;
};

// An unsigned number of 8 bits, where uint8_t stands for a boolean.
struct Byte {
  uint8_t bits;
};

template <class To>
FF_HD To from_half(Half h) {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16;
  const uint32_t exponent = (h.bits >> 10) & 31u, mantissa = h.bits & 0x3ffu;
  float value;
  if (exponent == 0) {
    value = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal half, normal float
  } else {
    value = as_float((exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (mantissa << 13));
  }
  return converted<float, To>(as_float(as_int(value) | sign));
}

template <class To, class From>
FF_HD To converted_to(From x) {
  return converted<From, To>(x);
}
template <class To>
FF_HD To converted_to(Half x) {
  return from_half<To>(x);
}
template <class To>
FF_HD To converted_to(Byte x) {
  return converted<uint16_t, To>(x.bits);
}

// max(a, b) = a > b ? a : b, but a NaN stays; min likewise.
template <bool Max>
struct Extreme {
  template <class A>
  FF_HD A operator()(A a, A b) const {
    return ((Max ? a > b : a < b) | (a != a)) ? a : b;
  }
};
template <bool Max, class T>
FF_HD T extreme_start() {
  return as_float(Max ? Format<T>::sign | Format<T>::infinity : Format<T>::infinity);
}

// What integers' extremes begin with.
template <class T>
inline constexpr T kLowest = kIsBool<T> ? T(0) : T(T(1) << (sizeof(T) * 8 - 1));
template <class T>
inline constexpr T kHighest = kIsBool<T> ? T(1) : T(~kLowest<T>);

}  // namespace feedfwd::math
