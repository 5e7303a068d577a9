// Running a program: every worker walks all units; each does its parts of the shared ones.
#include "cpu/code.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "core/float_state.h"
#include "core/step.h"

namespace feedfwd {

// An operand's share of a tile of fused elementwise instructions: several of them fit the L1 cache.
constexpr int64_t kTileElements = 1024;

void CpuCode::prepare(int parts) {
  if (parts == parts_) return;
  int64_t bytes = 0;
  for (const Unit& u : units_) {
    if (u.kind == Kind::whole) {
      bytes = std::max({bytes, kernels_.scratch_bytes(u.op, capacity_, parts),
                        kernels_.scratch_bytes(u.op, capacity_, 1)});
    }
  }
  scratch_stride_ = round_up(bytes, 128);  // no two parts on one (pair of) cache lines
  scratch_.reset();
  if (bytes > 0) {
    scratch_ = allocate_unset(static_cast<size_t>(checked_mul(scratch_stride_, parts)));
  }
  parts_ = parts;
}

void CpuCode::submit(StepState& state, int64_t steps) {
  const bool keep_losses = state.losses != nullptr;
  if (!keep_losses) {
    const auto needed = static_cast<size_t>(state.index + 1 + steps);
    if (losses_.size() < needed) losses_.resize(needed);
    state.losses = losses_.data();
  }
  bad_step_.store(state.bad_step, std::memory_order_relaxed);
  const int parts = all_solo_ ? 1 : team().shares();
  prepare(parts);
  const int64_t end = state.index + 1 + steps;
  int64_t left = steps;
  if (parts == 1 || step_ns_ >= team_ns_) {
    if (left > 0 && state.bad_step < 0) run_steps(state, left, parts);
    left = 0;
  }
  while (state.bad_step < 0 && left > 0) {
    const Pace::Stretch stretch = pace_.next();
    const int64_t count = std::min(left, stretch.steps);
    left -= count;
    // In a longer run the first step, in which the team may still wake, says little.
    const auto start = std::chrono::steady_clock::now();
    run_steps(state, count, stretch.mode == 0 ? 1 : parts);
    const std::chrono::duration<double, std::nano> taken =
        std::chrono::steady_clock::now() - (count > 1 ? after_first_ : start);
    pace_.note(count, count > 1 ? count - 1 : 1, taken.count());
  }
  // After a loss that is not finite the rest of the run changes nothing any more.
  for (int64_t n = state.index + 1; n < end; ++n) {
    state.losses[n] = std::numeric_limits<double>::quiet_NaN();
  }
  if (!keep_losses) state.losses = nullptr;
}

CpuProgram::CpuProgram(std::vector<Instr> program, int64_t capacity, const Kernels& kernels,
                       double solo_ns)
    : program_(std::move(program)),
      kernels_(kernels),
      solo_ns_(solo_ns),
      has_room_(capacity > kFewRows),
      code_(program_, capacity, kernels, solo_ns) {}

void CpuProgram::submit(StepState& state, int64_t steps) {
  if (!has_room_ || state.batch_size > kFewRows) return code_.submit(state, steps);
  if (!few_)
    few_ =
        std::make_unique<CpuCode>(program_, kFewRows, kernels_, solo_ns_, CpuCode::kTeamNs, true);
  few_->submit(state, steps);
}

void CpuCode::run_steps(StepState& state, int64_t steps, int parts) {
  const StepState start = state;
  team().run(parts, [&](Worker& worker) { work(worker, start, steps, state); });
}

void CpuCode::work(Worker& worker, const StepState& start, int64_t steps, StepState& end) {
  StepState state = start;
  int64_t seen = state.bad_step;
  for (int64_t n = 0; n < steps && seen < 0; ++n) {
    if (n == 1 && worker.id == 0) after_first_ = std::chrono::steady_clock::now();
    step(worker, state, seen);
  }
  if (worker.id == 0) end = state;
}

void CpuCode::step(Worker& worker, StepState& state, int64_t& seen) {
  for (size_t at = 0; at < units_.size();) {
    const Unit& unit = units_[at];
    at += 1 + static_cast<size_t>(unit.fused);
    if (unit.barrier) worker.barrier();
    // Workers look at the same places, between barriers, so that all stop after the same step.
    if (unit.see_record) see_record(state, seen);
    if (unit.kind == Kind::begin) {
      math::begin_step(unit.op, state);
    } else if (!unit.solo) {
      worker.for_my_parts([&](int part) { run_unit(unit, state, part, worker.parts); });
    } else if (worker.id == 0) {
      run_unit(unit, state, 0, 1);
    }
  }
  if (worker.count == 1) {
    seen = state.bad_step;
  } else if (see_at_end_) {
    worker.barrier();
    see_record(state, seen);
  }
}

void CpuCode::see_record(StepState& state, int64_t& seen) const {
  state.bad_step = bad_step_.load(std::memory_order_relaxed);
  seen = state.bad_step;
}

void CpuCode::run_unit(const Unit& unit, StepState& state, int part, int parts) {
  switch (unit.kind) {
    case Kind::begin:
      return;
    case Kind::record:
      math::record_loss(unit.op, state);
      bad_step_.store(state.bad_step, std::memory_order_relaxed);
      return;
    case Kind::rows:
      return math::count_rows(unit.op, state);
    case Kind::clip:
      return math::clip_factor(unit.op);
    case Kind::elementwise:
      return run_rects(unit, state, part, parts);
    case Kind::whole:
      break;
  }
  Fused fused{&unit + 1, unit.fused, &state};
  KernelCall call{&unit.op, &state, part, parts, unit.split, nullptr, nullptr, nullptr};
  call.scratch = static_cast<char*>(scratch_.get()) + part * scratch_stride_;
  if (unit.fused > 0) {
    call.after = run_fused;
    call.context = &fused;
  }
  unit.whole(call);
}

void CpuCode::run_rects(const Unit& unit, const StepState& state, int part, int parts) {
  const BoundRef& out = unit.op.out[0];
  const int64_t rows = out.rows_n * (out.rows_batch ? state.rows : 1);
  const int64_t cols = out.cols_n * (out.cols_batch ? state.rows : 1);
  const auto split = unit.split == Split::rows      ? share_rows
                     : unit.split == Split::columns ? share_columns
                                                    : share;
  const Rect mine = split(rows, cols, part, parts);
  if (mine.row0 >= mine.row1 || mine.col0 >= mine.col1) return;
  if (unit.fused == 0) return unit.rect(unit.op, state, mine);
  Fused fused{&unit + 1, unit.fused, &state};
  const int64_t width = std::min(mine.col1 - mine.col0, kTileElements);
  const int64_t height = kTileElements / width;
  for (int64_t r = mine.row0; r < mine.row1; r += height) {
    const int64_t r1 = std::min(r + height, mine.row1);
    for (int64_t c = mine.col0; c < mine.col1; c += width) {
      const int64_t c1 = std::min(c + width, mine.col1);
      unit.rect(unit.op, state, {r, r1, c, c1});
      run_fused(&fused, r, r1, c, c1);
    }
  }
}

void CpuCode::run_fused(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1) {
  const Fused& fused = *static_cast<const Fused*>(context);
  for (int k = 0; k < fused.count; ++k) {
    fused.first[k].rect(fused.first[k].op, *fused.state, {row0, row1, col0, col1});
  }
}

}  // namespace feedfwd
