// Scalar primitives with the interface of the SIMD vectors in cpp/cpu/simd.h, so that a formula is
// written once as a template over V and serves float and double (host and device), every
// instruction set's vectors and, for derivatives, symbolic expressions.
#pragma once

#include <cstdint>
#include <cstring>

// The one place that knows whether a CUDA compiler reads these files. Always inlined, also so that
// a source built for one instruction set never leaves a body behind that others could link to.
#if defined(__CUDACC__)
#define FF_HD __host__ __device__ __forceinline__
#define FF_BUILTIN(name) ::name
#else
#define FF_HD inline __attribute__((always_inline))
#define FF_BUILTIN(name) __builtin_##name
#endif

namespace feedfwd::math {

// ScalarOf<V>: float or double. IntOf<V>: unsigned integers of the same width and lane count.
template <class V>
struct TypesOf {
  using Scalar = typename V::Scalar;
  using Int = typename V::Int;
};
template <>
struct TypesOf<float> {
  using Scalar = float;
  using Int = uint32_t;
};
template <>
struct TypesOf<double> {
  using Scalar = double;
  using Int = uint64_t;
};
template <class V>
using ScalarOf = typename TypesOf<V>::Scalar;
template <class V>
using IntOf = typename TypesOf<V>::Int;

// Real: a V that holds numbers (not a symbolic expression).
template <class V>
concept Real = requires { typename TypesOf<V>::Int; };

template <class S>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr uint32_t sign = 0x80000000u, one = 0x3f800000u, infinity = 0x7f800000u;
  static constexpr float min_normal = 0x1p-126f;
  static constexpr float round_magic = 0x1.8p23f;  // x + magic rounds x to an integer
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr uint64_t sign = 0x8000000000000000u, one = 0x3ff0000000000000u;
  static constexpr uint64_t infinity = 0x7ff0000000000000u;
  static constexpr double min_normal = 0x1p-1022;
  static constexpr double round_magic = 0x1.8p52;
};
template <class V>
using FormatOf = Format<ScalarOf<V>>;

// A constant, rounded to V's scalar type.
template <class V>
FF_HD V splat(double c) {
  if constexpr (Real<V>) {
    return V(static_cast<ScalarOf<V>>(c));
  } else {
    return V(c);
  }
}
template <class V>
FF_HD IntOf<V> splat_int(uint64_t c) {
  return IntOf<V>(static_cast<typename FormatOf<V>::Bits>(c));
}

FF_HD float fma(float a, float b, float c) { return FF_BUILTIN(fmaf)(a, b, c); }
FF_HD double fma(double a, double b, double c) { return FF_BUILTIN(fma)(a, b, c); }
FF_HD float sqrt(float x) { return FF_BUILTIN(sqrtf)(x); }
FF_HD double sqrt(double x) { return FF_BUILTIN(sqrt)(x); }
FF_HD float select(bool condition, float a, float b) { return condition ? a : b; }
FF_HD double select(bool condition, double a, double b) { return condition ? a : b; }
FF_HD uint32_t select(bool condition, uint32_t a, uint32_t b) { return condition ? a : b; }
FF_HD uint64_t select(bool condition, uint64_t a, uint64_t b) { return condition ? a : b; }

FF_HD uint32_t as_int(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
FF_HD uint64_t as_int(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
FF_HD float as_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
FF_HD double as_float(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

FF_HD uint32_t mul_lo(uint32_t a, uint32_t b) { return a * b; }
FF_HD uint32_t mul_hi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32);
}

// NUMERICS 4: these definitions decide about NaN and zeros, so fmax and std::max are banned.
template <class V>
FF_HD V max(V a, V b) {
  return select(a > b, a, b);
}
template <class V>
FF_HD V min(V a, V b) {
  return select(a < b, a, b);
}

template <Real V>
FF_HD V magnitude(V x) {
  return as_float(as_int(x) & splat_int<V>(~FormatOf<V>::sign));
}
template <Real V>
FF_HD V copy_sign(V value, V sign) {
  const IntOf<V> mask = splat_int<V>(FormatOf<V>::sign);
  return as_float((as_int(value) & splat_int<V>(~FormatOf<V>::sign)) | (as_int(sign) & mask));
}

// NUMERICS 3: subnormals become +0 by formula, since machines flush differently.
template <Real V>
FF_HD V keep(V x) {
  return select(magnitude(x) < V(FormatOf<V>::min_normal), splat<V>(0.0), x);
}

// The nearest integer for |x| < 2^22 (float) or 2^51 (double).
template <Real V>
FF_HD V round_small(V x) {
  const V magic = V(FormatOf<V>::round_magic);
  return (x + magic) - magic;
}

}  // namespace feedfwd::math
