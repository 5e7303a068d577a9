// Elementwise ops in float32 and float64 that are vectors throughout.
#pragma once

#include "core/math/elementary.h"
#include "core/math/functions.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

// y = f(x; alpha) for a function of core/math/functions.h.
template <class Fn, class T>
struct MapOf {
  using Scalar = T;
  static constexpr int inputs = 1;
  static constexpr bool brief = requires { Fn::brief_value; };
  T alpha;

  FF_INLINE MapOf(const BoundOp& op, const StepState&) : alpha(static_cast<T>(op.f[0])) {}
  template <class V>
  FF_INLINE V operator()(V x) const {
    return Fn::f(x, V(alpha));
  }
};

// g * df(s): in = {s, g}, s the function's output or input as it declares.
template <class Fn, class T>
struct MapGradOf {
  using Scalar = T;
  static constexpr int inputs = 2;
  static constexpr bool brief = requires { Fn::brief_slope; };
  T alpha;

  FF_INLINE MapGradOf(const BoundOp& op, const StepState&) : alpha(static_cast<T>(op.f[0])) {}
  template <class V>
  FF_INLINE V operator()(V s, V gradient) const {
    return gradient * Fn::df(s, V(alpha));
  }
};

#define FF_BINARY(Name, is_brief, expression)           \
  template <class T>                                    \
  struct Name {                                         \
    using Scalar = T;                                   \
    static constexpr int inputs = 2;                    \
    static constexpr bool brief = is_brief;             \
    FF_INLINE Name(const BoundOp&, const StepState&) {} \
    template <class V>                                  \
    FF_INLINE V operator()(V a, V b) const {            \
      return expression;                                \
    }                                                   \
  };
FF_BINARY(AddOf, true, a + b)
FF_BINARY(SubtractOf, true, a - b)
FF_BINARY(MultiplyOf, true, a* b)
FF_BINARY(DivideOf, true, a / b)
FF_BINARY(PowerOf, false, math::pow(a, b))
FF_BINARY(MaximumOf, true, math::max(a, b))
FF_BINARY(MinimumOf, true, math::min(a, b))
#undef FF_BINARY

// Kernels by place in FF_UNARY_FUNCTIONS.
template <class T>
inline constexpr RectKernel kMaps[] = {
#define FF_ENTRY(Fn) vector_rect<MapOf<math::Fn, T>>,
    FF_UNARY_FUNCTIONS(FF_ENTRY)
#undef FF_ENTRY
};
template <class T>
inline constexpr RectKernel kMapGrads[] = {
#define FF_ENTRY(Fn) vector_rect<MapGradOf<math::Fn, T>>,
    FF_UNARY_FUNCTIONS(FF_ENTRY)
#undef FF_ENTRY
};

}  // namespace feedfwd::FF_ISA
