// Every CPU kernel against plain loops, with the same bits on all instruction sets and parts.
#include <tuple>

#include "core/math/functions.h"
#include "core/math/optimizers.h"
#include "core/math/philox.h"
#include "kernel_harness.h"

using namespace feedfwd;
using namespace feedfwd::test;

namespace {

template <class T>
std::string type_name() {
  return name_of(dtype_of<T>());
}

// All ways two operands can be broadcast, flat and strided.
template <class T>
void binary(Op op, const std::function<T(T, T)>& f) {
  const int64_t rows = 9, cols = 83;
  for (int64_t ar : {rows, int64_t{1}}) {
    for (int64_t bc : {cols, int64_t{1}}) {
      for (int64_t stride : {cols, int64_t{96}}) {
        Array<T> a(ar, cols, stride), b(rows, bc), out(rows, cols, stride);
        fill(a, -9, 9), fill(b, -9, 9);
        if (bc == 1) b(2, 0) = 0;
        const std::string what = std::string(name_of(op)) + " " + type_name<T>();
        everywhere(what,
                   {instr(op, {a.broadcast(rows, cols), b.broadcast(rows, cols)}, {out.ref()})},
                   out);
        expect<T>(what, out, [&](int64_t r, int64_t c) {
          return f(a(ar == 1 ? 0 : r, c), b(r, bc == 1 ? 0 : c));
        });
      }
    }
  }
  Array<T> a(5, 130), b(5, 130);  // in place
  fill(a), fill(b);
  const Array<T> old = a;
  everywhere("in place", {instr(op, {a.ref(), b.ref()}, {a.ref()})}, a);
  expect<T>("in place", a, [&](int64_t r, int64_t c) { return f(old(r, c), b(r, c)); });
}

template <class T>
void arithmetic() {
  binary<T>(Op::Add, [](T a, T b) { return static_cast<T>(a + b); });
  binary<T>(Op::Subtract, [](T a, T b) { return static_cast<T>(a - b); });
  binary<T>(Op::Multiply, [](T a, T b) { return static_cast<T>(a * b); });
  binary<T>(Op::Maximum, [](T a, T b) { return a > b ? a : b; });
  binary<T>(Op::Minimum, [](T a, T b) { return a < b ? a : b; });
  if constexpr (std::is_floating_point_v<T>) {
    binary<T>(Op::Divide, [](T a, T b) { return a / b; });
    binary<T>(Op::Power, [](T a, T b) { return math::pow(a, b); });
    binary<T>(Op::Mod, [](T a, T b) {
      const T r = std::fmod(a, b);
      return r == 0 ? std::copysign(T(0), b) : (r < 0) != (b < 0) ? r + b : r;
    });
  } else {
    binary<T>(Op::FloorDivide, [](T a, T b) {
      return b == 0 ? T(0)
                    : static_cast<T>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
    });
    binary<T>(Op::Mod, [](T a, T b) { return b == 0 ? T(0) : T(((a % b) + b) % b); });
    binary<T>(Op::Power, [](T a, T b) {
      T x = b < 0 ? T(0) : T(1);
      for (T k = 0; k < b; ++k)
        x = static_cast<T>(static_cast<uint64_t>(x) * static_cast<uint64_t>(a));
      return x;
    });
  }
}

void integer_edges() {
  Array<int32_t> a(1, 5), b(1, 5), out(1, 5);
  const int32_t low = INT32_MIN, x[] = {low, low, 7, -7, 5}, y[] = {-1, 0, -2, 2, 0};
  const int32_t quotient[] = {low, 0, -4, -4, 0}, rest[] = {0, 0, -1, 1, 0};
  for (int k = 0; k < 5; ++k) a(0, k) = x[k], b(0, k) = y[k];
  everywhere("int edges", {instr(Op::FloorDivide, {a.ref(), b.ref()}, {out.ref()})}, out);
  expect<int32_t>("int //", out, [&](int64_t, int64_t c) { return quotient[c]; });
  everywhere("int edges", {instr(Op::Mod, {a.ref(), b.ref()}, {out.ref()})}, out);
  expect<int32_t>("int %", out, [&](int64_t, int64_t c) { return rest[c]; });
}

template <class T>
void comparisons() {
  Array<T> a(7, 45), b(7, 45), picked(7, 45);
  Array<uint8_t> out(7, 45, 50);
  fill(a), fill(b);
  b(3, 3) = a(3, 3);
  if constexpr (std::is_floating_point_v<T>) a(1, 1) = static_cast<T>(NAN);
  using Row = std::pair<Op, std::function<bool(T, T)>>;
  const Row table[] = {{Op::Equal, [](T x, T y) { return x == y; }},
                       {Op::NotEqual, [](T x, T y) { return x != y; }},
                       {Op::Less, [](T x, T y) { return x < y; }},
                       {Op::LessEqual, [](T x, T y) { return x <= y; }},
                       {Op::Greater, [](T x, T y) { return x > y; }},
                       {Op::GreaterEqual, [](T x, T y) { return x >= y; }}};
  for (const auto& [op, f] : table) {
    everywhere(name_of(op), {instr(op, {a.ref(), b.ref()}, {out.ref()})}, out);
    expect<uint8_t>(name_of(op), out, [&](int64_t r, int64_t c) { return f(a(r, c), b(r, c)); });
  }
  everywhere("where", {instr(Op::Where, {out.ref(), a.ref(), b.ref()}, {picked.ref()})}, picked);
  expect<T>("where", picked, [&](int64_t r, int64_t c) { return out(r, c) ? a(r, c) : b(r, c); });
}

template <class From, class To>
void cast() {
  Array<From> a(6, 37);
  Array<To> out(6, 37, 40);
  fill(a, -200, 200);
  if constexpr (std::is_same_v<From, uint8_t>) fill(a, 0, 2);
  if constexpr (std::is_floating_point_v<From>) {
    a(0, 0) = static_cast<From>(NAN), a(0, 1) = static_cast<From>(1e30),
         a(0, 2) = static_cast<From>(-INFINITY);
  }
  everywhere("cast", {instr(Op::Cast, {a.ref()}, {out.ref()})}, out);
  expect<To>("cast " + type_name<From>() + " to " + type_name<To>(), out,
             [&](int64_t r, int64_t c) -> To {
               const From x = a(r, c);
               if (std::is_same_v<To, uint8_t>) return x != 0;
               if constexpr (std::is_floating_point_v<From> && !std::is_floating_point_v<To>) {
                 if (std::isnan(x)) return 0;
                 if (x > 1e20) return std::numeric_limits<To>::max();
                 if (x < -1e20) return std::numeric_limits<To>::min();
               }
               return static_cast<To>(x);
             });
}
template <class From>
void casts() {
  cast<From, float>(), cast<From, double>(), cast<From, int32_t>();
  cast<From, int64_t>(), cast<From, uint8_t>();
}

template <class T>
void functions() {
  Array<T> x(5, 67, 80), g(5, 67), y(5, 67, 80);
  fill(x), fill(g);
  x(0, 0) = static_cast<T>(NAN), x(0, 1) = T(0), x(0, 2) = -T(0), x(0, 3) = T(1e4),
       x(0, 4) = T(-1e4);
  Attrs attrs;
  attrs.f[0] = 0.3;
#define FF_TEST(Fn)                                                                         \
  everywhere(#Fn, {instr(Op::Map, {x.ref()}, {y.ref()}, attrs)}, y);                        \
  expect<T>(#Fn, y, [&](int64_t r, int64_t c) { return math::Fn::f(x(r, c), T(0.3)); });    \
  everywhere(#Fn, {instr(Op::MapGrad, {x.ref(), g.ref()}, {y.ref()}, attrs)}, y);           \
  expect<T>(#Fn " gradient", y,                                                             \
            [&](int64_t r, int64_t c) { return g(r, c) * math::Fn::df(x(r, c), T(0.3)); }); \
  ++attrs.fn;
  FF_UNARY_FUNCTIONS(FF_TEST)
#undef FF_TEST
}

template <class T>
void dropout(int64_t cols, double rate) {
  Array<T> x(6, cols), y(6, cols, cols + 5);
  Array<int64_t> counter(1, 1);
  counter(0, 0) = 11;
  fill(x);
  Attrs attrs;
  attrs.f[0] = rate;
  attrs.i[0] = 0x123456789abcdef;
  attrs.i[1] = 21;
  everywhere("dropout", {instr(Op::Dropout, {x.ref(), counter.ref()}, {y.ref()}, attrs)}, y);
  expect<T>("dropout", y, [&](int64_t r, int64_t c) {
    const auto block = static_cast<uint64_t>(r * 16 * ((cols + 63) / 64) + 16 * (c / 64) + c % 16);
    const uint32_t at[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 11,
                            21};
    uint32_t words[4];
    math::philox4x32(at, static_cast<uint64_t>(attrs.i[0]), words);
    const double u = (words[c % 64 / 16] >> 8) * 0x1p-24;
    return u >= rate ? x(r, c) * static_cast<T>(1 / (1 - rate)) : T(0);
  });
}

// Weight and up to three slots; 3 columns are contiguous, 21 padded.
template <class Optimizer, class T>
void update(int place, int flags, int slots, int64_t cols) {
  const int64_t stride = cols <= 4 ? cols : 32;
  Array<T> w(11, cols, stride), g(11, cols), s0(11, cols, stride), s1(11, cols, stride),
      s2(11, cols, stride);
  fill(w), fill(g), fill(s0, 0.1, 1), fill(s1, 0.1, 1), fill(s2, 0.1, 1);
  const Array<T> old_w = w, old[] = {s0, s1, s2};
  double scalars[kStepScalars] = {0.01, 0.9, 0.1, 0.05, 0.8, 0.1, 0.2, 1e-3};
  Array<double> factor(1, 1);
  factor(0, 0) = 0.7;
  Attrs attrs;
  attrs.fn = static_cast<FunctionId>(place);
  attrs.i[0] = flags;
  attrs.i[1] = slots % 2;  // some with weight decay, some without
  attrs.f[0] = 1.5;
  Instr u =
      instr(Op::Update, {g.ref(), factor.ref()}, {w.ref(), s0.ref(), s1.ref(), s2.ref()}, attrs);
  u.out.resize(1 + static_cast<size_t>(slots));
  std::vector<Array<T>> first;
  for (const Kernels* kernels : available_kernels()) {
    w = old_w, s0 = old[0], s1 = old[1], s2 = old[2];
    CpuCode code({u}, 1, *kernels, 0);
    StepState state;
    state.index = 0;
    state.scalars = scalars;
    code.submit(state, 1);
    const std::string what = std::string(Optimizer::name) + " " + kernels->name;
    check(w.guarded() && s0.guarded() && s1.guarded() && s2.guarded(), what + ": wrote outside");
    auto want = [&](int64_t r, int64_t c, int which) {
      T k[kStepScalars], s[3] = {old[0](r, c), old[1](r, c), old[2](r, c)}, v = old_w(r, c);
      for (int i = 0; i < kStepScalars; ++i) k[i] = static_cast<T>(scalars[i]);
      T gradient = g(r, c) * T(0.7);
      gradient = gradient > T(1.5) ? T(1.5) : gradient < T(-1.5) ? T(-1.5) : gradient;
      if (attrs.i[1]) v = math::decayed(v, k[math::kDecay]);
      Optimizer::update(v, gradient, s, k, flags);
      return which < 0 ? v : s[which];
    };
    expect<T>(what, w, [&](int64_t r, int64_t c) { return want(r, c, -1); });
    if (slots > 1) expect<T>(what, s1, [&](int64_t r, int64_t c) { return want(r, c, 1); });
    state.bad_step = 0;
    const Array<T> now = w;
    code.submit(state, 1);
    check(same(now, w), what + ": update after a bad step");
  }
}
template <class T>
void updates() {
  for (int64_t cols : {3, 21}) {
    update<math::Sgd, T>(0, 0, 0, cols), update<math::Sgd, T>(0, 3, 1, cols);
    update<math::Adam, T>(1, 0, 2, cols), update<math::Adam, T>(1, 1, 3, cols);
    update<math::Adadelta, T>(2, 0, 2, cols), update<math::Adagrad, T>(3, 0, 1, cols);
    update<math::Rmsprop, T>(4, 3, 3, cols);
  }
}

}  // namespace

int main() {
  arithmetic<float>(), arithmetic<double>(), arithmetic<int32_t>(), arithmetic<int64_t>();
  integer_edges();
  comparisons<float>(), comparisons<double>(), comparisons<int32_t>(), comparisons<int64_t>();
  casts<float>(), casts<double>(), casts<int32_t>(), casts<int64_t>(), casts<uint8_t>();
  functions<float>(), functions<double>();
  for (int64_t cols : {1, 10, 64, 65, 200}) {
    dropout<float>(cols, 0.5), dropout<double>(cols, 0.3), dropout<float>(cols, 0);
  }
  updates<float>(), updates<double>();
  return summary();
}
