// A compiled program of the CPU backend.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "cpu/bound.h"
#include "cpu/threads.h"

namespace feedfwd {

class CpuCode : public Code {
 public:
  // `solo_ns`: instructions estimated below that many nanoseconds are one thread's work.
  CpuCode(std::vector<Instr> program, int64_t capacity, const Kernels& kernels, double solo_ns);

  void submit(StepState& state, int64_t steps);

 private:
  enum class Kind : uint8_t { begin, record, rows, clip, elementwise, whole };
  struct Unit {
    Kind kind;
    BoundOp op;
    RectKernel rect = nullptr;
    Kernel whole = nullptr;
    int fused = 0;            // how many of the units that follow work on this one's rectangles
    bool solo = true;         // worker 0 alone
    bool barrier = false;     // wait for all before it
    bool see_record = false;  // after that wait: learn whether the loss was finite
    double ns = 0;            // estimated work
  };
  struct Fused {
    const Unit* first;
    int count;
    const StepState* state;
  };

  void append(const Instr& instr);
  void append_full_reduction(const Instr& instr);
  Unit bind(const Instr& instr);
  void place_barriers(double solo_ns);
  void prepare(int parts);

  void run_steps(StepState& state, int64_t steps, int parts);
  void work(Worker& worker, const StepState& start, int64_t steps, StepState& end);
  void step(Worker& worker, StepState& state, int64_t& seen);
  void run_unit(const Unit& unit, StepState& state, int part, int parts);
  void run_rects(const Unit& unit, const StepState& state, int part, int parts);
  static void run_fused(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);

  const Kernels& kernels_;
  const int64_t capacity_;
  std::vector<Unit> units_;
  std::deque<std::vector<BoundRef>> refs_;  // what units_ point to
  std::vector<std::shared_ptr<void>> temporaries_;
  bool all_solo_ = true;
  double step_ns_ = 0;  // estimated work of a step

  // One thread against the team, nanoseconds per step: both are tried on a few steps, and the
  // faster goes on. Which one it is never shows in the bits.
  struct Pace {
    int trials = 0;
    double best[2] = {1e300, 1e300};  // alone, team
  };
  Pace pace_;
  int parts_ = 0;
  int64_t scratch_stride_ = 0;  // bytes of one part's
  std::shared_ptr<void> scratch_;
  std::vector<double> losses_;  // where the caller wants none
  std::atomic<int64_t> bad_step_{-1};
};

// Zeroed, 64-byte aligned; large ones on huge pages. Throws std::bad_alloc.
std::shared_ptr<void> allocate_zeroed(size_t bytes);

}  // namespace feedfwd
