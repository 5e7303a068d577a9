// The vectors of one instruction set, for test_simd.cpp.
#include "test_simd.h"

#include "core/math/functions.h"
#include "core/math/optimizers.h"
#include "core/math/philox.h"
#include "cpu/simd.h"

namespace feedfwd::FF_ISA {

// n numbers a vector at a time; the last vector by partial load and store.
template <class T, class F>
FF_INLINE void each(const T* x, const T* y, T* z, int64_t n, F f) {
  constexpr int size = Vec<T>::size;
  int64_t i = 0;
  for (; i + size <= n; i += size) f(Vec<T>::load(x + i), Vec<T>::load(y + i)).store(z + i);
  const int left = static_cast<int>(n - i);
  f(Vec<T>::load(x + i, left), Vec<T>::load(y + i, left)).store(z + i, left);
}

template <class Fn, class T>
void map_of(bool derivative, const T* x, T parameter, T* y, int64_t n) {
  const Vec<T> p(parameter);
  if (derivative) {
    each(x, x, y, n, [p](Vec<T> a, Vec<T>) { return Fn::df(a, p); });
  } else {
    each(x, x, y, n, [p](Vec<T> a, Vec<T>) { return Fn::f(a, p); });
  }
}

template <class T>
void map(int function, bool derivative, const T* x, T parameter, T* y, int64_t n) {
  using Map = void (*)(bool, const T*, T, T*, int64_t);
  static constexpr Map maps[] = {
#define FF_ENTRY(Fn) &map_of<math::Fn, T>,
      FF_UNARY_FUNCTIONS(FF_ENTRY)
#undef FF_ENTRY
  };
  maps[function](derivative, x, parameter, y, n);
}

template <class T>
void pow_all(const T* x, const T* y, T* z, int64_t n) {
  each(x, y, z, n, [](Vec<T> a, Vec<T> b) { return math::pow(a, b); });
}

template <class T>
void basic(const T* x, const T* y, T* z, int64_t n) {
  using V = Vec<T>;
  const V one(T(1)), zero(T(0));
  each(x, y, z, n, [](V a, V b) { return math::max(a, b); });
  each(x, y, z + n, n, [](V a, V b) { return math::min(a, b); });
  each(x, y, z + 2 * n, n, [](V a, V) { return math::keep(a); });
  each(x, y, z + 3 * n, n, [](V a, V b) { return math::copy_sign(a, b); });
  each(x, y, z + 4 * n, n, [](V a, V) { return sqrt(a); });
  each(x, y, z + 5 * n, n, [](V a, V b) { return fma(a, b, -a); });
  each(x, y, z + 6 * n, n, [=](V a, V b) { return select(a < b, one, zero); });
  each(x, y, z + 7 * n, n, [=](V a, V b) { return select(a <= b, one, zero); });
  each(x, y, z + 8 * n, n, [=](V a, V b) { return select(a == b, one, zero); });
  each(x, y, z + 9 * n, n, [=](V a, V b) { return select(a != b, one, zero); });
  each(x, y, z + 10 * n, n, [=](V a, V b) { return select((a > b) | !(a >= zero), one, zero); });
  each(x, y, z + 11 * n, n, [=](V a, V b) { return select((a > b) & (a >= zero), a, b / a); });
}

template <class T>
void tree(const T* x, int n, T* sum, T* max) {
  const Pack16<T> all = Pack16<T>::load(x, n);
  *sum = all.tree_sum();
  *max = all.tree_max();
}

template <class T>
void integers(const T* x, const T* y, T* z, int64_t n) {
  using I = IntVec<T>;
  each(x, y, z, n, [](Vec<T> a, Vec<T> b) {
    const I i = as_int(a), j = as_int(b);
    const I other = select(i < j, i - j, i ^ (j >> 3));
    return as_float(select(i == j, I(1), other));
  });
}

template <class Optimizer, class T>
void update_of(T* w, const T* g, T* slots, const T* scalars, int flags, int64_t n) {
  constexpr int size = Vec<T>::size;
  Vec<T> k[8];
  for (int j = 0; j < 8; ++j) k[j] = Vec<T>(scalars[j]);
  for (int64_t i = 0; i < n; i += size) {
    const int left = n - i < size ? static_cast<int>(n - i) : size;
    Vec<T> s[math::kMaxSlots], weight = Vec<T>::load(w + i, left);
    for (int j = 0; j < math::kMaxSlots; ++j) s[j] = Vec<T>::load(slots + j * n + i, left);
    Optimizer::update(weight, Vec<T>::load(g + i, left), s, k, flags);
    for (int j = 0; j < math::kMaxSlots; ++j) s[j].store(slots + j * n + i, left);
    weight.store(w + i, left);
  }
}

template <class T>
void update(int optimizer, T* w, const T* g, T* slots, const T* scalars, int flags, int64_t n) {
  using Update = void (*)(T*, const T*, T*, const T*, int, int64_t);
  static constexpr Update updates[] = {
#define FF_ENTRY(Optimizer) &update_of<math::Optimizer, T>,
      FF_OPTIMIZERS(FF_ENTRY)
#undef FF_ENTRY
  };
  updates[optimizer](w, g, slots, scalars, flags, n);
}

void philox(uint32_t block, uint64_t key, uint32_t* out) {
  using Words = IntVec<float>;
  for (int lane = 0; lane < 16; lane += Words::size) {
    const Words counter[4] = {Words::iota(block + static_cast<uint32_t>(lane)), Words(1), Words(2),
                              Words(3)};
    Words words[4];
    math::philox4x32(counter, key, words);
    for (int j = 0; j < 4; ++j) words[j].store(out + 16 * j + lane);
  }
}

void from_words(const uint32_t* words, float* f32, double* f64, int64_t n) {
  for (int64_t i = 0; i < n; i += Vec<float>::size) {
    Vec<float>::from_words(words + i).store(f32 + i);
  }
  for (int64_t i = 0; i < n; i += Vec<double>::size) {
    Vec<double>::from_words(words + i).store(f64 + i);
  }
}

template <class T>
inline constexpr SimdOf<T> kSimdOf = {Vec<T>::size, &map<T>,      &pow_all<T>, &basic<T>,
                                      &tree<T>,     &integers<T>, &update<T>};

const SimdEntry kSimd{kSimdOf<float>, kSimdOf<double>, &philox, &from_words};

}  // namespace feedfwd::FF_ISA
