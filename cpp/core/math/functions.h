// The unary functions: value and derivative, each written once. Vectors and device scalars
// instantiate both; the derivative is also instantiated with graph expressions, which is how
// derivatives of derivatives arise. So df uses only
// + - * / select, comparisons and functions of this table.
#pragma once

#include "core/math/elementary.h"

namespace feedfwd::math {

// X(struct). A function is its place in this list.
// clang-format off
#define FF_UNARY_FUNCTIONS(X)                                                                     \
  X(Neg) X(Abs) X(Sign) X(Square) X(Sqrt) X(Exp) X(Expm1) X(Log) X(Log1p) X(Sin) X(Cos) X(Tanh)   \
  X(Erf) X(Erfc) X(Floor) X(Sigmoid) X(Relu) X(LeakyRelu) X(Elu) X(Gelu) X(GeluTanh) X(Silu)      \
  X(Softplus)
// clang-format on

// from_output: df takes the function's output, else its input. integers: Map takes integers too. p:
// the parameter.
#define FF_FUNCTION(Struct, text, output, ints) \
  struct Struct {                               \
    static constexpr const char* name = text;   \
    static constexpr bool from_output = output; \
    static constexpr bool integers = ints;
#define FF_VALUE     \
  template <class V> \
  static FF_HD V f(V x, [[maybe_unused]] V p)
// A hint: a few instructions, worth a loop of its own for each form of operand.
#define FF_BRIEF_VALUE static constexpr bool brief_value = true;
#define FF_BRIEF_SLOPE static constexpr bool brief_slope = true;
#define FF_SLOPE     \
  template <class V> \
  static FF_HD V df([[maybe_unused]] V s, [[maybe_unused]] V p)

FF_FUNCTION(Neg, "neg", false, true)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return -x; }
FF_SLOPE { return splat<V>(-1.0); }
};
FF_FUNCTION(Abs, "abs", false, true)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return magnitude(x); }
FF_SLOPE { return sign(s); }
}
;
FF_FUNCTION(Sign, "sign", false, true)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return sign(x); }
FF_SLOPE { return splat<V>(0.0); }
}
;
FF_FUNCTION(Square, "square", false, true)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return x * x; }
FF_SLOPE { return s + s; }
}
;
FF_FUNCTION(Sqrt, "sqrt", true, false)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return sqrt(x); }
FF_SLOPE { return splat<V>(0.5) / s; }
}
;
FF_FUNCTION(Exp, "exp", true, false)
FF_BRIEF_SLOPE
FF_VALUE { return exp(x); }
FF_SLOPE { return s; }
}
;
FF_FUNCTION(Expm1, "expm1", true, false)
FF_BRIEF_SLOPE
FF_VALUE { return expm1(x); }
FF_SLOPE { return s + splat<V>(1.0); }
}
;
FF_FUNCTION(Log, "log", false, false)
FF_BRIEF_SLOPE
FF_VALUE { return log(x); }
FF_SLOPE { return splat<V>(1.0) / s; }
}
;
FF_FUNCTION(Log1p, "log1p", false, false)
FF_BRIEF_SLOPE
FF_VALUE { return log1p(x); }
FF_SLOPE { return splat<V>(1.0) / (splat<V>(1.0) + s); }
}
;
FF_FUNCTION(Sin, "sin", false, false)
FF_VALUE { return sin(x); }
FF_SLOPE { return cos(s); }
}
;
FF_FUNCTION(Cos, "cos", false, false)
FF_VALUE { return cos(x); }
FF_SLOPE { return -sin(s); }
}
;
FF_FUNCTION(Tanh, "tanh", true, false)
FF_BRIEF_SLOPE
FF_VALUE { return tanh(x); }
FF_SLOPE { return splat<V>(1.0) - s * s; }
}
;
FF_FUNCTION(Erf, "erf", false, false)
FF_VALUE { return erf(x); }
FF_SLOPE { return splat<V>(1.1283791670955126) * exp(-(s * s)); }  // 2 / sqrt(pi)
}
;
FF_FUNCTION(Erfc, "erfc", false, false)
FF_VALUE { return erfc(x); }
FF_SLOPE { return splat<V>(-1.1283791670955126) * exp(-(s * s)); }
}
;
FF_FUNCTION(Floor, "floor", false, false)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return floor(x); }
FF_SLOPE { return splat<V>(0.0); }
}
;
FF_FUNCTION(Sigmoid, "sigmoid", true, false)
FF_BRIEF_SLOPE
FF_VALUE { return sigmoid(x); }
FF_SLOPE { return s * (splat<V>(1.0) - s); }
}
;
// NaN passes; the derivative at 0 is 0.
FF_FUNCTION(Relu, "relu", true, false)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return select(splat<V>(0.0) > x, splat<V>(0.0), x); }
FF_SLOPE { return select(s > splat<V>(0.0), splat<V>(1.0), splat<V>(0.0)); }
}
;
FF_FUNCTION(LeakyRelu, "leaky_relu", false, false)
FF_BRIEF_VALUE
FF_BRIEF_SLOPE
FF_VALUE { return select(splat<V>(0.0) > x, p * x, x); }
FF_SLOPE { return select(splat<V>(0.0) > s, p, splat<V>(1.0)); }
}
;
// Clevert, Unterthiner and Hochreiter, 2016.
FF_FUNCTION(Elu, "elu", true, false)
FF_BRIEF_SLOPE
FF_VALUE { return select(splat<V>(0.0) > x, p * expm1(x), x); }
FF_SLOPE { return select(s > splat<V>(0.0), splat<V>(1.0), s + p); }
}
;
// x Phi(x); Hendrycks and Gimpel, 2016. Through erfc, which keeps the left tail.
FF_FUNCTION(Gelu, "gelu", false, false)
FF_VALUE { return splat<V>(0.5) * x * erfc(-x * splat<V>(0.70710678118654757)); }
FF_SLOPE {
  const V phi = splat<V>(0.3989422804014327) * exp(splat<V>(-0.5) * (s * s));
  const V tail = splat<V>(0.5) * erfc(-s * splat<V>(0.70710678118654757));
  return tail + select(phi > splat<V>(0.0), s * phi, splat<V>(0.0));
}
}
;
// The same authors' approximation through tanh.
FF_FUNCTION(GeluTanh, "gelu_tanh", false, false)
FF_VALUE {
  const V u = splat<V>(0.7978845608028654) * (x + splat<V>(0.044715) * (x * x * x));
  return splat<V>(0.5) * x * (splat<V>(1.0) + tanh(u));
}
FF_SLOPE {
  const V u = splat<V>(0.7978845608028654) * (s + splat<V>(0.044715) * (s * s * s));
  const V t = tanh(u);
  const V du = splat<V>(0.7978845608028654) * (splat<V>(1.0) + splat<V>(0.134145) * (s * s));
  const V slope = splat<V>(1.0) - t * t;
  const V right = select(slope > splat<V>(0.0), splat<V>(0.5) * s * slope * du, splat<V>(0.0));
  return splat<V>(0.5) * (splat<V>(1.0) + t) + right;
}
}
;
FF_FUNCTION(Silu, "silu", false, false)
FF_VALUE { return x * sigmoid(x); }
FF_SLOPE {
  const V y = sigmoid(s);
  const V rest = select(y > splat<V>(0.0), s * (splat<V>(1.0) - y), splat<V>(0.0));
  return y * (splat<V>(1.0) + rest);
}
}
;
FF_FUNCTION(Softplus, "softplus", false, false)
FF_VALUE {
  const V positive = select(splat<V>(0.0) > x, splat<V>(0.0), x);
  return positive + log1p(exp(-magnitude(x)));
}
FF_SLOPE { return sigmoid(s); }
}
;

#undef FF_FUNCTION
#undef FF_VALUE
#undef FF_BRIEF_VALUE
#undef FF_BRIEF_SLOPE
#undef FF_SLOPE

}  // namespace feedfwd::math
