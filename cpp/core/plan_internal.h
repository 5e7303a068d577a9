// What the passes of plan pass to each other. Buffers carry the hazards: two steps conflict where
// one writes what the other touches, and every pass keeps conflicting steps in the order in which
// they were listed.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/plan.h"

namespace feedfwd::planning {

struct Buffer {
  Space space = Space::work;
  int index = 0, slot = 0;
  int64_t bytes = 0;  // at capacity
};

// Begin writes what every step reads (rows, offset ...); Record writes what updates read
// (bad_step).
constexpr int kStepState = 0;
constexpr int kStatus = 1;
constexpr int64_t kLargestNumber = 8;  // bytes

// One instruction and the buffers of its operands, position by position.
struct Step {
  PlanInstr instr;
  std::vector<int> in, out;
  std::vector<int> reads, writes;  // buffers, sorted, with the two pseudo buffers
};

struct Draft {
  std::vector<Buffer> buffers{{}, {}};  // the pseudo buffers come first
  std::vector<Step> steps;
  // The one buffer of a place outside the work arena.
  int named(Space space, int index, int slot = 0);
  int work(int64_t bytes);

 private:
  std::map<std::tuple<Space, int, int>, int> named_;
};

// Fills reads and writes.
void note_accesses(Step& step);
bool conflict(const Step& earlier, const Step& later);
// The same elements at the same place, given the same buffer.
bool same_view(const Operand& a, const Operand& b);
// Whether `step` touches `buffer` element by element through a view like `view` only, or not at
// all: then a group that runs tile by tile may overwrite the buffer through that view.
bool only_elementwise(const Step& step, int buffer, const Operand& view);

// plan_list.cpp: the steps as the graph lists them; fills the plan's description of inputs, outputs
// and gradients.
Draft list_steps(const Graph& graph, const PlanRequest& request, Plan& plan);
// plan_order.cpp
void hoist(std::vector<Step>& steps);
void shuffle(std::vector<Step>& steps, uint64_t seed);
// plan_fuse.cpp
void fuse(std::vector<Step>& steps, size_t buffers);
void share_in_place(Draft& draft);
// plan_place.cpp: offsets of work operands, plan.work_bytes and plan.guards.
void place(Draft& draft, const PlanRequest& request, Plan& plan);

}  // namespace feedfwd::planning
