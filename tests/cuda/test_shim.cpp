// The host shim itself: what it must find, it finds.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../cpp/check.h"
#include "cuda/half_warps.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {
namespace {

// Each thread reads what its neighbour wrote, with or without the barrier that this needs.
FF_KERNEL neighbours(int* out, bool barrier) {
  int* const side = shared<int>();
  side[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (barrier) __syncthreads();
  out[threadIdx.x] = side[(threadIdx.x + 1) % blockDim.x];
}

FF_KERNEL unset(float* out) { out[threadIdx.x] = shared<float>()[threadIdx.x]; }

FF_KERNEL uneven() {
  if (threadIdx.x % 2 == 0) __syncthreads();
}

FF_KERNEL warp_sums(int* out) {
  int value = static_cast<int>(grid_thread());
  for (int by = 16; by > 0; by /= 2) value += shuffle_down(value, by);
  const int sum = shuffle(value, 0);
  out[grid_thread()] = sum;
}

FF_KERNEL count_up(int* counter) { *counter += 1; }

std::vector<int> run_neighbours(bool barrier) {
  std::vector<int> out(256, -1);
  launch(neighbours, 1, 256, 256 * sizeof(int), nullptr, out.data(), barrier);
  return out;
}

void test_barriers() {
  std::vector<int> expected(256);
  for (int k = 0; k < 256; ++k) expected[k] = (k + 1) % 256;
  CHECK(run_neighbours(true) == expected);
  CHECK(run_neighbours(false) != expected);  // whatever the order
}

void test_shared_memory_is_poisoned() {
  std::vector<float> out(32, 0.0f);
  launch(unset, 1, 32, 32 * sizeof(float), nullptr, out.data());
  bool all = true;
  for (const float x : out) all = all && std::isnan(x);
  CHECK(all);
}

void test_uneven_barrier_is_an_error() {
  bool failed = false;
  try {
    launch(uneven, 1, 64, 0, nullptr);
  } catch (const std::runtime_error&) {
    failed = true;
  }
  CHECK(failed);
  CHECK(run_neighbours(true)[0] == 1);  // and the next launch works
}

void test_shuffles() {
  std::vector<int> out(128);
  launch(warp_sums, 2, 64, 0, nullptr, out.data());
  for (int t = 0; t < 128; ++t) {
    const int first = t / 32 * 32;
    CHECK(out[t] == 32 * first + 31 * 16);
  }
}

void test_graphs() {
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  int counter = 0;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  launch(count_up, 1, 1, 0, stream, &counter);
  launch(count_up, 1, 1, 0, stream, &counter);
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
  CHECK(counter == 0);
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess);
  for (int k = 0; k < 3; ++k) CHECK(cudaGraphLaunch(exec, stream) == cudaSuccess);
  CHECK(counter == 6);
  cudaGraphDestroy(graph);
  cudaGraphExecDestroy(exec);
  cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace feedfwd::gpu

int main() {
  feedfwd::gpu::test_barriers();
  feedfwd::gpu::test_shared_memory_is_poisoned();
  feedfwd::gpu::test_uneven_barrier_is_an_error();
  feedfwd::gpu::test_shuffles();
  feedfwd::gpu::test_graphs();
  return feedfwd::test::check_summary();
}
