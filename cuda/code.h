// A compiled program of the CUDA backend: launches in the order of the instructions, captured once
// as a graph and replayed for every step.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "cuda/call.h"
#include "cuda/memory.h"
#include "cuda/order.h"

namespace feedfwd::gpu {

// Where instructions run: one device, and a stream in which calls follow one another. Programs run
// in streams of their own, beside one another, after what was asked of this one before.
struct Queue {
  Machine machine;
  std::shared_ptr<Pool> pool;
  cudaStream_t stream;

  void upload(void* to, const void* host, size_t bytes) const;
  void download(void* host, const void* from, size_t bytes) const;
};

// A program's stream, and pinned memory for what goes to and fro at each submit.
class Lane {
 public:
  Lane(size_t staging_bytes);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // What comes into this stream now waits for all that is in the other.
  void follow(cudaStream_t other);

  cudaStream_t stream = nullptr;
  char* staging = nullptr;

 private:
  cudaEvent_t reached_ = nullptr;
};

class CudaCode : public Code {
 public:
  CudaCode(std::vector<Instr> program, int64_t capacity, const Queue& queue);
  ~CudaCode() override;

  void submit(StepState& state, int64_t steps);
  // Without a state of its own and without a graph: an eager call.
  void run_once(StepState* state);

 private:
  // ops [first, first + count) in one launch.
  struct Group {
    Launcher launcher;
    int first, count;
    int first_share = 0, shares = 0;
  };
  void add_stage(const Stage& stage);
  void add_together(const Stage& stage, Launcher launcher);
  void add_apart(const Unit& unit);
  std::vector<Unit> add_wave(const std::vector<Unit>& units, DType type);
  int add_ops(const Unit& unit);
  void upload_ops();
  void launch_all(StepState* state, cudaStream_t stream, int64_t most_rows) const;
  cudaGraphExec_t captured(int steps, int64_t most_rows);
  cudaGraphExec_t graph_of_ragged(int64_t rows);
  void set_up();
  void forget_losses_from(const StepState& made, double* losses, int64_t end);

  const Queue& queue_;
  const int64_t capacity_;
  std::deque<std::vector<BoundRef>> refs_;
  std::vector<BoundOp> ops_;  // refs in host memory
  std::vector<Group> groups_;
  std::vector<Share> shares_;
  int64_t inputs_ = 0;  // arrays that gathers read
  int64_t scratch_bytes_ = 0;
  std::shared_ptr<void> table_;  // ops, refs and shares on the device
  const Share* device_shares_ = nullptr;
  std::shared_ptr<void> scratch_, losses_;
  std::shared_ptr<void> state_;  // on the device, and after it the table of inputs
  std::unique_ptr<Lane> lane_;
  size_t losses_bytes_ = 0;
  cudaGraphExec_t one_ = nullptr, many_ = nullptr;  // of steps of any number of rows
  cudaGraphExec_t ragged_ = nullptr;                // of a step of up to ragged_rows_
  int64_t ragged_rows_ = 0;
};

}  // namespace feedfwd::gpu
