#include "cpu/threads.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "core/backend.h"
#include "core/float_state.h"
#include "cpu/usable_cpus.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace feedfwd {

namespace {

// A sleeping thread takes tens of microseconds to wake. So a wait spins first; then it lets others
// have the CPU while it goes on looking, for as long as a caller's next call may take; then sleeps.
constexpr auto kSpin = std::chrono::microseconds(20);
constexpr auto kYield = std::chrono::microseconds(200);

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once `value` is no longer `old`.
template <class T>
void wait_while(const std::atomic<T>& value, T old) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (auto now = start; now < start + kYield; now = Clock::now()) {
    if (now > start + kSpin) std::this_thread::yield();
    for (int i = 0; i < 16; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause();
    }
  }
  while (value.load(std::memory_order_acquire) == old) {
    value.wait(old, std::memory_order_acquire);
  }
}

// The CPU that runs this thread, -1 where nobody can say.
int current_cpu() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// A woken thread may land on the CPU of the one that woke it, and then runs only when that one
// sleeps: for milliseconds, until the system spreads them. Which CPUs are allowed stays as it was.
void move_off(int cpu) {
#if defined(__linux__)
  cpu_set_t allowed;
  if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return;
  sched_setaffinity(0, sizeof allowed, &allowed);
#else
  (void)cpu;
#endif
}

// While one lives, threads that are started get no signals but those of their own faults and of
// profilers: a signal that a worker took would not wake the thread that sleeps or reads in Python.
class SignalsBlocked {
 public:
#if defined(__unix__) || defined(__APPLE__)
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
      sigdelset(&blocked, own);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
#else
  SignalsBlocked() {}
#endif
 public:
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
};

// What a barrier throws in the workers that have nothing to report.
struct OtherFailed {};

int parts_from_environment(int otherwise) {
  const char* text = std::getenv("FEEDFWD_NUM_THREADS");
  if (!text || !*text) return otherwise;
  int n = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, n);
  if (error != std::errc() || stop != end || n < 1 || n > Team::kMaxParts) {
    throw std::invalid_argument("FEEDFWD_NUM_THREADS: expected a whole number from 1 to " +
                                std::to_string(Team::kMaxParts) + ", got \"" + text + "\"");
  }
  return n;
}

}  // namespace

// Where a thread waits for its next run.
struct alignas(64) Team::Seat {
  std::atomic<unsigned> calls{0};
};

Team::Team() : cpus_(usable_cpus()) {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, &Team::abandon_threads);
#endif
}

Team& team() {
  static Team* const the_team = new Team;
  return *the_team;
}

int Team::parts() {
  int n = parts_.load();
  if (n == 0) {
    const int first = parts_from_environment(cpus_ < kMaxParts ? cpus_ : kMaxParts);
    n = parts_.compare_exchange_strong(n, first) ? first : n;
  }
  return n;
}

int Team::shares() {
  const int n = parts(), threads = n < cpus_ ? n : cpus_;
  return n % threads == 0 ? threads : n;
}

void Team::set(int n) {
  if (n < 1 || n > kMaxParts) {
    throw std::invalid_argument("num_threads: expected a number from 1 to " +
                                std::to_string(kMaxParts) + ", got " + std::to_string(n));
  }
  parts_.store(n);
}

void Team::run_body(int parts, BodyCall call, void* body) {
  const FloatState state;
  const int count = parts < cpus_ ? parts : cpus_;
  if (count <= 1 || busy_.exchange(true, std::memory_order_acquire)) {
    Worker alone(0, 1, parts, this);
    call(body, alone);
    return;
  }
  call_ = call;
  body_ = body;
  std::exception_ptr error;
  try {
    run_together(parts, count);
  } catch (...) {
    error = std::current_exception();
  }
  busy_.store(false, std::memory_order_release);
  if (error) std::rethrow_exception(error);
}

void Team::run_together(int parts, int count) {
  seat_threads(count);
  run_parts_ = parts;
  run_cpu_ = current_cpu();
  run_count_ = count = seated_ + 1 < count ? seated_ + 1 : count;
  error_ = nullptr;
  failed_.store(false, std::memory_order_relaxed);
  arrived_.store(0, std::memory_order_relaxed);
  for (Post& post : posts_) post.passed.store(0, std::memory_order_relaxed);
  running_.store(count - 1, std::memory_order_relaxed);
  for (int i = 0; i < count - 1; ++i) {
    seats_[i].calls.fetch_add(1, std::memory_order_release);
    seats_[i].calls.notify_one();
  }
  work(0);
  for (int left; (left = running_.load(std::memory_order_acquire)) != 0;) {
    wait_while(running_, left);
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

// Threads are started once and stay. Where the system has no more of them, fewer do the work.
void Team::seat_threads(int count) {
  if (!seats_) seats_ = std::make_unique<Seat[]>(cpus_ - 1);
  if (seated_ >= count - 1) return;
  const SignalsBlocked blocked;
  try {
    for (; seated_ < count - 1; ++seated_) {
      Seat& seat = seats_[seated_];
      std::thread([this, &seat, id = seated_ + 1] { serve(seat, id); }).detach();
    }
  } catch (const std::system_error&) {
  }
}

void Team::serve(Seat& seat, int id) {
  const FloatState state;
  for (unsigned seen = 0;; ++seen) {
    wait_while(seat.calls, seen);
    if (const int cpu = current_cpu(); cpu >= 0 && cpu == run_cpu_) move_off(cpu);
    work(id);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) running_.notify_one();
  }
}

void Team::work(int id) {
  Worker worker(id, run_count_, run_parts_, this);
  try {
    call_(body_, worker);
    return;
  } catch (const OtherFailed&) {
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_acq_rel)) error_ = std::current_exception();
    phase_.fetch_add(1, std::memory_order_acq_rel);
    phase_.notify_all();
  }
  if (id < kPosts) {  // lets all pass who wait for this one
    posts_[id].passed.fetch_add(1u << 30, std::memory_order_seq_cst);
    posts_[id].passed.notify_all();
  }
}

void Team::meet_at_posts(int id, int count) {
  std::atomic<unsigned>& own = posts_[id].passed;
  const unsigned before = own.load(std::memory_order_relaxed);
  // An exchange is a full fence: whoever goes to sleep is seen by notify_all.
  own.exchange(before + 1, std::memory_order_seq_cst);
  own.notify_all();
  for (int other = 0; other < count; ++other) {
    if (other != id) wait_while(posts_[other].passed, before);
  }
}

void Team::wait_for_all(int id, int count) {
  if (count <= kPosts) {
    if (failed_.load(std::memory_order_acquire)) throw OtherFailed();
    meet_at_posts(id, count);
    if (failed_.load(std::memory_order_acquire)) throw OtherFailed();
    return;
  }
  const unsigned phase = phase_.load(std::memory_order_acquire);
  if (failed_.load(std::memory_order_acquire)) throw OtherFailed();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == count - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.fetch_add(1, std::memory_order_acq_rel);
    phase_.notify_all();
  } else {
    wait_while(phase_, phase);
  }
  if (failed_.load(std::memory_order_acquire)) throw OtherFailed();
}

void Worker::wait_for_all() { team_->wait_for_all(id, count); }

// In a forked child: the threads are gone, and so is whatever run was on. Their seats are left as
// they are, since freeing memory here could wait for a lock that nobody holds any more.
void Team::abandon_threads() {
  Team& t = team();
  (void)t.seats_.release();
  t.seated_ = 0;
  t.busy_.store(false, std::memory_order_relaxed);
}

void set_num_threads(int n) { team().set(n); }
int get_num_threads() { return team().parts(); }

}  // namespace feedfwd
