// The CPU backend: host memory, and programs on the thread team.
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
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
struct Mapping {
  void* base;
  size_t length;
};

// Mappings that were let go of, for the next of the same size: new pages cost an eager product of
// 1024^3 a twentieth of its time. No lock, so that a fork finds nothing held.
constexpr size_t kMostKept = size_t{16} << 20;
std::atomic<Mapping*> kept[4];

void unmap(Mapping* m) {
  munmap(m->base, m->length);
  delete m;
}

void keep_or_unmap(Mapping* m) {
  if (m->length <= kMostKept + kHugePage) {
    for (std::atomic<Mapping*>& slot : kept) {
      Mapping* none = nullptr;
      if (slot.compare_exchange_strong(none, m, std::memory_order_acq_rel)) return;
    }
  }
  unmap(m);
}

Mapping* take_kept(size_t length) {
  for (std::atomic<Mapping*>& slot : kept) {
    Mapping* const m = slot.exchange(nullptr, std::memory_order_acq_rel);
    if (m == nullptr) continue;
    if (m->length == length) return m;
    keep_or_unmap(m);
  }
  return nullptr;
}

void unmap_kept() {
  for (std::atomic<Mapping*>& slot : kept) {
    if (Mapping* const m = slot.exchange(nullptr, std::memory_order_acq_rel)) unmap(m);
  }
}

std::shared_ptr<void> map_large(size_t bytes, bool zeroed) {
  const size_t length = (bytes + kHugePage - 1) / kHugePage * kHugePage + kHugePage;
  Mapping* m = zeroed ? nullptr : take_kept(length);
  if (m == nullptr) {
    auto fresh = std::make_unique<Mapping>();
    const auto map = [&] {
      return mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void* base = map();
    if (base == MAP_FAILED) {
      unmap_kept();
      base = map();
    }
    if (base == MAP_FAILED) throw std::bad_alloc();
    *fresh = {base, length};
    m = fresh.release();
  }
  const auto address = reinterpret_cast<uintptr_t>(m->base);
  void* aligned = reinterpret_cast<void*>((address + kHugePage - 1) / kHugePage * kHugePage);
  madvise(aligned, bytes, MADV_HUGEPAGE);  // a wish: where it fails pages are small
  return {aligned, [m](void*) { keep_or_unmap(m); }};
}
#endif

// With at least a byte after the end, and whole cache lines.
size_t padded(size_t bytes) { return (bytes + 64) / 64 * 64; }

bool is_large(size_t bytes) {
  if (bytes > SIZE_MAX - 2 * kHugePage) throw std::bad_alloc();
  return bytes >= 2 * kHugePage;
}

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
  Block allocate_unset(size_t bytes) override {
    std::shared_ptr<void> owner = feedfwd::allocate_unset(bytes);
    void* data = owner.get();
    return {data, bytes, std::move(owner)};
  }
  Block adopt(const void* host, size_t bytes, std::shared_ptr<void> keep) override {
    return {const_cast<void*>(host), bytes, std::move(keep)};
  }
  bool reads_host_memory() const override { return true; }
  void upload(void* to, const void* host, size_t bytes) override {
    if (bytes > 0) std::memcpy(to, host, bytes);
  }
  void download(void* host, const void* from, size_t bytes) override {
    if (bytes > 0) std::memcpy(host, from, bytes);
  }
  void run(const Instr& instr) override {
    if (run_alone(instr, kernels_, kSoloEagerNs)) return;
    CpuCode code({instr}, 1, kernels_, kSoloEagerNs, kSoloEagerNs);
    StepState state;
    code.submit(state, 1);
  }
  std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t capacity) override {
    return std::make_unique<CpuProgram>(std::move(program), capacity, kernels_, kSoloProgramNs);
  }
  void submit(Code& program, StepState& state, int64_t steps) override {
    static_cast<CpuProgram&>(program).submit(state, steps);
  }

 private:
  const Kernels& kernels_;
};

}  // namespace

std::shared_ptr<void> allocate_zeroed(size_t bytes) {
#if defined(__linux__)
  if (is_large(bytes)) return map_large(bytes, true);
#endif
  std::shared_ptr<void> block = allocate_unset(bytes);
  std::memset(block.get(), 0, padded(bytes));
  return block;
}

std::shared_ptr<void> allocate_unset(size_t bytes) {
#if defined(__linux__)
  if (is_large(bytes)) return map_large(bytes, false);
#endif
  if (bytes > SIZE_MAX - 192) throw std::bad_alloc();
  // One allocation for the block and its count of owners.
  const auto room = std::make_shared_for_overwrite<std::byte[]>(padded(bytes) + 63);
  const auto address = reinterpret_cast<uintptr_t>(room.get());
  return {room, room.get() + (64 - address % 64) % 64};
}

std::shared_ptr<Backend> make_cpu_backend() { return std::make_shared<CpuBackend>(); }

}  // namespace feedfwd
