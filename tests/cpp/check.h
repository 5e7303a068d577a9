// CHECK(condition) counts; check_summary() prints the last line and gives main's exit status.
#pragma once

#include <cstdio>

namespace feedfwd::test {

inline int checks_passed = 0, checks_failed = 0;

inline bool check_that(bool good, const char* what, const char* file, int line) {
  ++(good ? checks_passed : checks_failed);
  if (!good && checks_failed <= 40) std::printf("FAILED %s:%d: %s\n", file, line, what);
  return good;
}

inline int check_summary() {
  std::printf("%d passed, %d failed\n", checks_passed, checks_failed);
  return checks_failed == 0 ? 0 : 1;
}

}  // namespace feedfwd::test

#define CHECK(...) \
  feedfwd::test::check_that(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
