// The CUDA backend: device memory, and programs as graphs.
#include "core/backend.h"

#include <mutex>

#include "cuda/backend.h"
#include "cuda/code.h"

namespace feedfwd::gpu {

namespace {

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
    const std::lock_guard lock(mutex_);
    check(cudaMemsetAsync(block.data, 0, bytes, queue_.stream), "an allocation");
    return block;
  }
  Block allocate_unset(size_t bytes) override {
    std::shared_ptr<void> owner = queue_.pool->take(bytes);
    void* data = owner.get();
    return {data, bytes, std::move(owner)};
  }
  Block adopt(const void* host, size_t bytes, std::shared_ptr<void>) override {
    Block block = allocate_unset(bytes);
    upload(block.data, host, bytes);
    return block;
  }
  void upload(void* to, const void* host, size_t bytes) override {
    const std::lock_guard lock(mutex_);
    queue_.upload(to, host, bytes);
  }
  void download(void* host, const void* from, size_t bytes) override {
    const std::lock_guard lock(mutex_);
    queue_.download(host, from, bytes);
  }
  void run(const Instr& instr) override {
    const std::lock_guard lock(mutex_);
    CudaCode code({instr}, 1, queue_);
    code.run_once(static_cast<StepState*>(eager_state_.get()));
  }
  std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t capacity) override {
    const std::lock_guard lock(mutex_);
    return std::make_unique<CudaCode>(std::move(program), capacity, queue_);
  }
  void submit(Code& program, StepState& state, int64_t steps) override {
    const std::lock_guard lock(mutex_);
    static_cast<CudaCode&>(program).submit(state, steps);
  }

 private:
  // One user of the stream at a time: what another thread launched would be captured too.
  std::mutex mutex_;
  Queue queue_;
  std::shared_ptr<void> eager_state_;
};

}  // namespace

std::shared_ptr<Backend> make_backend() { return std::make_shared<CudaBackend>(); }

}  // namespace feedfwd::gpu
