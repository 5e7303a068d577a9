// Measures the worst error of the elementary functions in units in the last place against the C
// library in long double, and prints a table. Exit status 1 above 2 ULP. `ulp all` tries every
// float, and takes most of an hour.
#include <math.h>

#include <cstdio>
#include <cstring>

#include "core/math/elementary.h"

namespace {

using feedfwd::math::as_float;
using feedfwd::math::as_int;

constexpr double kLimit = 2.0;

// Error of `got` in units of the last place of the exact value. Below the smallest normal number
// exact values are as good as +0, which keep() makes of them.
template <class T>
double ulps(T got, long double want) {
  using F = feedfwd::math::Format<T>;
  if (isnan(want)) return isnan(got) ? 0 : 1e30;
  if (fabsl(want) < F::min_normal * (1 + 0x1p-20L) && got == 0) return 0;
  const T rounded = static_cast<T>(want);
  if (isinf(rounded) || isinf(got)) return rounded == got ? 0 : 1e30;
  int exponent;
  frexpl(want, &exponent);
  const int lowest = sizeof(T) == 4 ? -149 : -1074;
  const int unit = exponent - F::mantissa - 1;
  const long double ulp = ldexpl(1, unit < lowest ? lowest : unit);
  return static_cast<double>(fabsl(static_cast<long double>(got) - want) / ulp);
}

struct Worst {
  double error = 0, at = 0, at2 = 0;
  void add(double e, double x, double y = 0) {
    if (!(e <= error)) error = e, at = x, at2 = y;
  }
};

bool report(const char* name, const char* type, const Worst& w, long long tried) {
  printf("| %-8s | %-7s | %.3f | %.17g%s", name, type, w.error, w.at, w.at2 != 0 ? ", " : "");
  if (w.at2 != 0) printf("%.17g", w.at2);
  printf(" | %lld |\n", tried);
  return w.error <= kLimit;
}

uint64_t next_random(uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  uint64_t x = state;
  x ^= x >> 32;
  return x * 0x9E3779B97F4A7C15u;
}

template <class Ours, class Exact>
bool unary(const char* name, Ours ours, Exact exact, double limit32, double limit64, bool all) {
  Worst f, d;
  long long tried = 0;
  const uint64_t step = all ? 1 : 509;
  for (uint64_t bits = 0; bits < (1ull << 32); bits += step) {
    const float x = as_float(static_cast<uint32_t>(bits));
    if (!(fabsf(x) <= limit32)) continue;
    f.add(ulps(ours(x), exact(static_cast<long double>(x))), x);
    ++tried;
  }
  bool good = report(name, "float32", f, tried);
  tried = 0;
  uint64_t state = 1;
  const int n = all ? 20000000 : 1000000;
  for (int i = 0; i < n; ++i) {
    // A third over all bit patterns, the rest where the functions bend.
    const uint64_t r = next_random(state);
    double x = as_float(r);
    if (i % 3 == 1) x = ldexp(static_cast<double>(static_cast<int64_t>(r)), -63 + 5);
    if (i % 3 == 2) x = ldexp(static_cast<double>(static_cast<int64_t>(r)), (i / 3) % 32 - 83);
    if (!(fabs(x) <= limit64)) continue;
    d.add(ulps(ours(x), exact(static_cast<long double>(x))), x);
    ++tried;
  }
  return report(name, "float64", d, tried) && good;
}

template <class T>
bool power(const char* type, bool all) {
  Worst w;
  uint64_t state = 7;
  const int n = all ? 20000000 : 1000000;
  long long tried = 0;
  for (int i = 0; i < n; ++i) {
    const double u = ldexp(static_cast<double>(next_random(state) >> 11), -53);
    const double v = ldexp(static_cast<double>(next_random(state) >> 11), -53);
    const double range = sizeof(T) == 4 ? 128 : 1024;
    T x = static_cast<T>(i % 2 ? exp2((2 * u - 1) * range) : exp2(2 * u - 1));
    // Powers spread evenly over the range of the results.
    const T y = static_cast<T>((2 * v - 1) * range / log2(static_cast<double>(x)));
    if (x == 0 || isinf(x) || isinf(y)) continue;
    w.add(ulps(feedfwd::math::pow(x, y), powl(x, y)), x, y);
    ++tried;
  }
  return report("pow", type, w, tried);
}

}  // namespace

#define FF_MEASURE(name, exact, limit32, limit64)           \
  good &= unary(                                            \
      #name, [](auto x) { return feedfwd::math::name(x); }, \
      [](long double x) -> long double { return exact; }, limit32, limit64, all)

int main(int argc, char** argv) {
  const bool all = argc > 1 && strcmp(argv[1], "all") == 0;
  bool good = true;
  printf("| function | type | worst ULP | at | tried |\n|---|---|---|---|---|\n");
  FF_MEASURE(exp, expl(x), INFINITY, INFINITY);
  FF_MEASURE(expm1, expm1l(x), INFINITY, INFINITY);
  FF_MEASURE(log, logl(x), INFINITY, INFINITY);
  FF_MEASURE(log1p, log1pl(x), INFINITY, INFINITY);
  FF_MEASURE(tanh, tanhl(x), INFINITY, INFINITY);
  FF_MEASURE(sigmoid, 1 / (1 + expl(-x)), INFINITY, INFINITY);
  FF_MEASURE(erf, erfl(x), INFINITY, INFINITY);
  FF_MEASURE(erfc, erfcl(x), INFINITY, INFINITY);
  FF_MEASURE(sin, sinl(x), 1e5, 1e9);
  FF_MEASURE(cos, cosl(x), 1e5, 1e9);
  good &= power<float>("float32", all);
  good &= power<double>("float64", all);
  return good ? 0 : 1;
}
