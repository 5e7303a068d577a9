// The host shim's device: blocks run one after another, their threads as fibres.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/bound.h"
#include "core/float_state.h"
#include "cuda_runtime.h"
#include "fibre.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define SHIM_POISON(data, bytes) __asan_poison_memory_region(data, bytes)
#define SHIM_UNPOISON(data, bytes) __asan_unpoison_memory_region(data, bytes)
#else
#define SHIM_POISON(data, bytes)
#define SHIM_UNPOISON(data, bytes)
#endif

namespace shim {

Current current;

struct Node {
  Body body, look;
  dim3 grid, block;
  size_t shared = 0;
  bool kernel = false;
};
struct Graph {
  std::vector<Node> nodes;
};
struct Stream {
  std::unique_ptr<Graph> capture;
};
struct Event {
  std::chrono::steady_clock::time_point reached;
};

namespace {

constexpr unsigned kWarp = 32, kMostThreads = 1024;
constexpr size_t kSharedBytes = size_t{227} << 10;

cudaError_t last_error = cudaSuccess;

cudaError_t fail(cudaError_t error, const char* why) {
  std::fprintf(stderr, "cuda shim: %s\n", why);
  return last_error = error;
}

// Shared memory ends at a page that nobody may touch.
class Shared {
 public:
  Shared() {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t size = (kSharedBytes + page - 1) / page * page;
    char* at = static_cast<char*>(
        mmap(nullptr, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (at == MAP_FAILED) std::abort();
    mprotect(at + size, page, PROT_NONE);
    end_ = reinterpret_cast<unsigned char*>(at + size);
  }
  // All bytes set: every float in it is a NaN.
  void begin(size_t bytes) {
    data = end_ - (bytes + 15) / 16 * 16;
    std::memset(data, 0xff, bytes);
  }
  unsigned char* data = nullptr;

 private:
  unsigned char* end_;
};

// The device's memory: apart from the host's, which cannot reach it but by copies. Between kernels
// it is closed, so that a host that reads or writes there stops at once.
class Memory {
 public:
  Memory() {
    void* at = mmap(nullptr, kSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) std::abort();
    base_ = static_cast<char*>(at);
    madvise(at, kSpace, MADV_HUGEPAGE);  // few pages to open and close
    // FEEDFWD_SHIM_MEMORY: bytes that the device has.
    const char* limit = std::getenv("FEEDFWD_SHIM_MEMORY");
    if (limit) limit_ = std::stoull(limit);
  }
  cudaError_t allocate(void** data, size_t bytes) {
    const std::lock_guard lock(mutex_);
    const size_t size = (bytes + kLine) / kLine * kLine + kGap;
    if (bytes > limit_ - used_) return last_error = cudaErrorMemoryAllocation;
    const auto found = free_.find(size);
    if (found == free_.end()) {
      if (size > kSpace - end_) return last_error = cudaErrorMemoryAllocation;
      *data = base_ + end_;
      end_ += size;
    } else {
      *data = found->second;
      free_.erase(found);
    }
    const Open open(*this);
    SHIM_UNPOISON(*data, bytes);
    std::memset(*data, 0xff, bytes);  // what a device holds is anything
    SHIM_POISON(static_cast<char*>(*data) + bytes, size - bytes);
    blocks_[*data] = bytes;
    used_ += bytes;
    return cudaSuccess;
  }
  cudaError_t release(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(data);
    if (found == blocks_.end()) return fail(cudaErrorInvalidValue, "no device memory is freed");
    SHIM_POISON(data, found->second);
    free_.emplace((found->second + kLine) / kLine * kLine + kGap, data);
    used_ -= found->second;
    blocks_.erase(found);
    return cudaSuccess;
  }
  bool holds(const void* data) const {
    const char* at = static_cast<const char*>(data);
    return at >= base_ && at < base_ + kSpace;
  }
  size_t used() const { return used_; }
  size_t limit() const { return limit_; }

  // While one of these is there, the memory can be reached.
  class Open {
   public:
    explicit Open(Memory& memory) : memory_(memory) {
      const std::lock_guard lock(memory_.open_mutex_);
      if (memory_.open_++ == 0) memory_.protect(PROT_READ | PROT_WRITE);
    }
    ~Open() {
      const std::lock_guard lock(memory_.open_mutex_);
      if (--memory_.open_ == 0) memory_.protect(PROT_NONE);
    }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    Memory& memory_;
  };

 private:
  static constexpr size_t kSpace = size_t{64} << 30, kLine = 256, kGap = 256;

  void protect(int how) {
    if (mprotect(base_, kSpace, how) != 0) std::abort();
  }

  char* base_;
  size_t end_ = 0, used_ = 0, limit_ = size_t{8} << 30;
  std::mutex mutex_, open_mutex_;
  int open_ = 0;
  std::unordered_map<void*, size_t> blocks_;
  std::multimap<size_t, void*> free_;
};
Memory& memory() {
  static auto* one = new Memory;
  return *one;
}

void check_device_address(const void* data) {
  if (data == nullptr || memory().holds(data)) return;
  std::fprintf(stderr, "cuda shim: a kernel is given an address of the host\n");
  std::abort();
}

enum class Wait { none, block, warp, ended };

struct Thread {
  Fibre* fibre = nullptr;
  Wait wait = Wait::none;
  unsigned shuffles = 0;
};

// FEEDFWD_SHIM_ORDER: forward, reverse or random:SEED.
class Order {
 public:
  Order() {
    const char* text = std::getenv("FEEDFWD_SHIM_ORDER");
    const std::string order = text ? text : "forward";
    reverse_ = order == "reverse";
    random_ = order.rfind("random", 0) == 0;
    if (random_ && order.size() > 7) generator_.seed(std::stoul(order.substr(7)));
  }
  void arrange(std::vector<unsigned>& threads) {
    if (reverse_) std::reverse(threads.begin(), threads.end());
    if (random_) std::shuffle(threads.begin(), threads.end(), generator_);
  }

 private:
  bool reverse_ = false, random_ = false;
  std::mt19937 generator_;
};

class Device {
 public:
  cudaError_t run(const Node& node) {
    const std::lock_guard lock(mutex_);
    const Memory::Open open(memory());
    const feedfwd::FloatState nearest;
    if (node.look) node.look();
    const unsigned count = node.block.x * node.block.y * node.block.z;
    if (count == 0 || count > kMostThreads || node.grid.x == 0 || node.grid.y > 65535 ||
        node.grid.z > 65535 || node.shared > kSharedBytes)
      return fail(cudaErrorInvalidValue, "a launch of an impossible size");
    body_ = &node.body;
    current.block_size = node.block;
    current.grid = node.grid;
    std::vector<unsigned> blocks(size_t{node.grid.x} * node.grid.y * node.grid.z);
    std::iota(blocks.begin(), blocks.end(), 0u);
    order_.arrange(blocks);
    for (const unsigned b : blocks) {
      current.block = {b % node.grid.x, b / node.grid.x % node.grid.y,
                       b / node.grid.x / node.grid.y};
      shared_.begin(node.shared);
      if (const cudaError_t error = run_block(count)) return error;
    }
    return cudaSuccess;
  }

  void wait(Wait what) {
    Thread& t = threads_[running_];
    t.wait = what;
    t.fibre->yield();
  }
  uint64_t exchange(uint64_t mine, int lane) {
    const unsigned warp = running_ / kWarp;
    const unsigned turn = threads_[running_].shuffles++ & 1;
    slots_[turn][running_] = mine;
    wait(Wait::warp);
    return slots_[turn][warp * kWarp + static_cast<unsigned>(lane)];
  }
  int lane() const { return static_cast<int>(running_ % kWarp); }
  unsigned char* shared() { return shared_.data; }

 private:
  cudaError_t run_block(unsigned count) {
    threads_.assign(count, {});
    std::vector<unsigned> ready(count);
    std::iota(ready.begin(), ready.end(), 0u);
    while (!ready.empty()) {
      order_.arrange(ready);
      for (const unsigned t : ready) run_thread(t);
      ready.clear();
      if (!collect(ready)) {
        free_.clear();  // fibres that wait for ever are given up
        fibres_.clear();
        return fail(cudaErrorLaunchFailure, "threads wait for one another in different places");
      }
    }
    return cudaSuccess;
  }

  // Threads whose barrier all others have reached too.
  bool collect(std::vector<unsigned>& ready) {
    const auto count = static_cast<unsigned>(threads_.size());
    const auto all = [&](unsigned first, unsigned last, Wait what) {
      for (unsigned t = first; t < last; ++t)
        if (threads_[t].wait != what) return false;
      return true;
    };
    if (all(0, count, Wait::ended)) return true;
    if (all(0, count, Wait::block)) {
      ready.resize(count);
      std::iota(ready.begin(), ready.end(), 0u);
    } else {
      for (unsigned first = 0; first < count; first += kWarp) {
        const unsigned last = std::min(first + kWarp, count);
        if (!all(first, last, Wait::warp)) continue;
        for (unsigned t = first; t < last; ++t) ready.push_back(t);
      }
    }
    for (const unsigned t : ready) threads_[t].wait = Wait::none;
    return !ready.empty();
  }

  void run_thread(unsigned t) {
    Thread& thread = threads_[t];
    running_ = t;
    const dim3 size = current.block_size;
    current.thread = {t % size.x, t / size.x % size.y, t / size.x / size.y};
    if (thread.fibre == nullptr) {
      thread.fibre = take_fibre();
      thread.fibre->start(enter, this);
    }
    thread.fibre->resume();
    if (thread.wait == Wait::ended) {
      free_.push_back(thread.fibre);
      thread.fibre = nullptr;
    }
  }
  static void enter(void* self) {
    auto& device = *static_cast<Device*>(self);
    (*device.body_)();
    device.wait(Wait::ended);
  }

  // A thread that ended lends its stack to the next: kernels without barriers need one.
  Fibre* take_fibre() {
    if (free_.empty()) {
      fibres_.push_back(std::make_unique<Fibre>());
      return fibres_.back().get();
    }
    Fibre* fibre = free_.back();
    free_.pop_back();
    return fibre;
  }

  std::mutex mutex_;
  Order order_;
  Shared shared_;
  const Body* body_ = nullptr;
  std::vector<Thread> threads_;
  unsigned running_ = 0;
  uint64_t slots_[2][kMostThreads] = {};
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::vector<Fibre*> free_;
};

Device& device() {
  static auto* one = new Device;
  return *one;
}

std::atomic<uint64_t> launches = 0;  // kernels that ran

cudaError_t submit(Stream* stream, Node node) {
  if (stream != nullptr && stream->capture) {
    stream->capture->nodes.push_back(std::move(node));
    return cudaSuccess;
  }
  if (node.kernel) ++launches;
  if (node.kernel) return device().run(node);
  const Memory::Open open(memory());
  node.body();
  return cudaSuccess;
}

}  // namespace

cudaError_t launch(Body body, Body look, dim3 grid, dim3 block, size_t shared, Stream* stream) {
  return submit(stream, {std::move(body), std::move(look), grid, block, shared, true});
}
void look_at(const feedfwd::BoundOp* op) {
  check_device_address(op);
  check_device_address(op->in);
  check_device_address(op->out);
  for (int n = 0; n < op->inputs; ++n) check_device_address(op->in[n].data);
  for (int n = 0; n < op->outputs; ++n) check_device_address(op->out[n].data);
}
void look_at(const feedfwd::StepState* state) {
  check_device_address(state);
  check_device_address(state->inputs);
  check_device_address(state->order);
  check_device_address(state->scalars);
  check_device_address(state->losses);
}
unsigned char* shared_memory() { return device().shared(); }
void wait_for_block() { device().wait(Wait::block); }
void wait_for_warp() { device().wait(Wait::warp); }
uint64_t exchange(uint64_t mine, int lane) { return device().exchange(mine, lane); }
int lane_id() { return device().lane(); }

}  // namespace shim

extern "C" __attribute__((visibility("default"))) uint64_t feedfwd_shim_launches() {
  return shim::launches;
}

// FEEDFWD_SHIM_DRIVER: the driver's version, 0 for none. FEEDFWD_SHIM_DEVICES: how many GPUs.
static int number_from(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = number_from("FEEDFWD_SHIM_DRIVER", 13000);
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 12000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = number_from("FEEDFWD_SHIM_DEVICES", 1);
  if (number_from("FEEDFWD_SHIM_DRIVER", 13000) < 12000) return cudaErrorInsufficientDriver;
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"host shim", number_from("FEEDFWD_SHIM_CAPABILITY", 9), 0};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? 4 : static_cast<int>(shim::kSharedBytes);
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaGetLastError() { return std::exchange(shim::last_error, cudaSuccess); }
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    default:
      return "invalid argument";
  }
}

cudaError_t cudaMalloc(void** data, size_t bytes) { return shim::memory().allocate(data, bytes); }
cudaError_t cudaFree(void* data) {
  return data == nullptr ? cudaSuccess : shim::memory().release(data);
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = shim::memory().limit();
  *free = *total - shim::memory().used();
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** data, size_t bytes) {
  *data = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
  return *data ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* data) {
  std::free(data);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const bool into = kind != cudaMemcpyDeviceToHost, out_of = kind != cudaMemcpyHostToDevice;
  if (shim::memory().holds(to) != into || shim::memory().holds(from) != out_of)
    return shim::fail(cudaErrorInvalidValue, "a copy in another direction than was said");
  return shim::submit(stream, {[=] { std::memcpy(to, from, bytes); }, {}, {}, {}, 0, false});
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  return shim::submit(stream, {[=] { std::memset(to, value, bytes); }, {}, {}, {}, 0, false});
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new shim::Stream;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (stream->capture) return shim::fail(cudaErrorInvalidValue, "a wait inside a capture");
  return cudaSuccess;
}
// All that was asked for has been done, always.
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new shim::Event;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->reached = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->reached - from->reached).count();
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream->capture) return shim::fail(cudaErrorInvalidValue, "a capture inside a capture");
  stream->capture = std::make_unique<shim::Graph>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (!stream->capture) return shim::fail(cudaErrorInvalidValue, "the end of no capture");
  *graph = stream->capture.release();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new shim::Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  for (const shim::Node& node : exec->nodes)
    if (const cudaError_t error = shim::submit(stream, node)) return error;
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
