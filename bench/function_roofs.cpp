// The inner loops of activations and of Adam, for function_roofs.py: assembly with marks round each
// loop's body where FF_MARKS is defined, else a program that times them in the first-level cache.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/math/functions.h"
#include "core/math/optimizers.h"
#include "core/step.h"
#include "cpu/burn.h"
#include "cpu/elementwise.h"

namespace feedfwd::FF_ISA {

constexpr int64_t kCount = 2048;  // numbers: each array has 8 KB

#ifdef FF_MARKS
#define FF_BEGIN(name) asm volatile("# BEGIN " name)
#define FF_END asm volatile("# END")
#else
#define FF_BEGIN(name)
#define FF_END
#endif

// Counted for one vector, timed as the library walks: several side by side, some of whose operands
// wait in memory.
#ifdef FF_MARKS
using V = Vec<float>;
#else
using V = Wide<float>;
#endif
#define FF_LOOP(name, Fn)                                       \
  __attribute__((noinline)) void loop_##name(float* const* p) { \
    const float* x = p[0];                                      \
    float* y = p[1];                                            \
    for (int64_t i = 0; i < kCount; i += V::size) {             \
      FF_BEGIN(#name);                                          \
      math::Fn::f(V::load(x + i), V(0.2f)).store(y + i);        \
      FF_END;                                                   \
    }                                                           \
  }
FF_LOOP(relu, Relu)
FF_LOOP(exp, Exp)
FF_LOOP(sigmoid, Sigmoid)
FF_LOOP(tanh, Tanh)
FF_LOOP(gelu, Gelu)
FF_LOOP(softplus, Softplus)
FF_LOOP(silu, Silu)
FF_LOOP(elu, Elu)

// A function of its own: inlined where much else is live, the chains would not stay in registers.
__attribute__((noinline)) int64_t loop_fma(int64_t steps, double* sum) {
  return burn<float>(steps, sum);
}

// What a division and a square root take by themselves, at their most.
__attribute__((noinline)) void loop_divide(float* const* p) {
  for (int64_t i = 0; i < kCount; i += Vec<float>::size)
    (Vec<float>::load(p[0] + i) / Vec<float>::load(p[2] + i)).store(p[1] + i);
}
__attribute__((noinline)) void loop_root(float* const* p) {
  for (int64_t i = 0; i < kCount; i += Vec<float>::size)
    sqrt(Vec<float>::load(p[2] + i)).store(p[1] + i);
}

__attribute__((noinline)) void loop_adam(float* const* p) {
  double numbers[kStepScalars] = {};
  const double hyper[math::kMaxHyper] = {0.9, 0.999, 1e-7, 0, 0};
  math::Adam::scalars(hyper, 1e-3, 3, numbers);
  Vec<float> k[kStepScalars];
  for (int n = 0; n < kStepScalars; ++n) k[n] = Vec<float>(static_cast<float>(numbers[n]));
  for (int64_t i = 0; i < kCount; i += Vec<float>::size) {
    FF_BEGIN("adam");
    Vec<float> w = Vec<float>::load(p[1] + i);
    Vec<float> s[2] = {Vec<float>::load(p[2] + i), Vec<float>::load(p[3] + i)};
    math::Adam::update(w, Vec<float>::load(p[0] + i), s, k, 0);
    w.store(p[1] + i);
    s[0].store(p[2] + i);
    s[1].store(p[3] + i);
    FF_END;
  }
}

}  // namespace feedfwd::FF_ISA

#ifndef FF_MARKS
namespace {

using namespace feedfwd::FF_ISA;

struct Loop {
  const char* name;
  void (*run)(float* const*);
};
constexpr Loop kLoops[] = {
    {"relu", loop_relu},     {"exp", loop_exp},   {"sigmoid", loop_sigmoid},
    {"tanh", loop_tanh},     {"gelu", loop_gelu}, {"softplus", loop_softplus},
    {"divide", loop_divide}, {"root", loop_root}, {"silu", loop_silu},
    {"elu", loop_elu},       {"adam", loop_adam},
};

template <class F>
double seconds(F work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

// Lines "name cycles": of one vector, at the pace at which the core makes two fma a cycle. All
// loops and fma alone take turns for seconds, and the best turn of each counts: what else the
// machine does slows fma and other instructions unequally.
int main() {
  constexpr int kTurns = 6000, kCalls = 4;
  constexpr int64_t kSteps = 2000;
  constexpr size_t kLoopCount = sizeof kLoops / sizeof kLoops[0];
  float* p[4];
  for (float*& a : p) {
    a = static_cast<float*>(std::aligned_alloc(64, kCount * sizeof(float)));
    if (!a) return 1;
  }
  double best[kLoopCount], best_fma = 1e300, sum = 0;
  for (double& b : best) b = 1e300;
  int64_t operations = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    const double fma = seconds([&] { operations = loop_fma(kSteps, &sum); });
    best_fma = fma < best_fma ? fma : best_fma;
    for (size_t n = 0; n < kLoopCount; ++n) {
      for (int64_t i = 0; i < kCount; ++i) {
        p[0][i] = static_cast<float>(i % 977) * 0.01f - 4.9f;
        p[1][i] = p[2][i] = p[3][i] = 0.01f;
      }
      const double own = seconds([&] {
        for (int call = 0; call < kCalls; ++call) kLoops[n].run(p);
      });
      best[n] = own < best[n] ? own : best[n];
    }
  }
  const double vectors = static_cast<double>(kCalls * kCount / Vec<float>::size);
  const double cycle = best_fma / (static_cast<double>(operations) / (4.0 * Vec<float>::size));
  for (size_t n = 0; n < kLoopCount; ++n)
    std::printf("%s %.2f %g\n", kLoops[n].name, best[n] / vectors / cycle, sum);
  return 0;
}
#endif
