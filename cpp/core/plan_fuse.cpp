// Groups of instructions a backend may run tile by tile, and outputs that take the place of a dying
// input.
#include <algorithm>

#include "core/plan_internal.h"

namespace feedfwd::planning {
namespace {

bool same_extents(const Operand& a, const Operand& b) {
  return a.rows == b.rows && a.cols == b.cols;
}

bool can_head(const Step& step) {
  return step.instr.op == Op::Matmul || is_elementwise(step.instr.op);
}

bool can_follow(const Step& step) {
  return step.instr.op == Op::Update || is_elementwise(step.instr.op);
}

bool touches(const std::vector<int>& buffers, int buffer) {
  return std::binary_search(buffers.begin(), buffers.end(), buffer);
}

// Whether `step` may run on a rectangle of the group's space right after the members made theirs.
bool fits(const Step* group, size_t members, const Step& step) {
  const Operand& space = group[0].instr.out[0];
  for (const Operand& out : step.instr.out) {
    if (!same_extents(out, space)) return false;
  }
  bool fed = false;
  for (size_t m = 0; m < members; ++m) {
    for (size_t o = 0; o < group[m].out.size(); ++o) {
      const int made = group[m].out[o];
      fed = fed || touches(step.reads, made);
      // What the group makes is there at this rectangle only: read it at the same element.
      if (!only_elementwise(step, made, group[m].instr.out[o])) return false;
    }
    // What the step overwrites must not be needed by a member at another element.
    for (size_t o = 0; o < step.out.size(); ++o) {
      if (!only_elementwise(group[m], step.out[o], step.instr.out[o])) return false;
    }
  }
  return fed;
}

// Buffers touched by the steps a candidate would have to pass on its way up.
struct Passed {
  explicit Passed(size_t buffers) : read(buffers, false), written(buffers, false) {}
  void add(const Step& step) {
    for (int b : step.reads) read[b] = true;
    for (int b : step.writes) written[b] = true;
  }
  bool blocks(const Step& step) const {
    for (int b : step.reads) {
      if (written[b]) return true;
    }
    for (int b : step.writes) {
      if (written[b] || read[b]) return true;
    }
    return false;
  }
  std::vector<bool> read, written;
};

// Joins what follows to the head at `at`; returns the number of followers.
int grow_group(std::vector<Step>& steps, size_t at, size_t buffers) {
  size_t end = at + 1;
  Passed passed(buffers);
  for (size_t j = end; j < steps.size() && !passed.written[kStepState]; ++j) {
    if (can_follow(steps[j]) && !passed.blocks(steps[j]) && fits(&steps[at], end - at, steps[j])) {
      std::rotate(steps.begin() + end, steps.begin() + j, steps.begin() + j + 1);
      ++end;
    } else {
      passed.add(steps[j]);
    }
  }
  return static_cast<int>(end - at - 1);
}

// First and last step that touches each buffer.
struct Uses {
  Uses(const std::vector<Step>& steps, size_t buffers) : first(buffers, -1), last(buffers, -1) {
    for (size_t i = 0; i < steps.size(); ++i) {
      for (const auto* list : {&steps[i].reads, &steps[i].writes}) {
        for (int b : *list) {
          if (first[b] < 0) first[b] = static_cast<int>(i);
          last[b] = static_cast<int>(i);
        }
      }
    }
  }
  std::vector<int> first, last;
};

bool can_share(const Draft& draft, const Uses& uses, int at, int group_begin, int group_end,
               size_t input) {
  const Step& step = draft.steps[at];
  const int from = step.in[input], to = step.out[0];
  const Operand& view = step.instr.in[input];
  if (from == to || draft.buffers[from].space != Space::work ||
      draft.buffers[to].space != Space::work)
    return false;
  if (draft.buffers[from].bytes != draft.buffers[to].bytes || view.dtype != step.instr.out[0].dtype)
    return false;
  // A number of its own costs nothing, and its readers then hold up nobody who writes.
  if (draft.buffers[to].bytes <= kLargestNumber) return false;
  if (!same_view(view, step.instr.out[0]) || uses.last[from] != at || uses.first[to] != at)
    return false;
  // Members of a group run side by side, so neither may touch the buffers at another element.
  for (int m = group_begin; m <= group_end; ++m) {
    if (!only_elementwise(draft.steps[m], from, view) ||
        !only_elementwise(draft.steps[m], to, view))
      return false;
  }
  return true;
}

void replace(std::vector<Step>& steps, int first, int last, int from, int to) {
  for (int i = first; i <= last; ++i) {
    std::replace(steps[i].in.begin(), steps[i].in.end(), from, to);
    std::replace(steps[i].out.begin(), steps[i].out.end(), from, to);
    note_accesses(steps[i]);
  }
}

}  // namespace

bool same_view(const Operand& a, const Operand& b) {
  return same_extents(a, b) && a.row_stride == b.row_stride && a.col_stride == b.col_stride &&
         a.dtype == b.dtype;
}

bool only_elementwise(const Step& step, int buffer, const Operand& view) {
  if (!touches(step.reads, buffer) && !touches(step.writes, buffer)) return true;
  // A matmul writes its output element by element but reads its inputs all over.
  const bool reads_anywhere = !can_follow(step);
  for (size_t k = 0; k < step.in.size(); ++k) {
    if (step.in[k] == buffer && (reads_anywhere || !same_view(step.instr.in[k], view)))
      return false;
  }
  for (size_t k = 0; k < step.out.size(); ++k) {
    if (step.out[k] == buffer && !same_view(step.instr.out[k], view)) return false;
  }
  return true;
}

void fuse(std::vector<Step>& steps, size_t buffers) {
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!can_head(steps[i])) continue;
    steps[i].instr.fused = grow_group(steps, i, buffers);
    i += steps[i].instr.fused;
  }
}

void share_in_place(Draft& draft) {
  std::vector<Step>& steps = draft.steps;
  Uses uses(steps, draft.buffers.size());
  const int n = static_cast<int>(steps.size());
  for (int begin = 0; begin < n;) {
    const int end = begin + steps[begin].instr.fused;
    for (int i = begin; i <= end; ++i) {
      if (!is_elementwise(steps[i].instr.op)) continue;
      for (size_t k = 0; k < steps[i].in.size(); ++k) {
        if (!can_share(draft, uses, i, begin, end, k)) continue;
        const int from = steps[i].out[0], to = steps[i].in[k];
        uses.last[to] = uses.last[from];
        replace(steps, i, uses.last[from], from, to);
        break;
      }
    }
    begin = end + 1;
  }
}

}  // namespace feedfwd::planning
