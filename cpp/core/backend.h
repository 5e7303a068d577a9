// The one seam between core and the machines: memory, instructions, many steps in one call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/op.h"

namespace feedfwd {

// Backend memory: 64-byte aligned, zeroed, freed with the last owner. `data` may be a device
// address.
struct Block {
  void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<void> owner;
};

// An operand: rows x cols elements, row r at data + r * row_stride elements. A stride of 0 repeats
// the first row (row_stride) or the first element of a row (col_stride).
struct Ref {
  void* data = nullptr;
  Extent rows, cols;
  int64_t row_stride = 0;
  int64_t col_stride = 1;
  DType dtype = DType::f32;
};

// What a step reads and counts; lives in backend memory so that nothing is re-captured from step to
// step.
struct StepState {
  int64_t rows = 0;        // of this shard's batch: the batch symbol
  int64_t row_base = 0;    // this shard's first row within the batch (dropout counters)
  int64_t batch_rows = 0;  // of the whole batch
  int64_t offset = 0;      // first row of the shard in epoch order
  int64_t index = -1;      // step within the submitted run, from 0 once the first has begun
  int64_t bad_step =
      -1;  // index of the first step whose loss was not finite; later updates do nothing
  // Set by the executor before submit:
  int64_t total_rows = 0;  // rows of the epoch
  int64_t batch_size = 0;
  int64_t first_row = 0;                // of step 0 of this run, in epoch order
  const void* const* inputs = nullptr;  // by graph input: the rows that a Gather reads
  const int64_t* order = nullptr;       // epoch order -> row of the data; null: as they stand
  const double* scalars =
      nullptr;  // kStepScalars per step: the optimizer's, float64, rounded by the kernel
  double* losses = nullptr;  // one per step
};
constexpr int kStepScalars = 8;

// One operation on bound memory. `fused` says how many of the instructions that follow work
// elementwise on this one's output rectangle: a backend may run them tile by tile while the tile is
// hot, or one after the other: same bits.
struct Instr {
  Op op = Op::Copy;
  Attrs attrs;
  std::vector<Ref> in, out;
  int fused = 0;
};

// Instructions made ready by a backend: kernels chosen, scratch allocated.
class Code {
 public:
  virtual ~Code() = default;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu", "cuda"
  virtual Block allocate(size_t bytes) = 0;
  // For what is written before it is read.
  virtual Block allocate_unset(size_t bytes) { return allocate(bytes); }
  // A block that reads host memory the caller keeps unchanged and alive: an alias where the backend
  // can, else a copy.
  virtual Block adopt(const void* host, size_t bytes, std::shared_ptr<void> keep) = 0;
  // Whether instructions read host memory where it lies: then adopt() is an alias always.
  virtual bool reads_host_memory() const { return false; }
  virtual void upload(void* to, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* from, size_t bytes) = 0;
  // One instruction with static extents, at once.
  virtual void run(const Instr& instr) = 0;
  // `capacity`: the most rows a step will have.
  virtual std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t capacity) = 0;
  // Runs `program` `steps` times over; `state` is host memory, copied in and out.
  virtual void submit(Code& program, StepState& state, int64_t steps) = 0;
  // Other libraries on the same device: the handle of the stream that instructions run in, waiting
  // there for another's, and until all streams are done.
  virtual uintptr_t stream() const { return 0; }
  virtual void wait_for(uintptr_t) {}
  virtual void finish() {}
  // PlanRequest::roomy_bytes that suits the device.
  virtual int64_t roomy_bytes() const { return int64_t{1} << 20; }
  // Measured, per second: float32 operations (a multiply-add is two), bytes read and written by a
  // copy. Of a device; the CPU's are in cpu/roof.h.
  struct Roof {
    double flops = 0, bytes = 0;
  };
  virtual Roof roof() { return {}; }
  // Of the instructions that `work` asks for, by the device's clock.
  virtual double seconds(const std::function<void()>&) { return 0; }
  virtual std::string description() const { return name(); }  // what the maker calls it
  virtual int processors() const { return 1; }
};

// device: "cpu", "cuda", "auto". Throws std::invalid_argument with one sentence that says why not.
std::shared_ptr<Backend> get_backend(const std::string& device);

// The CPU's library defines it; the CUDA backend is a module that is asked for (cuda_module.h).
std::shared_ptr<Backend> make_cpu_backend();
void set_num_threads(int n);
int get_num_threads();

}  // namespace feedfwd
