// The thread team: who does which part, barriers, exceptions, several callers, fork, environment.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/float_state.h"
#include "cpu/threads.h"
#include "cpu/usable_cpus.h"

namespace {

using feedfwd::team;
using feedfwd::Worker;

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

// Each part adds, in every round, what its neighbour had after the round before.
std::vector<long> relay(int parts, int rounds) {
  std::vector<long> now(parts), before(parts);
  team().run(parts, [&](Worker& w) {
    w.for_my_parts([&](int p) { now[p] = p + 1; });
    for (int round = 0; round < rounds; ++round) {
      w.barrier();
      w.for_my_parts([&](int p) { before[p] = now[p]; });
      w.barrier();
      w.for_my_parts([&](int p) { now[p] = (now[p] + before[(p + 1) % parts]) % 1000003; });
    }
  });
  return now;
}

std::vector<long> relay_alone(int parts, int rounds) {
  std::vector<long> now(parts);
  for (int p = 0; p < parts; ++p) now[p] = p + 1;
  for (int round = 0; round < rounds; ++round) {
    const std::vector<long> before = now;
    for (int p = 0; p < parts; ++p) now[p] = (now[p] + before[(p + 1) % parts]) % 1000003;
  }
  return now;
}

void check_parts() {
  for (int parts : {1, 2, 3, 4, 7, 33}) {
    std::vector<int> done(parts, 0);
    team().run(parts, [&](Worker& w) { w.for_my_parts([&](int p) { ++done[p]; }); });
    bool once = true;
    for (int count : done) once = once && count == 1;
    check(once, "every part once, parts " + std::to_string(parts));
    check(relay(parts, 300) == relay_alone(parts, 300), "barriers, " + std::to_string(parts));
  }
  int most = 0;
  team().run(64, [&](Worker& w) {
    if (w.id == 0) most = w.count;
  });
  check(most >= 1 && most <= feedfwd::usable_cpus(), "no more threads than CPUs");
}

// One worker throws, the others wait at a barrier or not at all.
void check_exceptions() {
  for (int thrower = 0; thrower < 4; ++thrower) {
    for (int round = 0; round < 50; ++round) {
      std::string got;
      try {
        team().run(4, [&](Worker& w) {
          w.for_my_parts([&](int p) {
            if (p == thrower) throw std::runtime_error("part " + std::to_string(p));
          });
          if (round % 2 == 0) w.barrier();
        });
      } catch (const std::runtime_error& error) {
        got = error.what();
      }
      check(got == "part " + std::to_string(thrower), "exception of " + std::to_string(thrower));
    }
  }
  check(relay(4, 50) == relay_alone(4, 50), "a run after exceptions");
}

void check_callers() {
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) good += relay(3, 20) == relay_alone(3, 20);
    });
  }
  for (std::thread& caller : callers) caller.join();
  check(good == 80, "several callers at once");

  bool inner = true;
  const std::vector<long> want = relay_alone(5, 10);
  team().run(1, [&](Worker&) { inner = inner && relay(5, 10) == want; });
  std::atomic<int> nested{0};
  team().run(2, [&](Worker& w) { w.for_my_parts([&](int) { nested += relay(5, 10) == want; }); });
  check(inner && nested == 2, "a run inside a run");
}

void check_fork() {
  for (int round = 0; round < 5; ++round) {
    relay(4, 10);
    const pid_t child = fork();
    if (child == 0) _exit(relay(4, 50) == relay_alone(4, 50) ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a forked child runs");
    check(relay(4, 50) == relay_alone(4, 50), "its parent runs on");
  }
}

// What float arithmetic does in the present state: 0 for the contract's.
int float_state() {
  volatile float one = 1.0f, least_bit = 0x1p-24f, tiny = 0x1p-126f, half = 0.5f;
  const bool upward = one + least_bit != 1.0f;
  const bool flushes = tiny * half == 0.0f;
  return upward + 2 * flushes;
}

void check_float_state() {
  std::fesetround(FE_UPWARD);
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
  const int outside = 3;
#else
  const int outside = 1;
#endif
  std::vector<int> seen(8, -1);
  team().run(8, [&](Worker& w) { w.for_my_parts([&](int p) { seen[p] = float_state(); }); });
  bool good = float_state() == outside;
  check(good, "the caller's float state comes back");
  good = true;
  for (int state : seen) good = good && state == 0;
  check(good, "the contract's float state inside");
  try {
    team().run(2, [](Worker&) { throw 1; });
  } catch (int) {
  }
  check(float_state() == outside, "the caller's float state comes back after an exception");
  std::fesetenv(FE_DFL_ENV);
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

// In a child each, since the environment is read once.
void check_environment() {
  struct Case {
    const char* text;
    int parts;  // 0: an error
  };
  for (const Case& c : {Case{"3", 3},
                        {"1", 1},
                        {"1024", 1024},
                        {"0", 0},
                        {"-2", 0},
                        {"two", 0},
                        {"2.5", 0},
                        {" 2", 0},
                        {"99999999999", 0},
                        {"1025", 0},
                        {"", -1}}) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("FEEDFWD_NUM_THREADS", c.text, 1);
      int parts = 0;
      const std::string error = error_of([&] { parts = team().parts(); });
      const int want = c.parts < 0 ? feedfwd::usable_cpus() : c.parts;
      const bool named = error.find("FEEDFWD_NUM_THREADS") != std::string::npos;
      _exit(parts == want && (c.parts != 0 || named) ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          std::string("FEEDFWD_NUM_THREADS=") + c.text);
  }
}

void check_shares() {
  const int cpus = feedfwd::usable_cpus();
  for (int n : {1, cpus, cpus + 1, 2 * cpus, 4 * cpus, 4 * cpus + 1}) {
    team().set(n);
    const bool even = n > cpus && n % cpus == 0;
    check(team().shares() == (even ? cpus : n), "shares of " + std::to_string(n) + " parts");
    check(team().parts() == n, "shares change no number of parts");
  }
}

void check_set() {
  team().set(5);
  check(team().parts() == 5, "set");
  for (int n : {0, -1, 1025}) {
    check(error_of([&] { team().set(n); }).find("num_threads") == 0, "set refuses");
  }
  check(team().parts() == 5, "a refused number changes nothing");
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

void check_cgroups() {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("feedfwd-" + std::to_string(getpid()));
  write(root / "a/b/cpu.max", "250000 100000\n");
  write(root / "a/cpu.max", "max 100000\n");
  write(root / "c/cpu.max", "100000 100000\n");
  write(root / "c/d/cpu.max", "800000 100000\n");
  write(root / "cpu/x/cpu.cfs_quota_us", "150000\n");
  write(root / "cpu/x/cpu.cfs_period_us", "100000\n");
  write(root / "cpu/y/cpu.cfs_quota_us", "-1\n");
  write(root / "cpu/y/cpu.cfs_period_us", "100000\n");
  const auto limit = [&](const char* text) { return feedfwd::cgroup_cpu_limit(root, text); };
  check(limit("0::/a/b\n") == 3, "cgroup v2, rounded up");
  check(limit("0::/a\n") == 0, "cgroup v2, no quota");
  check(limit("0::/c/d\n") == 1, "cgroup v2, an enclosing group's quota");
  check(limit("0::/no/such\n") == 0, "cgroup v2, missing directory");
  check(limit("5:cpuset:/x\n4:cpu,cpuacct:/x\n0::/\n") == 2, "cgroup v1");
  check(limit("4:cpu,cpuacct:/y\n") == 0, "cgroup v1, no quota");
  check(limit("nonsense\n") == 0 && limit("") == 0, "no cgroup");
  fs::remove_all(root);
}

}  // namespace

int main() {
  check_environment();
  check_parts();
  check_exceptions();
  check_callers();
  check_fork();
  check_float_state();
  check_shares();
  check_set();
  check_cgroups();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
