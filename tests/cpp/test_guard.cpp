// AccessGuard: many readers or one writer, nobody starves, no thread waits for itself, a fork
// frees.
#include "core/guard.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "check.h"
#include "core/host.h"

using namespace feedfwd;

namespace {

Guarded make() { return std::make_shared<AccessGuard>(); }

void readers_see_whole_writes() {
  const Guarded guard = make();
  int64_t a = 0, b = 0;
  std::atomic<int64_t> differ{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3000; ++i) {
        const Hold writing(guard, Access::exclusive);
        ++a;
        ++b;
      }
    });
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3000; ++i) {
        const Hold reading(guard, Access::shared);
        if (a != b) ++differ;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(differ == 0);
  CHECK(a == 6000 && b == 6000);
}

// Overlapping readers do not keep a writer out, nor a stream of writers the readers.
void nobody_starves() {
  const Guarded guard = make();
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0}, writes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!stop) {
        const Hold reading(guard, Access::shared);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++reads;
      }
    });
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      while (!stop) {
        const Hold writing(guard, Access::exclusive);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ++writes;
      }
    });
  for (int i = 0; i < 10000 && (reads < 20 || writes < 20); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  stop = true;
  for (auto& t : threads) t.join();
  CHECK(reads >= 20);
  CHECK(writes >= 20);
}

void one_thread_again() {
  const Guarded guard = make();
  std::thread writer;
  {
    const Hold outer(guard, Access::shared);
    writer = std::thread([&] { const Hold writing(guard, Access::exclusive); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    {
      const Hold inner(guard, Access::shared);
    }  // though a writer waits
    bool refused = false;
    try {
      const Hold writing(guard, Access::exclusive);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
  writer.join();
  const Hold writing(guard, Access::exclusive);
  const Hold again(guard, Access::exclusive), reading(guard, Access::shared);
  CHECK(Hold::try_exclusive(guard).is_empty());
}

void free_is_what_could_be_had() {
  const Guarded guard = make();
  CHECK(Hold::is_free(guard, Access::shared) && Hold::is_free(guard, Access::exclusive));
  std::thread writer;
  {
    const Hold reading(guard, Access::shared);
    CHECK(Hold::is_free(guard, Access::shared) && !Hold::is_free(guard, Access::exclusive));
    writer = std::thread([&] { const Hold writing(guard, Access::exclusive); });
    // Not for reading either, once that one waits.
    while (Hold::is_free(guard, Access::shared)) std::this_thread::yield();
  }
  writer.join();
  const Hold writing(guard, Access::exclusive);
  CHECK(!Hold::is_free(guard, Access::shared) && !Hold::is_free(guard, Access::exclusive));
}

// Two threads that take the same guards, named in other orders.
void no_order_deadlocks() {
  const Guarded a = make(), b = make();
  int count = 0;
  const auto work = [&](const Guarded& x, const Guarded& y) {
    for (int i = 0; i < 2000; ++i) {
      const Hold held({{x, Access::exclusive}, {y, Access::exclusive}, {x, Access::shared}});
      ++count;
    }
  };
  std::thread one([&] { work(a, b); }), other([&] { work(b, a); });
  one.join();
  other.join();
  CHECK(count == 4000);
}

struct Interrupt {};

void a_look_ends_the_wait() {
  const Guarded guard = make();
  host().look = [] { throw Interrupt(); };
  for (const Access access : {Access::shared, Access::exclusive}) {
    std::atomic<bool> has{false}, stop{false};
    std::thread writer([&] {
      const Hold writing(guard, Access::exclusive);
      has = true;
      while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    while (!has) std::this_thread::yield();
    bool left = false;
    try {
      const Hold waits(guard, access);
    } catch (const Interrupt&) {
      left = true;
    }
    CHECK(left);
    stop = true;
    writer.join();
  }
  host().look = nullptr;
  CHECK(!Hold::try_exclusive(guard).is_empty());  // nothing is left behind
}

#if !defined(__SANITIZE_THREAD__)  // which knows no threads after a fork
void a_forked_child_finds_it_free() {
  const Guarded guard = make();
  std::atomic<bool> has{false}, stop{false};
  std::thread writer([&] {
    const Hold writing(guard, Access::exclusive);
    has = true;
    while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  while (!has) std::this_thread::yield();
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(10);
    {
      const Hold writing(guard, Access::exclusive);
    }
    std::thread([&] { const Hold reading(guard, Access::shared); }).join();
    _exit(0);
  }
  int status = 1;
  waitpid(pid, &status, 0);
  CHECK(status == 0);
  stop = true;
  writer.join();
}
#endif

}  // namespace

int main() {
  readers_see_whole_writes();
  nobody_starves();
  one_thread_again();
  free_is_what_could_be_had();
  no_order_deadlocks();
  a_look_ends_the_wait();
#if !defined(__SANITIZE_THREAD__)
  a_forked_child_finds_it_free();
#endif
  return feedfwd::test::check_summary();
}
