#include "cpu/pace.h"

#include <algorithm>

namespace feedfwd {
namespace {

// The team must be that much faster: it occupies more of the machine, and others disturb it more.
constexpr double kGain = 1.15;
// One way goes on for about so long, at least so many steps, before the choice is looked at again.
constexpr double kStretchNs = 500e3;
constexpr int64_t kLeastSteps = 8;
// The way that lost is tried again so rarely that it costs that part of the time; for so many
// stretches that they outvote the third of the last three.
constexpr double kRetryShare = 0.02;
constexpr int kRetries = 2;
// Stretches until then: at least; and at most, where it may have lost by an accident. That is
// doubled each time that it is tried again.
constexpr double kSoonest = 8, kPatience = 16, kMostPatience = 512;

}  // namespace

// Of a step. Whatever else the machine does comes and goes: of three stretches the one in which a
// thread had to wait does not count, nor does it of two.
double Pace::ns(int mode) const {
  const double* last = last_[mode];
  if (tried_[mode] < 2) return last[0];
  const double low = std::min(last[0], last[1]), high = std::max(last[0], last[1]);
  return tried_[mode] == 2 ? low : std::clamp(last[2], low, high);
}

int Pace::choose() {
  for (int mode : {0, 1}) {
    if (tried_[mode] < 2 && tried_[mode] <= tried_[1 - mode]) return mode;
  }
  const int better = ns(0) < kGain * ns(1) ? 0 : 1;
  if (better != better_) patience_ = kPatience;
  better_ = better;
  if (retries_ == 0) {
    const double loss = ns(1 - better) / ns(better) - 1;
    const double wait = std::min(kRetries * loss / kRetryShare, patience_);
    if (static_cast<double>(++since_) <= std::max(wait, kSoonest)) return better;
    since_ = 0;
    retries_ = kRetries;
    patience_ = std::min(2 * patience_, kMostPatience);
  }
  --retries_;
  return 1 - better;
}

Pace::Stretch Pace::next() {
  if (left_ <= 0) {
    mode_ = choose();
    left_ = kLeastSteps;
    const double each = ns(mode_);  // 0 where it was never tried
    if (each > 0) left_ = std::max(left_, static_cast<int64_t>(kStretchNs / each));
    taken_ = 0;
    timed_ = 0;
  }
  return {mode_, left_};
}

void Pace::note(int64_t steps, int64_t timed, double ns) {
  left_ -= steps;
  taken_ += ns;
  timed_ += timed;
  if (left_ > 0) return;
  last_[mode_][tried_[mode_]++ % 3] = taken_ / static_cast<double>(timed_);
}

}  // namespace feedfwd
