// Which order of the steps is legal, and which is chosen.
#include <algorithm>
#include <random>

#include "core/plan_internal.h"

namespace feedfwd::planning {
namespace {

void sort_unique(std::vector<int>& v) {
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
}

bool intersect(const std::vector<int>& a, const std::vector<int>& b) {
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) return true;
    a[i] < b[j] ? ++i : ++j;
  }
  return false;
}

}  // namespace

void note_accesses(Step& step) {
  step.reads = step.in;
  step.writes = step.out;
  const Op op = step.instr.op;
  if (op == Op::Begin) {
    step.writes.push_back(kStepState);
  } else {
    step.reads.push_back(kStepState);
  }
  if (op == Op::Record) step.writes.push_back(kStatus);
  if (op == Op::Update) {
    step.reads.push_back(kStatus);
    step.reads.insert(step.reads.end(), step.out.begin(), step.out.end());
  }
  sort_unique(step.reads);
  sort_unique(step.writes);
}

bool conflict(const Step& earlier, const Step& later) {
  return intersect(earlier.writes, later.reads) || intersect(earlier.reads, later.writes) ||
         intersect(earlier.writes, later.writes);
}

// An update runs while its gradient and weights are in cache: as early as the readers of the old
// weights allow. Copies are such readers, so they go first.
void hoist(std::vector<Step>& steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].instr.op != Op::Update && steps[i].instr.op != Op::Copy) continue;
    size_t to = i;
    while (to > 0 && !conflict(steps[to - 1], steps[i])) --to;
    std::rotate(steps.begin() + to, steps.begin() + i, steps.begin() + i + 1);
  }
}

void shuffle(std::vector<Step>& steps, uint64_t seed) {
  const size_t n = steps.size();
  std::vector<std::vector<size_t>> successors(n);
  std::vector<int> waiting_for(n, 0);
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = 0; i < j; ++i) {
      if (!conflict(steps[i], steps[j])) continue;
      successors[i].push_back(j);
      ++waiting_for[j];
    }
  }
  std::vector<size_t> ready;
  for (size_t i = 0; i < n; ++i) {
    if (waiting_for[i] == 0) ready.push_back(i);
  }
  std::mt19937_64 random(seed);
  std::vector<Step> out;
  out.reserve(n);
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    const size_t next = ready.back();
    ready.pop_back();
    out.push_back(std::move(steps[next]));
    for (size_t s : successors[next]) {
      if (--waiting_for[s] == 0) ready.push_back(s);
    }
  }
  steps = std::move(out);
}

}  // namespace feedfwd::planning
