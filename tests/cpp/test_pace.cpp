// The choice between one thread and the team, on a clock that the test sets.
#include "cpu/pace.h"

#include <algorithm>
#include <functional>

#include "check.h"

using namespace feedfwd;

namespace {

// Nanoseconds of a step, by mode and by the number of the stretch.
using Clock = std::function<double(int, int)>;

struct Course {
  Pace pace;
  int stretches = 0;
  double ns = 0;          // in all
  int64_t steps[2] = {};  // by mode

  // `count` steps in runs of at most `run` of them.
  void go(int64_t count, int64_t run, const Clock& step_ns) {
    while (count > 0) {
      const Pace::Stretch next = pace.next();
      const int64_t n = std::min({count, run, next.steps});
      const double each = step_ns(next.mode, stretches);
      const int64_t timed = std::max<int64_t>(n - 1, 1);
      pace.note(n, timed, each * static_cast<double>(timed));
      ns += each * static_cast<double>(n);
      steps[next.mode] += n;
      count -= n;
      stretches += n == next.steps;
    }
  }
};

// Of the steps, those of `mode`.
double share(const Course& course, int mode) {
  return static_cast<double>(course.steps[mode]) /
         static_cast<double>(course.steps[0] + course.steps[1]);
}

}  // namespace

int main() {
  constexpr int64_t kMany = 1 << 20;
  for (const int64_t run : {int64_t{1}, int64_t{3}, int64_t{4}, int64_t{100}, kMany}) {
    for (const double one : {3e3, 40e3, 300e3, 1500e3}) {
      // The faster way goes on, and the other costs a few per cent.
      for (const double factor : {0.2, 0.6, 1.0, 1.1, 1.5, 5.0, 50.0}) {
        Course course;
        course.go(kMany / 8, run, [&](int mode, int) { return mode == 0 ? one : factor * one; });
        const int better = factor < 1 / 1.15 ? 1 : 0;
        const double best = std::min(better == 1 ? factor * one : one, one) * kMany / 8;
        CHECK(share(course, better) > 0.75);
        CHECK(course.ns < (factor > 10 ? 1.4 : 1.05) * best);
      }
      // Accidents while both are tried: two of three stretches of the team take ten times as long.
      Course unlucky;
      unlucky.go(kMany / 64, run, [&](int mode, int stretch) {
        return mode == 0 ? one : 0.6 * one * (stretch < 12 && stretch % 3 != 2 ? 10 : 1);
      });
      CHECK(share(unlucky, 1) > 0.8);
      // One stretch in 20 is disturbed, whichever way it goes: that decides nothing.
      Course noisy;
      noisy.go(kMany / 64, run, [&](int mode, int stretch) {
        return (mode == 0 ? one : 0.6 * one) * (stretch % 20 == 7 ? 30 : 1);
      });
      CHECK(share(noisy, 1) > 0.8);
      // What was better no longer is.
      Course turned;
      turned.go(kMany / 64, run, [&](int mode, int) { return mode == 0 ? one : 0.6 * one; });
      const int64_t before = turned.steps[0];
      turned.go(kMany / 64, run, [&](int mode, int) { return mode == 0 ? one : 4 * one; });
      CHECK(static_cast<double>(turned.steps[0] - before) > 0.9 * kMany / 64);
    }
  }
  return test::check_summary();
}
