// The elementary functions, each written once for scalars and vectors of float and double: at most
// 2 ULP, from
// + - * / sqrt fma, selects and integer operations alone, so that every machine gives the same
// bits.
#pragma once

#include "core/math/elementary_tables.h"
#include "core/math/numeric.h"

namespace feedfwd::math {

template <class V>
using ConstantsOf = Constants<ScalarOf<V>>;

// Table::c in rising powers of x, by fused Horner steps; unrolled, so that no table is read through
// memory it shares.
template <class Table, int I = 0, Real V>
FF_HD V horner(V x) {
  constexpr int terms = sizeof(Table::c) / sizeof(Table::c[0]);
  if constexpr (I + 1 == terms) {
    return V(Table::c[I]);
  } else {
    return fma(horner<Table, I + 1>(x), x, V(Table::c[I]));
  }
}

template <Real V>
FF_HD V infinity() {
  return as_float(splat_int<V>(FormatOf<V>::infinity));
}
template <Real V>
FF_HD V not_a_number() {
  return as_float(splat_int<V>(FormatOf<V>::infinity | (FormatOf<V>::infinity >> 1)));
}

// x = n ln 2 + high + low, |high| <= ln 2 / 2, high exact. `bits` holds n in its low bits.
template <class V>
struct ExpReduction {
  V high, low;
  IntOf<V> bits;
};
template <Real V>
FF_HD ExpReduction<V> reduce_exp(V x) {
  using C = ConstantsOf<V>;
  const V magic = V(FormatOf<V>::round_magic);
  const V t = fma(x, V(C::log2e), magic);
  const V n = t - magic;
  return {fma(-n, V(C::ln2_short), x), -n * V(C::ln2_rest), as_int(t)};
}

// A value as the sum of two numbers, high the nearest.
template <class V>
struct Twofold {
  V high, low;
};

// exp(high + low) for the reduced argument; `high` alone is within little more than half a ULP.
template <Real V>
FF_HD Twofold<V> exp_reduced(V high, V low) {
  const V r = high + low;
  const V sum = splat<V>(1.0) + high;
  const V lost = (high - (sum - splat<V>(1.0))) + low;
  const V rest = fma(r * r, horner<ExpTerms<ScalarOf<V>>>(r), lost);
  const V value = sum + rest;
  return {value, rest - (value - sum)};
}

// p 2^n, to be used where the result is below the largest number's power of two; NaN or infinite
// beyond.
template <Real V>
FF_HD V times_power(V p, IntOf<V> bits) {
  return as_float(as_int(p) + (bits << FormatOf<V>::mantissa));
}

template <Real V>
FF_HD V exp(V x) {
  using C = ConstantsOf<V>;
  const ExpReduction<V> e = reduce_exp(x);
  const V r = e.high + e.low, one = splat<V>(1.0);
  const V p = fma(fma(horner<ExpTerms<ScalarOf<V>>>(r), r, one), r, one);
  // x + inf gives inf above the range and keeps NaN.
  const V y = select(x <= V(C::exp_high), times_power(p, e.bits), x + infinity<V>());
  return select(x < V(C::exp_low), splat<V>(0.0), y);
}

// exp(x) - 1 for x between expm1_limit and a little above exp_high.
template <Real V>
FF_HD V expm1_core(V x) {
  using F = FormatOf<V>;
  const ExpReduction<V> e = reduce_exp(x);
  const V r = e.high + e.low;
  const V p = e.high + fma(r * r, horner<ExpTerms<ScalarOf<V>>>(r), e.low);
  const V half = as_float((e.bits + splat_int<V>(F::bias - 1)) << F::mantissa);  // 2^n / 2
  const V y = fma(half, p, half - splat<V>(0.5));
  return y + y;
}

template <Real V>
FF_HD V expm1(V x) {
  using C = ConstantsOf<V>;
  const V bounded = select(x < V(C::expm1_limit), V(C::expm1_limit), x);
  const V y = select(x > V(C::exp_high), infinity<V>(), expm1_core(bounded));
  return keep(select(x == x, y, x));
}

// The bits of sqrt(1/2).
template <class S>
constexpr typename Format<S>::Bits sqrt_half_bits() {
  if constexpr (sizeof(S) == 4) {
    return 0x3f3504f3u;
  } else {
    return 0x3fe6a09e667f3bcdu;
  }
}

// x = 2^k m with sqrt(1/2) <= m < sqrt(2), for normal x > 0.
template <class V>
struct LogReduction {
  V k, m;
};
template <Real V>
FF_HD LogReduction<V> reduce_log(V x) {
  using F = FormatOf<V>;
  using Bits = typename F::Bits;
  constexpr Bits root = sqrt_half_bits<ScalarOf<V>>();
  constexpr Bits magic = static_cast<Bits>(F::bias + F::mantissa) << F::mantissa;  // 2^mantissa
  const IntOf<V> shifted = as_int(x) + splat_int<V>(F::one - root);
  const V biased = as_float((shifted >> F::mantissa) | splat_int<V>(magic));
  const V power = splat<V>(static_cast<double>(Bits(1) << F::mantissa) + F::bias);
  const IntOf<V> mantissa = shifted & splat_int<V>((Bits(1) << F::mantissa) - 1);
  return {biased - power, as_float(mantissa + splat_int<V>(root))};
}

// log(2^k (1 + f)) + small, `small` far below f's last place or k's.
template <Real V>
FF_HD V log_sum(V k, V f, V small) {
  using C = ConstantsOf<V>;
  const V s = f / (splat<V>(2.0) + f);
  const V z = s * s;
  const V r = z * horner<LogTerms<ScalarOf<V>>>(z);
  const V half = splat<V>(0.5) * f * f;
  const V low = fma(k, V(C::ln2_rest), small);
  return k * V(C::ln2_short) - ((half - fma(s, half + r, low)) - f);
}

// log where x is known to be fit for it; the IEEE cases of 0, negative, infinite and NaN.
template <Real V>
FF_HD V log_cases(V x, V y) {
  y = select(x == infinity<V>(), x, y);
  y = select(x == splat<V>(0.0), -infinity<V>(), y);
  return select(x >= splat<V>(0.0), y, not_a_number<V>());
}

template <Real V>
FF_HD V log(V x) {
  using C = ConstantsOf<V>;
  const auto tiny = x < V(FormatOf<V>::min_normal);
  const LogReduction<V> l = reduce_log(select(tiny, x * V(C::subnormal_scale), x));
  const V k = select(tiny, l.k - V(C::subnormal_exponent), l.k);
  return keep(log_cases(x, log_sum(k, l.m - splat<V>(1.0), splat<V>(0.0))));
}

template <Real V>
FF_HD V log1p(V x) {
  const V one = splat<V>(1.0);
  const V u = one + x;
  // What rounding 1 + x lost, relative to u.
  const V lost = select(x > one, one - (u - x), x - (u - one)) / u;
  const LogReduction<V> l = reduce_log(u);
  const V y = log_cases(u, log_sum(l.k, l.m - one, lost));
  // Below the last place of 1: log1p(x) = x.
  const V eps = splat<V>(sizeof(ScalarOf<V>) == 4 ? 0x1p-25 : 0x1p-54);
  return keep(select(magnitude(x) < eps, x, y));
}

// A polynomial near 0, else 1 - 2 / (exp(2 |x|) + 1).
template <Real V>
FF_HD V tanh(V x) {
  using C = ConstantsOf<V>;
  const V a = magnitude(x);
  const V z = a * a;
  const V small = fma(a * z, horner<TanhTerms<ScalarOf<V>>>(z), a);
  const V bounded = select(a > V(C::tanh_limit), V(C::tanh_limit), a);
  const ExpReduction<V> e = reduce_exp(bounded + bounded);
  const V power = times_power(exp_reduced(e.high, e.low).high, e.bits);
  const V large = splat<V>(1.0) - splat<V>(2.0) / (power + splat<V>(1.0));
  const V y = keep(copy_sign(select(a < splat<V>(0.55), small, large), x));
  return select(x == x, y, x);
}

template <Real V>
FF_HD V sigmoid(V x) {
  const V one = splat<V>(1.0);
  const V e = exp(-magnitude(x));
  const V top = select(x < splat<V>(0.0), e, one);
  const V d = one + e;
  const V inverse = one / d;
  const V q = top * inverse;
  // One step of division's residual, with what rounding 1 + e lost.
  const V residual = fma(-q, d, top) - q * (e - (d - one));
  return keep(fma(residual, inverse, q));
}

template <Real V>
FF_HD V floor(V x) {
  const V whole = splat<V>(sizeof(ScalarOf<V>) == 4 ? 0x1p23 : 0x1p52);
  const V rounded = copy_sign((magnitude(x) + whole) - whole, x);
  const V below = select(rounded > x, rounded - splat<V>(1.0), rounded);
  return select(magnitude(x) < whole, below, x);
}

template <Real V>
FF_HD V sign(V x) {
  const V negative = select(x < splat<V>(0.0), splat<V>(-1.0), x);
  return select(x > splat<V>(0.0), splat<V>(1.0), negative);
}

// exp(-x^2) times the scaled erfcx of elementary_tables.h, with the rounding errors of the square,
// of 1 + 2 x and of the division carried along; x >= 0.
template <Real V>
FF_HD V erfc_positive(V x) {
  using C = ConstantsOf<V>;
  const V a = select(x > V(C::erfc_limit), V(C::erfc_limit), x);
  const V u = (a - V(C::erfc_center)) / (a + V(C::erfc_center));
  const V p = horner<ErfcTerms<ScalarOf<V>>>(u);
  const V twice = a + a;
  const V d = splat<V>(1.0) + twice;
  const V d_low =
      select(twice > splat<V>(1.0), splat<V>(1.0) - (d - twice), twice - (d - splat<V>(1.0)));
  const V q = p / d;
  const V q_low = (fma(-q, d, p) - q * d_low) / d;
  const V square = a * a;
  const V square_low = fma(a, a, -square);
  const ExpReduction<V> e = reduce_exp(-square);
  const Twofold<V> power = exp_reduced(e.high, e.low - square_low);
  const V product = fma(power.high, q, fma(power.high, q_low, power.low * q));
  return select(x < V(C::erfc_limit), keep(times_power(product, e.bits)), splat<V>(0.0));
}

// erf for |x| <= 1.
template <Real V>
FF_HD V erf_small(V x) {
  return fma(x, horner<ErfTerms<ScalarOf<V>>>(x * x), x);
}

template <Real V>
FF_HD V erfc(V x) {
  const V a = magnitude(x);
  const V y = select(a < splat<V>(0.6), splat<V>(1.0) - erf_small(a), erfc_positive(a));
  const V value = select(x < splat<V>(0.0), splat<V>(2.0) - y, y);
  return select(x == x, value, x);
}

template <Real V>
FF_HD V erf(V x) {
  const V a = magnitude(x);
  const V small = erf_small(a);
  const V large = splat<V>(1.0) - erfc_positive(a);
  const V value = copy_sign(select(a < splat<V>(1.0), small, large), x);
  return keep(select(x == x, value, x));
}

// x = n pi/2 + r + low for |x| up to about 1e5 (float) and 1e9 (double).
template <class V>
struct TrigReduction {
  V r, low;
  IntOf<V> quadrant;
};
template <Real V>
FF_HD TrigReduction<V> reduce_trig(V x) {
  using C = ConstantsOf<V>;
  const V magic = V(FormatOf<V>::round_magic);
  const V t = fma(x, V(C::two_over_pi), magic);
  const V n = t - magic;
  const V a = fma(-n, V(C::pio2_a), x);
  const V p = -n * V(C::pio2_b);
  const V p_low = fma(-n, V(C::pio2_b), -p);
  const V b = a + p;
  const V part = b - a;
  const V b_low = ((a - (b - part)) + (p - part)) + p_low;  // what rounding b lost, exactly (Knuth)
  const V c_low = fma(-n, V(C::pio2_c), b_low);
  // Arguments beyond the range keep a finite, bounded result.
  const auto fit = magnitude(b) < splat<V>(1.0);
  const V zero = splat<V>(0.0);
  return {select(fit, b, zero), select(fit, c_low, zero), as_int(t)};
}

template <Real V>
FF_HD V sin_or_cos(V x, IntOf<V> shift) {
  using S = ScalarOf<V>;
  const TrigReduction<V> t = reduce_trig(x);
  const V z = t.r * t.r;
  const V sine = t.r + fma(t.r * z, horner<SinTerms<S>>(z), t.low);
  const V half = splat<V>(0.5) * z;
  const V w = splat<V>(1.0) - half;
  const V cosine =
      w + (((splat<V>(1.0) - w) - half) + fma(z * z, horner<CosTerms<S>>(z), -(t.r * t.low)));
  const IntOf<V> quadrant = t.quadrant + shift;
  const auto odd = (quadrant & splat_int<V>(1)) == splat_int<V>(1);
  const V value = select(odd, cosine, sine);
  const V turned = select((quadrant & splat_int<V>(2)) == splat_int<V>(2), -value, value);
  return select(magnitude(x) < infinity<V>(), turned, not_a_number<V>());
}

template <Real V>
FF_HD V sin(V x) {
  return keep(select(x == splat<V>(0.0), x, sin_or_cos(x, splat_int<V>(0))));
}
template <Real V>
FF_HD V cos(V x) {
  return keep(sin_or_cos(x, splat_int<V>(1)));
}

// log(x) as a sum high + low of about twice the precision, for x > 0.
template <Real V>
FF_HD Twofold<V> log_twofold(V x) {
  using C = ConstantsOf<V>;
  const auto tiny = x < V(FormatOf<V>::min_normal);
  const LogReduction<V> l = reduce_log(select(tiny, x * V(C::subnormal_scale), x));
  const V k = select(tiny, l.k - V(C::subnormal_exponent), l.k);
  const V f = l.m - splat<V>(1.0), d = l.m + splat<V>(1.0);
  const V d_low = l.m - (d - splat<V>(1.0));
  const V s = f / d;
  const V s_low = (fma(-s, d, f) - s * d_low) / d;
  const V s2 = s * s;
  const V s2_low = fma(s, s, -s2) + (s + s) * s_low;
  const V s3 = s2 * s;
  const V s3_low = fma(s2, s, -s3) + fma(s2, s_low, s2_low * s);
  const V t = s3 * V(C::two_thirds);
  const V t_low =
      fma(s3, V(C::two_thirds), -t) + fma(s3, V(C::two_thirds_low), s3_low * V(C::two_thirds));
  const V tail = s2 * s3 * horner<PowTerms<ScalarOf<V>>>(s2);
  const V main = k * V(C::ln2_short), twice = s + s;
  const V sum = main + twice;
  const V sum_low = select(k == splat<V>(0.0), splat<V>(0.0), twice - (sum - main));
  const V both = sum + t;
  const V both_low = t - (both - sum);
  const V low = ((sum_low + both_low) + (t_low + (s_low + s_low))) + fma(k, V(C::ln2_rest), tail);
  const V high = both + low;
  return {high, low - (high - both)};
}

// |a|^b for finite a != 0.
template <Real V>
FF_HD V pow_magnitude(V a, V b) {
  using C = ConstantsOf<V>;
  const Twofold<V> l = log_twofold(magnitude(a));
  const V product = l.high * b;
  const V low = fma(l.high, b, -product) + l.low * b;
  // Near the ends the low part decides; beyond them it is not finite.
  const V margin = splat<V>(0.25);
  const auto inside = (product < V(C::exp_high) + margin) & (product > V(C::exp_low) - margin);
  const V bounded = select(inside, product, splat<V>(0.0));
  const ExpReduction<V> e = reduce_exp(bounded);
  const V p = exp_reduced(e.high, e.low + select(inside, low, splat<V>(0.0))).high;
  const V scaled = keep(times_power(p, e.bits));
  const V y = select(scaled == scaled, scaled, infinity<V>());
  const V outside = select(product > splat<V>(0.0), infinity<V>(), splat<V>(0.0));
  return select(inside, y, outside);
}

template <Real V>
FF_HD V pow(V a, V b) {
  const V zero = splat<V>(0.0), one = splat<V>(1.0), inf = infinity<V>();
  const V size = magnitude(a);
  const auto whole = floor(b) == b;
  const V half = b * splat<V>(0.5);
  const auto odd = whole & (floor(half) != half);
  const auto sign_bit = (as_int(a) & splat_int<V>(FormatOf<V>::sign)) != splat_int<V>(0);
  V y = pow_magnitude(select((size == zero) | (size == inf), one, a), b);
  const auto rises = b > zero;
  y = select(size == zero, select(rises, zero, inf), y);
  y = select(size == inf, select(rises, inf, zero), y);
  const V far = select(rises, select(size > one, inf, zero), select(size > one, zero, inf));
  y = select(magnitude(b) == inf, select(size == one, one, far), y);
  y = select(sign_bit & odd, -y, y);
  y = select((a < zero) & !whole & (size < inf), not_a_number<V>(), y);
  y = select((a == a) & (b == b), y, not_a_number<V>());
  return select((a == one) | (b == zero), one, y);
}

}  // namespace feedfwd::math
