// The part of the CUDA runtime that cuda/ uses, on the host: for tests alone. Each CUDA thread is a
// fibre (fibre.h); a launch runs at once, block by block, on the calling thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

enum cudaError_t : int {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
};
constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2;

namespace feedfwd {
struct BoundOp;
struct StepState;
}  // namespace feedfwd

namespace shim {
struct Stream;
struct Event;
struct Graph;
struct Current {
  dim3 thread, block, block_size, grid;
};
extern Current current;

using Body = std::function<void()>;
// `look` runs before the kernel.
cudaError_t launch(Body body, Body look, dim3 grid, dim3 block, size_t shared, Stream* stream);
// What a kernel is given must lie in the device's memory.
void look_at(const feedfwd::BoundOp* op);
void look_at(const feedfwd::StepState* state);
inline void look_at(feedfwd::StepState* state) {
  look_at(static_cast<const feedfwd::StepState*>(state));
}
template <class T>
void look_at(T) {}
unsigned char* shared_memory();
void wait_for_block();
void wait_for_warp();
// The value that `lane` of this warp gave in the same shuffle.
uint64_t exchange(uint64_t mine, int lane);
int lane_id();

template <class T>
T exchange_as(T mine, int lane) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &mine, sizeof mine);
  bits = exchange(bits, lane);
  std::memcpy(&mine, &bits, sizeof mine);
  return mine;
}
}  // namespace shim

using cudaStream_t = shim::Stream*;
using cudaEvent_t = shim::Event*;
using cudaGraph_t = shim::Graph*;
using cudaGraphExec_t = shim::Graph*;

#define threadIdx (::shim::current.thread)
#define blockIdx (::shim::current.block)
#define blockDim (::shim::current.block_size)
#define gridDim (::shim::current.grid)

inline void __syncthreads() { shim::wait_for_block(); }
inline void __syncwarp() { shim::wait_for_warp(); }
template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  return shim::exchange_as(value, lane & 31);
}
template <class T>
T __shfl_down_sync(unsigned, T value, int by) {
  const int lane = shim::lane_id() + by;
  return shim::exchange_as(value, lane < 32 ? lane : shim::lane_id());
}

struct cudaDeviceProp {
  char name[256];
  int major, minor;
};
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaMalloc(void** data, size_t bytes);
cudaError_t cudaFree(void* data);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMallocHost(void** data, size_t bytes);
cudaError_t cudaFreeHost(void* data);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
template <class F>
cudaError_t cudaFuncSetAttribute(F*, cudaFuncAttribute, int) {
  return cudaSuccess;
}
