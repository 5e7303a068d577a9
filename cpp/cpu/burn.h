// Chains of fma on registers, as many as hide its latency: the measure of what a core can do.
#pragma once

#include "cpu/microkernel.h"

namespace feedfwd::FF_ISA {

// `steps` turns; gives the operations done, a fma being two. The sum keeps the work from being left
// out.
template <class T>
int64_t burn(int64_t steps, double* sum) {
  constexpr int kChains = kRegisters - 4 < 12 ? kRegisters - 4 : 12;
  Vec<T> chain[kChains];
#pragma GCC unroll 16
  for (int j = 0; j < kChains; ++j) chain[j] = Vec<T>(static_cast<T>(j));
  // Read through volatile, so that nothing can be computed ahead.
  volatile T scale = static_cast<T>(0.5), shift = static_cast<T>(1);
  const Vec<T> a(scale), b(shift);
#pragma GCC unroll 1
  for (int64_t n = 0; n < steps; ++n) {
#pragma GCC unroll 16
    for (int j = 0; j < kChains; ++j) chain[j] = fma(chain[j], a, b);
  }
  Vec<T> all = chain[0];
#pragma GCC unroll 16
  for (int j = 1; j < kChains; ++j) all = all + chain[j];
  T lanes[Vec<T>::size];
  all.store(lanes);
  for (const T lane : lanes) *sum += static_cast<double>(lane);
  return steps * kChains * Vec<T>::size * 2;
}

}  // namespace feedfwd::FF_ISA
