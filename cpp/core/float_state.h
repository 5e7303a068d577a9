// The floating-point state of the contract: round to nearest, no flush-to-zero, no
// denormals-are-zero, exceptions masked.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#include <cfenv>
#endif

namespace feedfwd {

// Sets it for the calling thread and gives the caller's back, its exception flags included.
class FloatState {
 public:
  FloatState() : saved_(exchange_default()) {}
  ~FloatState() { restore(saved_); }
  FloatState(const FloatState&) = delete;
  FloatState& operator=(const FloatState&) = delete;

 private:
#if defined(__x86_64__)
  using State = unsigned;
  static constexpr State kDefault = 0x1f80, kFlags = 0x3f;  // the flags change no result
  static State exchange_default() {
    const State old = _mm_getcsr();
    if ((old & ~kFlags) != kDefault) _mm_setcsr(kDefault);
    return old;
  }
  static void restore(State state) {
    if (_mm_getcsr() != state) _mm_setcsr(state);  // reading it is several times cheaper
  }
#elif defined(__aarch64__)
  struct State {
    uint64_t control, status;
  };
  static State exchange_default() {
    State old;
    asm volatile("mrs %0, fpcr" : "=r"(old.control));
    asm volatile("mrs %0, fpsr" : "=r"(old.status));
    asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}));
    return old;
  }
  static void restore(State state) {
    asm volatile("msr fpcr, %0" ::"r"(state.control));
    asm volatile("msr fpsr, %0" ::"r"(state.status));
  }
#else
  using State = std::fenv_t;
  static State exchange_default() {
    State old;
    std::feholdexcept(&old);
    std::fesetround(FE_TONEAREST);
    return old;
  }
  static void restore(const State& state) { std::fesetenv(&state); }
#endif
  State saved_;
};

}  // namespace feedfwd
