// What the core asks of the program around it while a call takes long: an interpreter to let go of
// and to look at. A C++ program has none; the bindings set the hooks once.
#pragma once

#include <cstdint>

namespace feedfwd {

struct Host {
  void* (*release)() = nullptr;  // null where this thread has no interpreter to let go of
  void (*reacquire)(void* token) = nullptr;
  // Throws what a signal handler raised. Called within Released, and takes the interpreter itself.
  void (*look)() = nullptr;
};
Host& host();

// The interpreter is free for other threads while this lives, if `wanted` (short work is done at
// once). Taking it back at the end of the process sleeps for ever instead.
class Released {
 public:
  explicit Released(bool wanted = true)
      : token_(wanted && host().release ? host().release() : nullptr) {}
  ~Released() {
    if (token_) host().reacquire(token_);
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  void* token_;
};

// Bytes from which a copy, and elements from which an eager op, lets go of the interpreter.
constexpr int64_t kLongCopy = 1 << 18;
constexpr int64_t kLongOp = 1 << 16;

// How often the process has forked on the way here: what other threads held before is void.
unsigned fork_generation();

}  // namespace feedfwd
