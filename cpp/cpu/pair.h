// Two vectors, or two pairs, that go through a formula side by side. A formula is a chain of
// instructions that wait for one another, and a processor holds only so many that wait: of long
// chains one after the other it sees one or two, of chains side by side all.
#pragma once

#include <type_traits>

#include "cpu/simd.h"

namespace feedfwd::FF_ISA {

template <class X>
struct Pair;

// What numbers and their integers have and results of comparisons do not.
template <class X>
struct PairLanes {};
template <class X>
  requires requires { X::size; }
struct PairLanes<X> {
  static constexpr int size = 2 * X::size;
};
template <class X>
struct PairTypes : PairLanes<X> {};
template <class X>
  requires requires { typename X::Int; }
struct PairTypes<X> : PairLanes<X> {
  using Scalar = typename X::Scalar;
  using Int = Pair<typename X::Int>;
};

template <class X>
struct Pair : PairTypes<X> {
  X a, b;

  Pair() = default;
  FF_INLINE Pair(X first, X second) : a(first), b(second) {}
  // One number for all lanes.
  template <class S>
    requires std::is_arithmetic_v<S>
  FF_INLINE explicit Pair(S everywhere) : a(everywhere), b(everywhere) {}

  FF_INLINE Pair operator-() const { return {-a, -b}; }
  FF_INLINE Pair operator!() const { return {!a, !b}; }
  friend FF_INLINE Pair operator+(Pair x, Pair y) { return {x.a + y.a, x.b + y.b}; }
  friend FF_INLINE Pair operator-(Pair x, Pair y) { return {x.a - y.a, x.b - y.b}; }
  friend FF_INLINE Pair operator*(Pair x, Pair y) { return {x.a * y.a, x.b * y.b}; }
  friend FF_INLINE Pair operator/(Pair x, Pair y) { return {x.a / y.a, x.b / y.b}; }
  friend FF_INLINE Pair operator&(Pair x, Pair y) { return {x.a & y.a, x.b & y.b}; }
  friend FF_INLINE Pair operator|(Pair x, Pair y) { return {x.a | y.a, x.b | y.b}; }
  friend FF_INLINE Pair operator<<(Pair x, int n) { return {x.a << n, x.b << n}; }
  friend FF_INLINE Pair operator>>(Pair x, int n) { return {x.a >> n, x.b >> n}; }
  friend FF_INLINE auto operator<(Pair x, Pair y) { return join(x.a < y.a, x.b < y.b); }
  friend FF_INLINE auto operator<=(Pair x, Pair y) { return join(x.a <= y.a, x.b <= y.b); }
  friend FF_INLINE auto operator>(Pair x, Pair y) { return join(x.a > y.a, x.b > y.b); }
  friend FF_INLINE auto operator>=(Pair x, Pair y) { return join(x.a >= y.a, x.b >= y.b); }
  friend FF_INLINE auto operator==(Pair x, Pair y) { return join(x.a == y.a, x.b == y.b); }
  friend FF_INLINE auto operator!=(Pair x, Pair y) { return join(x.a != y.a, x.b != y.b); }

  friend FF_INLINE Pair fma(Pair x, Pair y, Pair z) {
    return {fma(x.a, y.a, z.a), fma(x.b, y.b, z.b)};
  }
  friend FF_INLINE Pair sqrt(Pair x) { return {sqrt(x.a), sqrt(x.b)}; }
  template <class M>
  friend FF_INLINE Pair select(Pair<M> m, Pair x, Pair y) {
    return {select(m.a, x.a, y.a), select(m.b, x.b, y.b)};
  }
  friend FF_INLINE auto as_int(Pair x) { return join(as_int(x.a), as_int(x.b)); }
  friend FF_INLINE auto as_float(Pair x) { return join(as_float(x.a), as_float(x.b)); }

  template <class T>
  static FF_INLINE Pair load(const T* p) {
    return {X::load(p), X::load(p + X::size)};
  }
  template <class T>
  FF_INLINE void store(T* p) const {
    a.store(p);
    b.store(p + X::size);
  }

 private:
  template <class Y>
  static FF_INLINE Pair<Y> join(Y first, Y second) {
    return {first, second};
  }
};

}  // namespace feedfwd::FF_ISA
