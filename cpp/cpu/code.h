// Compiled programs of the CPU backend.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "cpu/bound.h"
#include "cpu/pace.h"
#include "cpu/threads.h"

namespace feedfwd {

// So few rows are shared by the columns of what they meet.
inline constexpr int64_t kFewRows = 16;

// A program with one schedule, for batches of up to `capacity` rows.
class CpuCode {
 public:
  static constexpr double kTeamNs = 2e6;

  // A program estimated below `solo_ns` nanoseconds a step is one thread's work, above `team_ns`
  // the team's; between them both are tried. `few`: a prediction's few rows, for which all products
  // with many weights are shared by columns.
  CpuCode(std::vector<Instr> program, int64_t capacity, const Kernels& kernels, double solo_ns,
          double team_ns = kTeamNs, bool few = false);

  void submit(StepState& state, int64_t steps);

 private:
  enum class Kind : uint8_t { begin, record, rows, clip, elementwise, whole };
  struct Unit {
    Kind kind;
    BoundOp op;
    RectKernel rect = nullptr;
    Kernel whole = nullptr;
    int fused = 0;     // how many of the units that follow work on this one's rectangles
    bool solo = true;  // worker 0 alone
    Split split = Split::free;
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
  struct Access;
  struct Group {  // units that run one after another on the same rectangles
    size_t at;    // of the first
    std::vector<Access> touches;
  };
  struct Phase {
    std::vector<size_t> groups;
    std::vector<Access> touches;
  };
  void choose_shares(double solo_ns);
  void add_accesses(const Unit& head, std::vector<Access>& to) const;
  template <class Test>
  static bool any(const std::vector<Access>& a, const std::vector<Access>& b, Test test);
  std::vector<Phase> phases_of(std::vector<Group> left, Phase before) const;
  void place_barriers();
  void prepare(int parts);

  void run_steps(StepState& state, int64_t steps, int parts);
  void work(Worker& worker, const StepState& start, int64_t steps, StepState& end);
  void step(Worker& worker, StepState& state, int64_t& seen);
  void see_record(StepState& state, int64_t& seen) const;
  void run_unit(const Unit& unit, StepState& state, int part, int parts);
  void run_rects(const Unit& unit, const StepState& state, int part, int parts);
  static void run_fused(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);

  const Kernels& kernels_;
  const int64_t capacity_;
  const double team_ns_;
  const bool few_rows_;
  std::vector<Unit> units_;
  std::deque<std::vector<BoundRef>> refs_;  // what units_ point to
  std::vector<std::shared_ptr<void>> temporaries_;
  bool all_solo_ = true;
  bool see_at_end_ = false;  // no barrier follows the last Record of a step
  double step_ns_ = 0;       // estimated work of a step

  Pace pace_;
  std::chrono::steady_clock::time_point after_first_;  // step of a run, if there are more
  int parts_ = 0;
  int64_t scratch_stride_ = 0;  // bytes of one part's
  std::shared_ptr<void> scratch_;
  std::vector<double> losses_;  // where the caller wants none
  std::atomic<int64_t> bad_step_{-1};
};

// A compiled program, with a second schedule for runs in batches of few rows of what has room for
// many, as predictions of some rows are: there a row each is no share. One submit() at a time.
class CpuProgram : public Code {
 public:
  CpuProgram(std::vector<Instr> program, int64_t capacity, const Kernels& kernels, double solo_ns);

  void submit(StepState& state, int64_t steps);

 private:
  const std::vector<Instr> program_;
  const Kernels& kernels_;
  const double solo_ns_;
  const bool has_room_;
  CpuCode code_;
  std::unique_ptr<CpuCode> few_;  // made when first needed
};

// One instruction with static extents, on the calling thread; false, and nothing done, where it is
// estimated above `most_ns` or takes more than one kernel.
bool run_alone(const Instr& instr, const Kernels& kernels, double most_ns);

// Zeroed, 64-byte aligned; large ones on huge pages. Throws std::bad_alloc.
std::shared_ptr<void> allocate_zeroed(size_t bytes);
// 64-byte aligned, for what is written before it is read. Throws std::bad_alloc.
std::shared_ptr<void> allocate_unset(size_t bytes);

}  // namespace feedfwd
