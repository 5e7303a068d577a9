// The CUDA backend: device memory, and programs as graphs.
#include "core/backend.h"

#include <new>

#include "cuda/backend.h"
#include "cuda/code.h"
#include "cuda/roof.h"

namespace feedfwd::gpu {

namespace {

// Part of the free memory that one array may take: the rest of a run needs memory too.
constexpr size_t kAdoptAtMost = 2;

class CudaBackend : public Backend {
 public:
  CudaBackend() {
    queue_.machine = find_machine();
    queue_.pool = std::make_shared<Pool>();
    check(cudaStreamCreateWithFlags(&queue_.stream, cudaStreamNonBlocking), "making a stream");
    eager_state_ = queue_.pool->take(sizeof(StepState));
    const StepState none;
    queue_.upload(eager_state_.get(), &none, sizeof none);
  }

  std::string name() const override { return "cuda"; }

  Block allocate(size_t bytes) override {
    Block block = allocate_unset(bytes);
    check(cudaMemsetAsync(block.data, 0, bytes, queue_.stream), "an allocation");
    return block;
  }
  Block allocate_unset(size_t bytes) override {
    std::shared_ptr<void> owner = queue_.pool->take(bytes);
    void* data = owner.get();
    return {data, bytes, std::move(owner)};
  }
  Block adopt(const void* host, size_t bytes, std::shared_ptr<void>) override {
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking the device");
    if (bytes > free / kAdoptAtMost) throw OutOfMemory(bytes);
    Block block = allocate_unset(bytes);
    upload(block.data, host, bytes);
    return block;
  }
  void upload(void* to, const void* host, size_t bytes) override { queue_.upload(to, host, bytes); }
  void download(void* host, const void* from, size_t bytes) override {
    queue_.download(host, from, bytes);
  }
  void run(const Instr& instr) override {
    CudaCode code({instr}, 1, queue_);
    code.run_once(static_cast<StepState*>(eager_state_.get()));
  }
  std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t capacity) override {
    return std::make_unique<CudaCode>(std::move(program), capacity, queue_);
  }
  void submit(Code& program, StepState& state, int64_t steps) override {
    static_cast<CudaCode&>(program).submit(state, steps);
  }
  uintptr_t stream() const override { return reinterpret_cast<uintptr_t>(queue_.stream); }
  // 1 and 2 are CUDA's names for its default streams, the second of which is each thread's own.
  void wait_for(uintptr_t other) override {
    cudaEvent_t reached = nullptr;
    check(cudaEventCreateWithFlags(&reached, cudaEventDisableTiming), "an event");
    cudaError_t error = cudaEventRecord(reached, reinterpret_cast<cudaStream_t>(other));
    if (error == cudaSuccess) error = cudaStreamWaitEvent(queue_.stream, reached, 0);
    cudaEventDestroy(reached);
    check(error, "waiting for another stream");
  }
  // Memory is plentiful, and what shares none can run side by side.
  int64_t roomy_bytes() const override { return int64_t{1} << 28; }
  double seconds(const std::function<void()>& work) override { return seconds_of(queue_, work); }
  Roof roof() override { return measured_roof(queue_); }
  std::string description() const override { return queue_.machine.name; }
  int processors() const override { return queue_.machine.processors; }
  void finish() override { check(cudaDeviceSynchronize(), "waiting for the device"); }

 private:
  Queue queue_;
  std::shared_ptr<void> eager_state_;
};

}  // namespace

std::shared_ptr<Backend> make_backend() { return std::make_shared<CudaBackend>(); }

}  // namespace feedfwd::gpu
