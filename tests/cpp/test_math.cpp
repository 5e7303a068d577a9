// Special cases and ranges of the elementary functions, derivatives of the function table, random
// numbers and optimizer formulas, as scalars. ulp.cpp measures errors; test_simd.cpp does vectors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "check.h"
#include "core/math/functions.h"
#include "core/math/optimizers.h"
#include "core/math/philox.h"
#include "core/math/random.h"

namespace {

using namespace feedfwd;

template <class T>
using L = std::numeric_limits<T>;

template <class T>
bool is_zero(T x) {
  return x == 0 && !std::signbit(x);
}

template <class T>
void check_exp_family() {
  const T inf = L<T>::infinity(), nan = L<T>::quiet_NaN(), tiny = L<T>::min();
  const T high = sizeof(T) == 4 ? T(0x1.62e42ep+6) : T(0x1.62e42fefa39efp+9);
  const T low = sizeof(T) == 4 ? T(-0x1.5d589ep+6) : T(-0x1.6232bdd7abcd2p+9);
  CHECK(math::exp(T(0)) == 1 && math::exp(T(-0.0)) == 1);
  CHECK(math::exp(inf) == inf && is_zero(math::exp(-inf)) && std::isnan(math::exp(nan)));
  CHECK(std::isfinite(math::exp(high)) && math::exp(std::nextafter(high, inf)) == inf);
  CHECK(math::exp(low) >= tiny && is_zero(math::exp(std::nextafter(low, -inf))));
  CHECK(math::exp(L<T>::max()) == inf && is_zero(math::exp(-L<T>::max())));

  CHECK(math::expm1(inf) == inf && math::expm1(-inf) == -1 && std::isnan(math::expm1(nan)));
  CHECK(std::isfinite(math::expm1(high)) && math::expm1(std::nextafter(high, inf)) == inf);
  CHECK(math::expm1(-L<T>::max()) == -1);
  CHECK(math::expm1(tiny) == tiny && math::expm1(-tiny) == -tiny);
  CHECK(is_zero(math::expm1(T(0))) && is_zero(math::expm1(tiny / 2)));

  CHECK(math::tanh(inf) == 1 && math::tanh(-inf) == -1 && std::isnan(math::tanh(nan)));
  CHECK(math::tanh(T(1e4)) == 1 && math::tanh(T(-1e4)) == -1 && is_zero(math::tanh(T(0))));
  CHECK(math::tanh(tiny) == tiny && is_zero(math::tanh(-tiny / 2)));

  CHECK(math::sigmoid(inf) == 1 && is_zero(math::sigmoid(-inf)) && std::isnan(math::sigmoid(nan)));
  CHECK(math::sigmoid(T(1e4)) == 1 && is_zero(math::sigmoid(T(-1e4))));
  CHECK(math::sigmoid(T(0)) == T(0.5));

  CHECK(math::erf(inf) == 1 && math::erf(-inf) == -1 && std::isnan(math::erf(nan)));
  CHECK(is_zero(math::erf(T(0))) && is_zero(math::erf(-tiny / 4)));
  CHECK(is_zero(math::erfc(inf)) && math::erfc(-inf) == 2 && std::isnan(math::erfc(nan)));
  CHECK(math::erfc(T(0)) == 1 && is_zero(math::erfc(T(1e4))) && math::erfc(T(-1e4)) == 2);
}

template <class T>
void check_logs() {
  const T inf = L<T>::infinity(), nan = L<T>::quiet_NaN();
  CHECK(math::log(inf) == inf && std::isnan(math::log(nan)) && std::isnan(math::log(T(-1))));
  CHECK(math::log(T(0)) == -inf && math::log(T(-0.0)) == -inf && is_zero(math::log(T(1))));
  CHECK(std::isnan(math::log(-inf)) && std::isnan(math::log(-L<T>::denorm_min())));
  const double least = std::log(static_cast<double>(L<T>::denorm_min()));
  CHECK(std::fabs(math::log(L<T>::denorm_min()) / least - 1) < 2 * L<T>::epsilon());
  CHECK(math::log1p(inf) == inf && std::isnan(math::log1p(nan)) && math::log1p(T(0)) == 0);
  CHECK(math::log1p(T(-1)) == -inf && std::isnan(math::log1p(T(-1.5))));
  CHECK(std::isnan(math::log1p(-inf)) && math::log1p(L<T>::min()) == L<T>::min());
}

template <class T>
void check_circle() {
  const T inf = L<T>::infinity(), nan = L<T>::quiet_NaN();
  CHECK(std::isnan(math::sin(inf)) && std::isnan(math::sin(nan)) && math::sin(T(0)) == 0);
  CHECK(std::isnan(math::cos(-inf)) && std::isnan(math::cos(nan)) && math::cos(T(0)) == 1);
  // Beyond the accurate range: bounded.
  for (double x : {1e6, 1e8, 1e12, 1e18, 1e25, 1e38}) {
    CHECK(std::fabs(math::sin(T(x))) <= 1 && std::fabs(math::cos(T(-x))) <= 1);
  }
  CHECK(std::fabs(math::sin(L<T>::max())) <= 1 && std::fabs(math::cos(L<T>::max())) <= 1);
}

template <class T>
void check_rounding() {
  const T inf = L<T>::infinity(), large = T(1) / L<T>::epsilon();
  for (T x : {T(0.5), T(-0.5), T(1.5), T(2.5), T(-2.5), T(-3), T(7), T(0.99999), large, -large,
              large / 2 - T(0.5), large / 4 + T(0.25), -large / 4 - T(0.5), large * 8, L<T>::max(),
              L<T>::denorm_min(), -L<T>::denorm_min(), inf, -inf}) {
    CHECK(math::floor(x) == std::floor(x));
  }
  CHECK(std::isnan(math::floor(L<T>::quiet_NaN())) && std::signbit(math::floor(T(-0.0))));
  CHECK(math::sign(T(3)) == 1 && math::sign(T(-3)) == -1 && math::sign(T(0)) == 0);
  CHECK(std::isnan(math::sign(L<T>::quiet_NaN())));
  CHECK(is_zero(math::keep(-L<T>::min() / 2)) && math::keep(-L<T>::min()) == -L<T>::min());
  CHECK(is_zero(math::keep(T(-0.0))) && math::keep(-inf) == -inf);
  CHECK(std::isnan(math::keep(L<T>::quiet_NaN())));
  // NUMERICS 4: the second operand where the comparison fails.
  const T nan = L<T>::quiet_NaN();
  CHECK(math::max(nan, T(1)) == 1 && std::isnan(math::max(T(1), nan)));
  CHECK(std::signbit(math::max(T(0), T(-0.0))) && is_zero(math::min(T(-0.0), T(0))));
}

// The C library's pow has IEEE's table.
template <class T>
void check_pow() {
  const T inf = L<T>::infinity(), nan = L<T>::quiet_NaN(), odd = T(1) / L<T>::epsilon() - 1;
  const std::vector<T> values = {
      T(0),  T(-0.0), T(1),    T(-1),   T(0.5),  T(-0.5),     T(2),         T(-2),      T(3),
      T(-3), T(5),    T(1e3),  T(-1e3), T(1001), inf,         -inf,         nan,        odd,
      -odd,  odd * 8, T(-2.5), T(1e9),  T(-1e9), L<T>::max(), -L<T>::max(), L<T>::min()};
  for (T x : values) {
    for (T y : values) {
      const T want = std::pow(x, y), got = math::pow(x, y);
      if (std::isnan(want)) {
        CHECK(std::isnan(got));
      } else if (std::fabs(want) < L<T>::min() && x != 0 && std::isfinite(x) && std::isfinite(y)) {
        CHECK(got == 0);  // what underflows is no subnormal
      } else if (want == 0 || std::isinf(want)) {
        CHECK(got == want && std::signbit(got) == std::signbit(want));
      } else {
        CHECK(std::fabs(got / want - 1) <= 4 * L<T>::epsilon());
      }
    }
  }
  for (T x = 1; x < 20; ++x) {
    CHECK(math::pow(x, T(2)) == x * x && math::pow(-x, T(3)) == -x * x * x);
  }
}

// The exp family never gives a subnormal.
void check_no_subnormals() {
  bool good = true;
  for (uint64_t bits = 0; bits < (1ull << 32); bits += 4001) {
    const float x = math::as_float(static_cast<uint32_t>(bits));
    for (float y : {math::exp(x), math::expm1(x), math::tanh(x), math::sigmoid(x), math::erf(x),
                    math::erfc(x), math::pow(x, 1.5f)}) {
      good &= std::fpclassify(y) != FP_SUBNORMAL;
    }
  }
  CHECK(good);
}

// df against central differences, in float64.
template <class Fn>
void check_derivative() {
  const std::string_view name = Fn::name;
  const bool positive = name == "log" || name == "log1p" || name == "sqrt";
  const double h = 1e-5, p = 0.3;
  for (int i = -20; i <= 20; ++i) {
    const double x = 0.37 * i + 0.013;
    if (positive && x < 0.1) continue;
    const double slope = Fn::df(Fn::from_output ? Fn::f(x, p) : x, p);
    const double difference = (Fn::f(x + h, p) - Fn::f(x - h, p)) / (2 * h);
    if (!CHECK(std::fabs(slope - difference) <= 1e-8 * std::max(1.0, std::fabs(slope)))) {
      std::printf("  %s at %g: %.12g, difference %.12g\n", Fn::name, x, slope, difference);
    }
  }
}

template <class T, class Fn>
void check_far(T left, T right, T left_slope, T right_slope) {
  for (T x : {T(1e4), T(1e30)}) {
    const T scale = std::isinf(right) ? x : 1, at_left = Fn::f(-x, T(1)), at_right = Fn::f(x, T(1));
    CHECK(at_left == left && at_right == (std::isinf(right) ? scale : right));
    CHECK(Fn::df(Fn::from_output ? at_left : -x, T(1)) == left_slope);
    CHECK(Fn::df(Fn::from_output ? at_right : x, T(1)) == right_slope);
  }
  CHECK(std::isnan(Fn::f(L<T>::quiet_NaN(), T(1))));
}

template <class T>
void check_functions() {
  const T inf = L<T>::infinity();
  check_far<T, math::Relu>(0, inf, 0, 1);
  check_far<T, math::Elu>(-1, inf, 0, 1);
  check_far<T, math::Gelu>(0, inf, 0, 1);
  check_far<T, math::GeluTanh>(0, inf, 0, 1);
  check_far<T, math::Silu>(0, inf, 0, 1);
  check_far<T, math::Softplus>(0, inf, 0, 1);
  check_far<T, math::Sigmoid>(0, 1, 0, 0);
  check_far<T, math::Tanh>(-1, 1, 0, 0);
  CHECK(math::Relu::df(T(0), T(0)) == 0 && math::LeakyRelu::f(T(-2), T(0.5)) == -1);
  CHECK(math::LeakyRelu::df(T(-2), T(0.5)) == T(0.5));
  CHECK(math::Square::f(T(-3), T(0)) == 9 && math::Abs::f(T(-3), T(0)) == 3);
}

void check_random() {
  const struct {
    uint32_t counter[4];
    uint64_t key;
    uint32_t want[4];
  } known[] = {
      // The known answers published with Random123.
      {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, ~0ull, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       0x299f31d0a4093822,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& k : known) {
    uint32_t words[4];
    math::philox4x32(k.counter, k.key, words);
    for (int i = 0; i < 4; ++i) CHECK(words[i] == k.want[i]);
  }
  CHECK(math::uniform(0u) == 0 && math::uniform(~0u) == 1 - 0x1p-24f);
  CHECK(math::uniform(0x180u) == 0x1p-24f);
  CHECK(math::uniform(0u, 0u) == 0 && math::uniform(~0u, ~0u) == 1 - 0x1p-53);
  CHECK(math::uniform(1u << 31, 1u << 6) == 0.5 + 0x1p-53);

  CHECK(math::normal_quantile(0.5) == 0);
  double worst = 0;
  for (int i = 1; i < 4000; ++i) {
    const double p = i < 2000 ? i / 2000.0 : std::exp2(-(i - 2000) / 4.0);
    const double x = math::normal_quantile(p);
    const long double density = expl(-0.5L * x * x) / sqrtl(2 * 3.14159265358979323846L);
    const long double miss = (0.5L * erfcl(-x / sqrtl(2.0L)) - p) / density;
    worst = std::max(worst, static_cast<double>(fabsl(miss)) / std::max(1.0, std::fabs(x)));
    if (i < 1000) CHECK(std::fabs(math::normal_quantile(1 - p) + x) <= 1e-12);
  }
  CHECK(worst <= 1e-15);
  CHECK(math::truncated_normal_quantile(0.5) == 0);
  CHECK(std::fabs(math::truncated_normal_quantile(0x1p-54) + 2) < 1e-14);
  CHECK(std::fabs(math::truncated_normal_quantile(1 - 0x1p-53) - 2) < 1e-14);
}

// One step from given slots, against the formulas in plain C++.
void check_optimizers() {
  double b = 1;
  for (int n = 0; n < 100; ++n, b *= 0.9) CHECK(std::fabs(math::ipow(0.9, n) / b - 1) < 1e-13);
  CHECK(std::fabs(math::ipow(0.999, 100000) / std::exp(100000 * std::log(0.999)) - 1) < 1e-10);

  const double adam[] = {0.8, 0.95, 1e-3, 0, 0}, g = 0.7;
  double k[8] = {}, s[3] = {0.1, 0.2, 0.5}, w = 1.5;
  math::Adam::scalars(adam, 0.01, 3, k);
  math::Adam::update(w, g, s, k, math::Adam::flags(adam));
  const double m = 0.8 * 0.1 + 0.2 * g, v = 0.95 * 0.2 + 0.05 * g * g;
  const double rate = 0.01 * std::sqrt(1 - std::pow(0.95, 3)) / (1 - std::pow(0.8, 3));
  CHECK(std::fabs(w - (1.5 - rate * m / (std::sqrt(v) + 1e-3))) < 1e-15);
  CHECK(math::Adam::slots(adam) == 2 && s[2] == 0.5);

  const double sgd[] = {0.9, 1, 0};
  double velocity[3] = {0.3, 0, 0}, k2[8] = {}, u = 1;
  math::Sgd::scalars(sgd, 0.1, 1, k2);
  math::Sgd::update(u, g, velocity, k2, math::Sgd::flags(sgd));
  CHECK(std::fabs(velocity[0] - 0.2) < 1e-15 && std::fabs(u - (1 + 0.9 * 0.2 - 0.07)) < 1e-15);
  CHECK(math::decayed(2.0, 0.25) == 1.5);

  // State that fades away ends at +0, not at a subnormal.
  double fading[3] = {L<double>::min(), 0, 0};
  math::Sgd::update(u, 0.0, fading, k2, math::Sgd::kMomentum);
  CHECK(is_zero(fading[0]));
}

template <class T>
void check_type() {
  check_exp_family<T>();
  check_logs<T>();
  check_circle<T>();
  check_rounding<T>();
  check_pow<T>();
  check_functions<T>();
}

}  // namespace

int main() {
  check_type<float>();
  check_type<double>();
  check_no_subnormals();
#define FF_CHECK(Fn) check_derivative<math::Fn>();
  FF_UNARY_FUNCTIONS(FF_CHECK)
#undef FF_CHECK
  check_random();
  check_optimizers();
  return feedfwd::test::check_summary();
}
