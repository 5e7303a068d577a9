#include "core/guard.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "core/host.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace feedfwd {

Host& host() {
  static Host the_host;
  return the_host;
}

namespace {

std::atomic<unsigned> generation{0};
std::atomic<bool> alone{false};
constexpr auto kLook = std::chrono::milliseconds(50);

#if defined(__unix__) || defined(__APPLE__)
// At load time: a fork before the first guard needs no notice, one after it must be seen.
[[maybe_unused]] const int watches_forks =
    pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
#endif

}  // namespace

unsigned fork_generation() { return generation.load(std::memory_order_relaxed); }

void forget_other_threads() { alone.store(true, std::memory_order_release); }

struct AccessGuard::State {
  const unsigned born = fork_generation();
  std::mutex mutex;
  std::condition_variable changed;
  int readers = 0, waiting_readers = 0, waiting_writers = 0;
  bool writer = false;
  unsigned phase = 0;  // counts the times the waiting readers were let in

  void let_readers_in() {
    readers += waiting_readers;
    waiting_readers = 0;
    ++phase;
  }
};

namespace {

// What this thread has or waits for.
struct Own {
  const void* state;
  Access access;
  int count;  // 0: still waiting
};
thread_local std::vector<Own> own;

Own* own_of(const void* state) {
  Own* found = nullptr;
  for (Own& o : own)
    if (o.state == state && (!found || o.count > 0)) found = &o;
  return found;
}

}  // namespace

AccessGuard::AccessGuard() : state_(new State) {}

// What another process's threads may have locked is left as it is.
AccessGuard::~AccessGuard() {
  State* s = state_.load(std::memory_order_relaxed);
  if (s->born == fork_generation()) delete s;
}

AccessGuard::State& AccessGuard::state() {
  State* s = state_.load(std::memory_order_acquire);
  if (s->born == fork_generation()) return *s;
  auto fresh = std::make_unique<State>();
  if (state_.compare_exchange_strong(s, fresh.get(), std::memory_order_acq_rel))
    return *fresh.release();
  return *s;
}

namespace {

// Waits for `is_ready` with a look at the host now and then; `leave` undoes the waiting where the
// look throws.
template <class Ready, class Leave>
void wait(std::unique_lock<std::mutex>& lock, std::condition_variable& changed, Ready is_ready,
          Leave leave) {
  while (!changed.wait_for(lock, kLook, is_ready)) {
    if (!host().look) continue;
    lock.unlock();
    try {
      host().look();
    } catch (...) {
      lock.lock();
      leave();
      changed.notify_all();
      throw;
    }
    lock.lock();
  }
}

// `passes`: goes before a waiting writer, as this thread itself may be that.
template <class State>
void lock_shared(State& s, bool passes) {
  std::unique_lock lock(s.mutex);
  if (!s.writer && (s.waiting_writers == 0 || passes)) {
    ++s.readers;
    return;
  }
  ++s.waiting_readers;
  const unsigned phase = s.phase;
  wait(
      lock, s.changed, [&] { return s.phase != phase; },
      [&] { s.phase == phase ? --s.waiting_readers : --s.readers; });
}

template <class State>
void lock_exclusive(State& s) {
  std::unique_lock lock(s.mutex);
  ++s.waiting_writers;
  wait(
      lock, s.changed, [&] { return !s.writer && s.readers == 0; },
      [&] {
        if (--s.waiting_writers == 0 && !s.writer) s.let_readers_in();
      });
  --s.waiting_writers;
  s.writer = true;
}

template <class State>
bool try_lock(State& s, Access access) {
  const std::lock_guard lock(s.mutex);
  if (s.writer) return false;
  if (access == Access::shared) {
    if (s.waiting_writers > 0) return false;
    ++s.readers;
    return true;
  }
  if (s.readers > 0 || s.waiting_writers > 0) return false;
  s.writer = true;
  return true;
}

template <class State>
void unlock(State& s, Access access) {
  if (s.born != fork_generation()) return;
  const std::lock_guard lock(s.mutex);
  if (access == Access::exclusive) {
    s.writer = false;
    if (s.waiting_readers > 0) s.let_readers_in();
  } else {
    --s.readers;
  }
  const bool is_free = s.readers == 0 && s.waiting_writers > 0;
  if (is_free || (access == Access::exclusive && s.readers > 0)) s.changed.notify_all();
}

}  // namespace

void Hold::take(const Guarded& guard, Access access) {
  AccessGuard::State& s = guard->state();
  held_.reserve(held_.size() + 1);
  own.reserve(own.size() + 1);
  Own* mine = own_of(&s);
  if (mine && mine->count > 0) {
    if (access == Access::exclusive && mine->access == Access::shared)
      throw std::invalid_argument(
          "the weights cannot be changed inside a call that reads them (a signal handler within "
          "predict, for example); change them after it");
    ++mine->count;
    held_.push_back({guard, &s});
    return;
  }
  if (!try_lock(s, access)) {
    const bool passes = mine != nullptr;
    own.push_back({&s, access, 0});
    try {
      const Released free;
      access == Access::shared ? lock_shared(s, passes) : lock_exclusive(s);
    } catch (...) {
      own.pop_back();
      throw;
    }
    own.back().count = 1;
    waited_ = true;
  } else {
    own.push_back({&s, access, 1});
  }
  held_.push_back({guard, &s});
}

Hold::Hold(const Guarded& guard, Access access) {
  if (alone.load(std::memory_order_acquire)) return;
  take(guard, access);
}

Hold::Hold(std::vector<Claim> claims) {
  if (alone.load(std::memory_order_acquire)) return;
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    return a.guard != b.guard ? a.guard < b.guard : a.access > b.access;
  });
  const AccessGuard* last = nullptr;
  try {
    for (const Claim& c : claims) {
      if (c.guard.get() != last) take(c.guard, c.access);
      last = c.guard.get();
    }
  } catch (...) {
    release();
    throw;
  }
}

Hold Hold::try_exclusive(const Guarded& guard) {
  Hold hold;
  AccessGuard::State& s = guard->state();
  hold.held_.reserve(1);
  own.reserve(own.size() + 1);
  if (own_of(&s) || !try_lock(s, Access::exclusive)) return hold;
  own.push_back({&s, Access::exclusive, 1});
  hold.held_.push_back({guard, &s});
  return hold;
}

bool Hold::is_free(const Guarded& guard, Access access) {
  if (alone.load(std::memory_order_acquire)) return true;
  AccessGuard::State& s = guard->state();
  const std::lock_guard lock(s.mutex);
  if (s.writer || s.waiting_writers > 0) return false;
  return access == Access::shared || (s.readers == 0 && s.waiting_readers == 0);
}

void Hold::release() {
  while (!held_.empty()) {
    const Held last = std::move(held_.back());
    held_.pop_back();
    const auto mine = std::find_if(
        own.begin(), own.end(), [&](const Own& o) { return o.state == last.state && o.count > 0; });
    if (--mine->count > 0) continue;
    const Access access = mine->access;
    own.erase(mine);
    unlock(*last.state, access);
  }
}

}  // namespace feedfwd
