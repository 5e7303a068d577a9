// The process's one thread team. A team of n is n logical parts, which decide who computes what,
// run by at most as many threads as there are CPUs, which decide nothing.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <type_traits>

namespace feedfwd {

class Team;

// What a body sees of its run: worker `id` of `count` does parts id, id + count, ... below `parts`.
class Worker {
 public:
  int id, count, parts;

  // Waits until all workers of the run are here. Leaves by an exception (let it pass) when another
  // worker's body has thrown.
  void barrier() {
    if (count > 1) wait_for_all();
  }
  template <class F>
  void for_my_parts(F&& f) const {
    for (int part = id; part < parts; part += count) f(part);
  }

 private:
  friend class Team;
  Worker(int id, int count, int parts, Team* team)
      : id(id), count(count), parts(parts), team_(team) {}
  void wait_for_all();

  Team* team_;
};

class Team {
 public:
  static constexpr int kMaxParts = 1024;

  // Logical parts of a run: what set() gave, else FEEDFWD_NUM_THREADS, else the usable CPUs.
  // Throws std::invalid_argument where the environment holds no number.
  int parts();
  // In how many parts to share work: parts(), or one for each thread where all would have as many
  // of them, since smaller shares are more work.
  int shares();
  // Throws std::invalid_argument unless 1 <= n <= kMaxParts.
  void set(int n);

  // Runs body(Worker&) once on every thread, the caller's included, in the contract's
  // floating-point state, and returns when all are done. The first exception is rethrown. While
  // another thread's run is on, or inside one, the caller does all parts itself.
  template <class F>
  void run(int parts, F&& body) {
    using Body = std::remove_reference_t<F>;
    run_body(
        parts, [](void* f, Worker& w) { (*static_cast<Body*>(f))(w); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  friend class Worker;
  friend Team& team();
  struct Seat;
  using BodyCall = void (*)(void* body, Worker& worker);

  Team();
  void run_body(int parts, BodyCall call, void* body);
  void run_together(int parts, int count);
  void seat_threads(int count);
  void serve(Seat& seat, int id);
  void work(int id);
  void wait_for_all(int id, int count);
  void meet_at_posts(int id, int count);
  static void abandon_threads();

  const int cpus_;
  std::atomic<int> parts_{0};  // 0: not asked yet
  std::atomic<bool> busy_{false};
  std::unique_ptr<Seat[]> seats_;  // of threads 1, 2, ...: the caller is 0
  int seated_ = 0;

  // The run that is on; written by the caller before it wakes the others.
  BodyCall call_ = nullptr;
  void* body_ = nullptr;
  int run_parts_ = 1, run_count_ = 1;
  int run_cpu_ = -1;  // the caller's
  std::exception_ptr error_;

  // A few workers wait at one another's posts, each the next barrier its worker will pass: a cache
  // line goes over once. Many count themselves.
  static constexpr int kPosts = 4;
  struct alignas(64) Post {
    std::atomic<unsigned> passed{0};
  };
  Post posts_[kPosts];
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<unsigned> phase_{0};
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<int> running_{0};
};

// Never destroyed: its threads may sleep through the end of the process. A forked child starts
// threads of its own when it first needs them.
Team& team();

}  // namespace feedfwd
