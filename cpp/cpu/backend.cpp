// The CPU backend: host memory, and programs on the thread team.
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/backend.h"
#include "cpu/code.h"
#include "cpu/dispatch.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace feedfwd {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

#if defined(__linux__)
// Address space whose pages appear, zeroed, when they are first written: by the thread that does.
std::shared_ptr<void> map_large(size_t bytes) {
  const size_t length = bytes + kHugePage;
  void* base = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(base);
  void* aligned = reinterpret_cast<void*>((address + kHugePage - 1) / kHugePage * kHugePage);
  madvise(aligned, bytes, MADV_HUGEPAGE);  // a wish: where it fails pages are small
  return {aligned, [base, length](void*) { munmap(base, length); }};
}
#endif

// With at least a byte after the end, and whole cache lines.
size_t padded(size_t bytes) { return (bytes + 64) / 64 * 64; }

// Below these a thread's wake-up, or a step's barriers, cost more than a second thread gains.
constexpr double kSoloProgramNs = 2e3;
constexpr double kSoloEagerNs = 40e3;

class CpuBackend : public Backend {
 public:
  CpuBackend() : kernels_(active_kernels()) {}

  std::string name() const override { return "cpu"; }

  Block allocate(size_t bytes) override {
    std::shared_ptr<void> owner = allocate_zeroed(bytes);
    void* data = owner.get();
    return {data, bytes, std::move(owner)};
  }
  Block adopt(const void* host, size_t bytes, std::shared_ptr<void> keep) override {
    return {const_cast<void*>(host), bytes, std::move(keep)};
  }
  void upload(void* to, const void* host, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, host, bytes);
  }
  void download(void* host, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(host, from, bytes);
  }
  void run(const Instr& instr) override {
    CpuCode code({instr}, 1, kernels_, kSoloEagerNs, kSoloEagerNs);
    StepState state;
    code.submit(state, 1);
  }
  std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t capacity) override {
    return std::make_unique<CpuCode>(std::move(program), capacity, kernels_, kSoloProgramNs);
  }
  void submit(Code& program, StepState& state, int64_t steps) override {
    static_cast<CpuCode&>(program).submit(state, steps);
  }

 private:
  const Kernels& kernels_;
};

}  // namespace

std::shared_ptr<void> allocate_zeroed(size_t bytes) {
#if defined(__linux__)
  if (bytes >= 2 * kHugePage) {
    if (bytes > SIZE_MAX - kHugePage) throw std::bad_alloc();
    return map_large(bytes);
  }
#endif
  std::shared_ptr<void> block = allocate_unset(bytes);
  std::memset(block.get(), 0, padded(bytes));
  return block;
}

std::shared_ptr<void> allocate_unset(size_t bytes) {
  if (bytes > SIZE_MAX - 64) throw std::bad_alloc();
  void* data = std::aligned_alloc(64, padded(bytes));
  if (data == nullptr) throw std::bad_alloc();
  return {data, std::free};
}

std::shared_ptr<Backend> make_cpu_backend() { return std::make_shared<CpuBackend>(); }

}  // namespace feedfwd
