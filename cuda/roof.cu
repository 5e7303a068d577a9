// What the device can do at most, measured: multiply-adds in float32, bytes copied.
#include "cuda/launch.h"
#include "cuda/roof.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256, kChains = 8;
constexpr double kLongEnough = 5e-3;  // seconds

// Chains that do not wait for one another; the sum is stored, so that nothing is left out.
FF_KERNEL multiply_add_kernel(float* out, int rounds) {
  float acc[kChains];
#pragma unroll
  for (int c = 0; c < kChains; ++c) acc[c] = static_cast<float>(threadIdx.x + c);
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kChains; ++c) acc[c] = math::fma(acc[c], 0.999f, 0.001f);
  }
  float sum = 0;
#pragma unroll
  for (int c = 0; c < kChains; ++c) sum = sum + acc[c];
  out[grid_thread()] = sum;
}

struct Sixteen {
  int64_t a, b;
};
FF_KERNEL copy_kernel(const Sixteen* from, Sixteen* to, int64_t count) {
  for (int64_t i = grid_thread(); i < count; i += grid_threads()) to[i] = from[i];
}

// Per second, the most of three; `run(n)` does n times `amount`.
template <class F>
double most(const Queue& queue, double amount, F run) {
  double best = 0;
  int64_t times = 1;
  for (int tries = 0; tries < 3;) {
    const double taken = seconds_of(queue, [&] { run(times); });
    if (taken < kLongEnough && times < (1 << 24)) {
      times *= 2;
      continue;
    }
    const double rate = amount * static_cast<double>(times) / taken;
    if (rate > best) best = rate;
    ++tries;
  }
  return best;
}

}  // namespace

double seconds_of(const Queue& queue, const std::function<void()>& work) {
  struct Event {
    cudaEvent_t event = nullptr;
    Event() { check(cudaEventCreateWithFlags(&event, cudaEventDefault), "an event"); }
    ~Event() { cudaEventDestroy(event); }
  } begun, ended;
  check(cudaEventRecord(begun.event, queue.stream), "an event");
  work();
  check(cudaEventRecord(ended.event, queue.stream), "an event");
  check(cudaEventSynchronize(ended.event), "an event");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, begun.event, ended.event), "an event");
  return 1e-3 * static_cast<double>(milliseconds);
}

Backend::Roof measured_roof(const Queue& queue) {
  const auto blocks = static_cast<unsigned>(8 * queue.machine.processors);
  const int64_t threads = int64_t{blocks} * kBlock;
  const auto out = queue.pool->take(static_cast<size_t>(threads) * sizeof(float));
  const double flops = most(queue, 2.0 * kChains * static_cast<double>(threads), [&](int64_t n) {
    launch(multiply_add_kernel, blocks, kBlock, 0, queue.stream, static_cast<float*>(out.get()),
           static_cast<int>(n));
  });
  // Many times what the caches hold, where there is room.
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking the device");
  const size_t wanted =
      size_t{queue.machine.capability >= 70 && free > (size_t{8} << 30) ? 512u : 1u} << 20;
  const auto from = queue.pool->take(wanted), to = queue.pool->take(wanted);
  const int64_t count = static_cast<int64_t>(wanted / sizeof(Sixteen));
  const double bytes = most(queue, 2.0 * static_cast<double>(wanted), [&](int64_t n) {
    for (int64_t k = 0; k < n; ++k) {
      launch(copy_kernel, blocks_for(count, kBlock), kBlock, 0, queue.stream,
             static_cast<const Sixteen*>(from.get()), static_cast<Sixteen*>(to.get()), count);
    }
  });
  return {flops, bytes};
}

}  // namespace feedfwd::gpu
