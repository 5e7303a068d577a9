// Every instruction set of this machine gives the bits of the scalar formulas, partial loads and
// stores touch nothing else, and sums over 16 lanes have one order.
#include "test_simd.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "core/math/functions.h"
#include "core/math/optimizers.h"
#include "core/math/philox.h"

namespace {

using namespace feedfwd;

struct Isa {
  const char* name;
  const SimdEntry* entry;
};

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {{"generic", &generic::kSimd}};
#if defined(FF_HAVE_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isas.push_back({"avx2", &avx2::kSimd});
  }
#endif
#if defined(FF_HAVE_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    isas.push_back({"avx512", &avx512::kSimd});
  }
#endif
#if defined(FF_HAVE_NEON)
  isas.push_back({"neon", &neon::kSimd});
#endif
  return isas;
}

template <class T>
const SimdOf<T>& of(const Isa& isa) {
  if constexpr (sizeof(T) == 4) {
    return isa.entry->f32;
  } else {
    return isa.entry->f64;
  }
}

// Bits are equal but for the sign and payload of NaN.
template <class T>
bool same(T a, T b) {
  return math::as_int(a) == math::as_int(b) || (std::isnan(a) && std::isnan(b));
}

template <class T>
void check_equal(const char* isa, const std::string& what, const std::vector<T>& x,
                 const std::vector<T>& got, const std::vector<T>& want) {
  size_t wrong = 0;
  while (wrong < want.size() && same(got[wrong], want[wrong])) ++wrong;
  if (!CHECK(wrong == want.size())) {
    std::printf("  %s %s float%zu: at %.17g got %.17g, want %.17g\n", isa, what.c_str(),
                8 * sizeof(T), static_cast<double>(x[wrong % x.size()]),
                static_cast<double>(got[wrong]), static_cast<double>(want[wrong]));
  }
}

// Special values, all magnitudes, and the range where the functions bend; no multiple of 16 long.
template <class T>
std::vector<T> arguments(uint64_t seed) {
  using L = std::numeric_limits<T>;
  std::vector<T> x = {0,
                      T(-0.0),
                      1,
                      -1,
                      L::infinity(),
                      -L::infinity(),
                      L::quiet_NaN(),
                      L::denorm_min(),
                      -L::denorm_min(),
                      L::min(),
                      -L::min(),
                      L::max(),
                      -L::max(),
                      L::epsilon(),
                      T(0.5),
                      T(-0.5),
                      2,
                      3,
                      -3,
                      T(1e4),
                      T(-1e4),
                      T(88.5),
                      T(-88.5),
                      T(709.5),
                      T(-709.5),
                      T(0.55),
                      T(0.6),
                      T(1e5),
                      T(-1e9)};
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t bits = random();
    if (i % 3 == 0) {
      x.push_back(math::as_float(static_cast<math::IntOf<T>>(bits)));
    } else {
      const double scale = std::ldexp(1.0, i % 3 == 1 ? 5 : i / 3 % 24 - 16);
      x.push_back(static_cast<T>(std::ldexp(static_cast<double>(bits), -63) * scale - scale));
    }
  }
  return x;
}

template <class Fn, class T>
void check_function(const std::vector<Isa>& isas, int place, const std::vector<T>& x) {
  for (int derivative = 0; derivative < 2; ++derivative) {
    std::vector<T> want, got(x.size());
    for (T v : x) want.push_back(derivative ? Fn::df(v, T(0.3)) : Fn::f(v, T(0.3)));
    for (const Isa& isa : isas) {
      of<T>(isa).map(place, derivative == 1, x.data(), T(0.3), got.data(),
                     static_cast<int64_t>(x.size()));
      check_equal(isa.name, std::string(Fn::name) + (derivative ? "'" : ""), x, got, want);
    }
  }
}

template <class T>
void check_basic(const std::vector<Isa>& isas, const std::vector<T>& x, const std::vector<T>& y) {
  const size_t n = x.size();
  std::vector<T> want(12 * n), got(12 * n), powers, ints;
  for (size_t i = 0; i < n; ++i) {
    const T a = x[i], b = y[i];
    const T results[] = {a > b ? a : b,
                         a < b ? a : b,
                         std::fabs(a) < std::numeric_limits<T>::min() ? T(0) : a,
                         std::copysign(a, b),
                         std::sqrt(a),
                         std::fma(a, b, -a),
                         T(a < b),
                         T(a <= b),
                         T(a == b),
                         T(a != b),
                         T(a > b || !(a >= 0)),
                         a > b && a >= 0 ? a : b / a};
    for (size_t j = 0; j < 12; ++j) want[j * n + i] = results[j];
    powers.push_back(math::pow(a, b));
    const math::IntOf<T> p = math::as_int(a), q = math::as_int(b);
    ints.push_back(math::as_float(static_cast<math::IntOf<T>>(p == q  ? 1
                                                              : p < q ? p - q
                                                                      : p ^ (q >> 3))));
  }
  const int64_t count = static_cast<int64_t>(n);
  for (const Isa& isa : isas) {
    of<T>(isa).basic(x.data(), y.data(), got.data(), count);
    check_equal(isa.name, "basic", x, got, want);
    std::vector<T> z(n);
    of<T>(isa).pow(x.data(), y.data(), z.data(), count);
    check_equal(isa.name, "pow", x, z, powers);
    of<T>(isa).integers(x.data(), y.data(), z.data(), count);
    check_equal(isa.name, "integers", x, z, ints);
  }
}

// Reads and writes of n lanes leave the guards on both sides alone.
template <class T>
void check_partial(const std::vector<Isa>& isas) {
  for (const Isa& isa : isas) {
    for (int n = 0; n <= 40; ++n) {
      std::vector<T> x(48, T(7)), y(48, T(9));
      for (int i = 0; i < n; ++i) x[4 + i] = T(i + 1);
      of<T>(isa).map(0, false, x.data() + 4, 0, y.data() + 4, n);
      bool good = true;
      for (int i = 0; i < 48; ++i) {
        good &= y[i] == (i < 4 || i >= 4 + n ? T(9) : -T(i - 3));
      }
      CHECK(good);
    }
  }
}

template <class T>
void check_tree(const std::vector<Isa>& isas) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 200; ++round) {
    for (int n = 0; n <= 16; ++n) {
      T lanes[16] = {}, sum[16], largest[16];
      for (int i = 0; i < n; ++i) lanes[i] = static_cast<T>(std::exp(5 * normal(random)));
      for (int i = 0; i < n; i += 2) lanes[i] = -lanes[i];
      if (round == 0 && n > 2) lanes[n / 2] = std::numeric_limits<T>::quiet_NaN();
      std::memcpy(sum, lanes, sizeof sum);
      std::memcpy(largest, lanes, sizeof largest);
      for (int distance = 8; distance > 0; distance /= 2) {
        for (int i = 0; i < distance; ++i) {
          sum[i] = sum[i] + sum[i + distance];
          largest[i] = largest[i] > largest[i + distance] ? largest[i] : largest[i + distance];
        }
      }
      // The absent lanes must not be read: they are no zeros here.
      T given[16];
      for (int i = 0; i < 16; ++i) given[i] = i < n ? lanes[i] : T(1e30);
      for (const Isa& isa : isas) {
        T got_sum, got_max;
        of<T>(isa).tree(given, n, &got_sum, &got_max);
        CHECK(same(got_sum, sum[0]) && same(got_max, largest[0]));
      }
    }
  }
}

template <class Optimizer, class T>
void check_optimizer(const std::vector<Isa>& isas, int place) {
  const int64_t n = 77;
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  for (int flags = 0; flags < 8; ++flags) {
    std::vector<T> w(n), g(n), s(math::kMaxSlots * n);
    for (T& v : w) v = static_cast<T>(normal(random));
    for (T& v : g) v = static_cast<T>(normal(random));
    for (T& v : s) v = static_cast<T>(std::fabs(normal(random)));
    s[3] = std::numeric_limits<T>::min(), g[3] = 0;  // becomes subnormal, so zero
    const T k[8] = {T(0.01), T(0.9), T(0.1), T(1e-7), T(0.8), 0, 0, 0};
    std::vector<T> want_w = w, want_s = s;
    for (int64_t i = 0; i < n; ++i) {
      T slots[math::kMaxSlots];
      for (int j = 0; j < math::kMaxSlots; ++j) slots[j] = s[j * n + i];
      Optimizer::update(want_w[i], g[i], slots, k, flags);
      for (int j = 0; j < math::kMaxSlots; ++j) want_s[j * n + i] = slots[j];
    }
    for (const Isa& isa : isas) {
      std::vector<T> got_w = w, got_s = s;
      of<T>(isa).update(place, got_w.data(), g.data(), got_s.data(), k, flags, n);
      check_equal(isa.name, Optimizer::name, w, got_w, want_w);
      check_equal(isa.name, std::string(Optimizer::name) + " slots", s, got_s, want_s);
    }
  }
}

void check_words(const std::vector<Isa>& isas) {
  for (const Isa& isa : isas) {
    uint32_t got[64];
    const uint64_t key = 0x123456789abcdef0u;
    isa.entry->philox(1000, key, got);
    bool good = true;
    for (uint32_t lane = 0; lane < 16; ++lane) {
      const uint32_t counter[4] = {1000 + lane, 1, 2, 3};
      uint32_t want[4];
      math::philox4x32(counter, key, want);
      for (int j = 0; j < 4; ++j) good &= got[16 * j + lane] == want[j];
    }
    CHECK(good);
    uint32_t words[16];
    float f32[16];
    double f64[16];
    for (int i = 0; i < 16; ++i) words[i] = got[i] >> 8;
    words[5] = 0xffffff;
    isa.entry->from_words(words, f32, f64, 16);
    for (int i = 0; i < 16; ++i) {
      CHECK(f32[i] == static_cast<float>(words[i]) && f64[i] == words[i]);
    }
  }
}

template <class T>
void check_type(const std::vector<Isa>& isas) {
  const std::vector<T> x = arguments<T>(1);
  std::vector<T> y = arguments<T>(2);
  std::rotate(y.begin(), y.begin() + 7, y.end());
  int place = 0;
#define FF_CHECK(Fn) check_function<math::Fn>(isas, place++, x);
  FF_UNARY_FUNCTIONS(FF_CHECK)
#undef FF_CHECK
  place = 0;
#define FF_CHECK(Optimizer) check_optimizer<math::Optimizer, T>(isas, place++);
  FF_OPTIMIZERS(FF_CHECK)
#undef FF_CHECK
  check_basic(isas, x, y);
  check_partial<T>(isas);
  check_tree<T>(isas);
}

}  // namespace

int main() {
  const std::vector<Isa> isas = available_isas();
  check_type<float>(isas);
  check_type<double>(isas);
  check_words(isas);
  for (const Isa& isa : isas) std::printf("%s ", isa.name);
  std::printf("\n");
  return feedfwd::test::check_summary();
}
