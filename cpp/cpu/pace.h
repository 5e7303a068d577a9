// One thread or the team? Both are tried, the faster goes on, and the other is tried again now and
// then. Which one it is never shows in the bits.
#pragma once

#include <cstdint>

namespace feedfwd {

class Pace {
 public:
  // What comes next: so many steps (over several runs, if need be) by one thread (0) or the team.
  struct Stretch {
    int mode;
    int64_t steps;
  };
  Stretch next();

  // `steps` of them are made; `timed` of these took so long.
  void note(int64_t steps, int64_t timed, double ns);

 private:
  int mode_ = 0;
  int64_t left_ = 0;  // steps of this stretch
  double taken_ = 0;  // by those of them that were timed
  int64_t timed_ = 0;

  // By mode.
  int64_t tried_[2] = {0, 0};  // stretches
  double last_[2][3] = {};     // ns per step

  int better_ = -1;      // none yet
  int64_t since_ = 0;    // stretches since the other one was tried
  int retries_ = 0;      // of the other one, still to come
  double patience_ = 0;  // stretches

  double ns(int mode) const;
  int choose();
};

}  // namespace feedfwd
