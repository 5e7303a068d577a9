// Offsets in the work arena: greedy, largest slot first, at the lowest place free for the slot's
// whole life.
#include <algorithm>
#include <limits>

#include "core/plan_internal.h"

namespace feedfwd::planning {
namespace {

constexpr int64_t kAlign = 64;

struct Slot {
  int buffer = 0;
  int64_t bytes = 0, offset = 0;
  int first = 0, last = 0;
};

// Lifetimes count groups, not steps: members of a group run side by side.
std::vector<Slot> lifetimes(const Draft& draft) {
  std::vector<Slot> slots(draft.buffers.size());
  int group = -1, left = 0;
  for (const Step& step : draft.steps) {
    if (left-- == 0) {
      ++group;
      left = step.instr.fused;
    }
    for (const auto* list : {&step.in, &step.out}) {
      for (int b : *list) {
        if (draft.buffers[b].space != Space::work) continue;
        if (slots[b].buffer == 0)
          slots[b] = {b, round_up(std::max<int64_t>(draft.buffers[b].bytes, 1), kAlign), 0, group,
                      group};
        slots[b].last = group;
      }
    }
  }
  std::erase_if(slots, [](const Slot& s) { return s.buffer == 0; });
  return slots;
}

int64_t lowest_offset(const Slot& slot,
                      const std::vector<Slot>& placed) {  // placed: by rising offset
  int64_t offset = 0;
  for (const Slot& other : placed) {
    if (other.last < slot.first || slot.last < other.first) continue;
    if (checked_add(offset, slot.bytes) <= other.offset) break;
    offset = std::max(offset, other.offset + other.bytes);
  }
  return offset;
}

void place_greedily(std::vector<Slot>& slots, Plan& plan) {
  std::stable_sort(slots.begin(), slots.end(),
                   [](const Slot& a, const Slot& b) { return a.bytes > b.bytes; });
  std::vector<Slot> placed;
  for (Slot& slot : slots) {
    slot.offset = lowest_offset(slot, placed);
    plan.work_bytes = std::max(plan.work_bytes, checked_add(slot.offset, slot.bytes));
    const auto after =
        std::upper_bound(placed.begin(), placed.end(), slot,
                         [](const Slot& a, const Slot& b) { return a.offset < b.offset; });
    placed.insert(after, slot);
  }
}

void place_apart(std::vector<Slot>& slots, Plan& plan) {
  for (Slot& slot : slots) {
    slot.offset = plan.work_bytes;
    plan.work_bytes += slot.bytes;
  }
}

// A band that later slots reuse could not be checked after the run: with guards every slot has a
// place of its own.
void place_guarded(std::vector<Slot>& slots, const Draft& draft, Plan& plan) {
  for (Slot& slot : slots) {
    std::string name = "slot " + std::to_string(slot.buffer);
    for (const Step& step : draft.steps) {
      if (std::find(step.out.begin(), step.out.end(), slot.buffer) == step.out.end()) continue;
      name += std::string(" made by ") + name_of(step.instr.op);
      break;
    }
    // The band after starts at the slot's last byte rounded up to an element, not to the alignment.
    const int64_t bytes = draft.buffers[slot.buffer].bytes;
    plan.guards.push_back({plan.work_bytes, name + " (before)"});
    slot.offset = checked_add(plan.work_bytes, kAlign);
    plan.guards.push_back({checked_add(slot.offset, bytes), name + " (after)"});
    plan.work_bytes = round_up(checked_add(plan.guards.back().offset, kAlign), kAlign);
  }
}

}  // namespace

void place(Draft& draft, const PlanRequest& request, Plan& plan) {
  std::vector<Slot> slots = lifetimes(draft);
  int64_t apart = 0;
  for (const Slot& slot : slots) apart = checked_add(apart, slot.bytes);
  if (request.guard) {
    place_guarded(slots, draft, plan);
  } else if (apart <= request.roomy_bytes) {
    place_apart(slots, plan);
  } else {
    place_greedily(slots, plan);
  }
  std::vector<int64_t> offset(draft.buffers.size(), 0);
  for (const Slot& slot : slots) offset[slot.buffer] = slot.offset;
  for (Step& step : draft.steps) {
    for (size_t k = 0; k < step.in.size(); ++k) step.instr.in[k].offset += offset[step.in[k]];
    for (size_t k = 0; k < step.out.size(); ++k) step.instr.out[k].offset += offset[step.out[k]];
  }
}

}  // namespace feedfwd::planning
