// Who may touch the memory of variables: many readers or one writer.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

namespace feedfwd {

enum class Access : uint8_t { shared, exclusive };

// A reader/writer lock for a group of variables (a model's, after pack()). Neither side starves: a
// waiting writer goes before readers that come later, and a writer that ends lets the readers in
// that wait. One thread may take it again while it has it, except to write while it reads, which
// std::invalid_argument refuses. A forked child finds it free.
class AccessGuard {
 public:
  AccessGuard();
  ~AccessGuard();
  AccessGuard(const AccessGuard&) = delete;
  AccessGuard& operator=(const AccessGuard&) = delete;

 private:
  friend class Hold;
  struct State;
  State& state();  // of this process

  std::atomic<State*> state_;
};
using Guarded = std::shared_ptr<AccessGuard>;

struct Claim {
  Guarded guard;
  Access access;
};

// Holds guards, all of them, for as long as it lives. Waits without the interpreter; while it waits
// the host is looked at, so that a signal ends the wait.
class Hold {
 public:
  Hold() = default;
  explicit Hold(std::vector<Claim> claims);
  Hold(const Guarded& guard, Access access);
  Hold(Hold&& other) noexcept : held_(std::move(other.held_)), waited_(other.waited_) {
    other.held_.clear();
  }
  Hold& operator=(Hold&&) = delete;
  ~Hold() { release(); }

  // A hold of the guard for writing if it can be had at once and this thread has it not yet.
  static Hold try_exclusive(const Guarded& guard);
  // Whether it could be had at once. True for as long as the caller keeps the interpreter, without
  // which nobody begins to ask for a guard.
  static bool is_free(const Guarded& guard, Access access);
  bool is_empty() const { return held_.empty(); }
  // Whether other threads may have had the interpreter meanwhile.
  bool waited() const { return waited_; }
  void release();

 private:
  struct Held {
    Guarded guard;
    AccessGuard::State* state;
  };
  void take(const Guarded& guard, Access access);

  std::vector<Held> held_;
  bool waited_ = false;
};

// From now on this is the process's only thread at work: guards are taken without a wait.
void forget_other_threads();

}  // namespace feedfwd
