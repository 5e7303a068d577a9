// Products: the choice of a kernel, and those with few columns in lane order.
#include "cuda/gemm_table.h"
#include "cuda/half_warps.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 128;
constexpr int64_t kMostPartialBytes = int64_t{256} << 20;
constexpr int64_t kMostChunks = 65535;  // a grid has no more in y

template <class T>
FF_KERNEL join_kernel(const BoundOp* ops, int count, const T* partial, const StepState* state) {
  if (is_over(*state)) return;
  join_product(ops, count, partial, *state, grid_thread(), grid_threads());
}

template <class T>
FF_KERNEL lanes_kernel(const BoundOp* ops, int followers, const StepState* state) {
  if (is_over(*state)) return;
  lanes_rows<T>(ops, followers, *state, of_grid(rows_of(ops[0].out[0], *state)));
}

void launch_rest(const Call& call, int quick) {
  if (quick + 1 >= call.count) return;
  Call rest = call;
  rest.host += quick + 1;
  rest.device += quick + 1;
  rest.count -= quick + 1;
  launch_elementwise(rest);
}

struct Extents {
  int64_t m, n, k;
  Extents(const BoundOp& op, int64_t capacity)
      : m(most_rows(op.out[0], capacity)),
        n(most_cols(op.out[0], capacity)),
        k(op.i[0] != 0 ? most_rows(op.in[0], capacity) : most_cols(op.in[0], capacity)) {}
  int64_t chunks() const { return k > kChunk ? (k + kChunk - 1) / kChunk : 1; }
};

template <class T>
struct TableOf;
template <>
struct TableOf<float> {
  static const auto& get() { return kTiles32.tiles; }
  static const auto& least(const Machine& m) { return m.least_tiles32; }
};
template <>
struct TableOf<double> {
  static const auto& get() { return kTiles64.tiles; }
  static const auto& least(const Machine& m) { return m.least_tiles64; }
};

template <class T>
int64_t tiles_of(const TileChoice<T>& choice, const Extents& e) {
  return ((e.m + choice.rows - 1) / choice.rows) * ((e.n + choice.cols - 1) / choice.cols);
}

// Chunks side by side, where the tiles alone leave processors idle.
template <class T>
bool is_split(const Extents& e, int64_t tiles, int processors) {
  const int64_t bytes = e.m * e.n * e.chunks() * static_cast<int64_t>(sizeof(T));
  return e.chunks() > 1 && e.chunks() <= kMostChunks && tiles < 2 * processors &&
         bytes <= kMostPartialBytes;
}

template <class T>
const TileChoice<T>& choose(const Extents& e, const Machine& machine) {
  const auto& table = TableOf<T>::get();
  const auto& least = TableOf<T>::least(machine);
  const int processors = machine.processors;
  for (size_t n = 0; n + 1 < std::size(table); ++n) {
    // A smaller tile has as much of it.
    if (e.m <= table[n].rows / 2 && e.n <= table[n].cols / 2) continue;
    const int64_t tiles = tiles_of(table[n], e);
    const int64_t blocks = tiles * (is_split<T>(e, tiles, processors) ? e.chunks() : 1);
    if (static_cast<double>(blocks) >= least[n] * processors) return table[n];
  }
  return *(std::end(table) - 1);
}

template <class T>
SmallProduct small_product(const Extents& e, const Machine& machine) {
  const auto& last = *(std::end(TableOf<T>::get()) - 1);
  if (e.m == 0 || e.n == 0 || &choose<T>(e, machine) != &last) return {false, 0, 0};
  const int64_t tiles = tiles_of(last, e);
  return {true, tiles, is_split<T>(e, tiles, machine.processors) ? e.chunks() : 1};
}

template <class T>
void launch_tiles(const Call& call) {
  const BoundOp& op = *call.host;
  const Extents e(op, call.capacity);
  if (e.m == 0 || e.n == 0) return;
  const int processors = call.machine->processors;
  const TileChoice<T>& choice = choose<T>(e, *call.machine);
  const int64_t tiles = tiles_of(choice, e);
  const bool split = is_split<T>(e, tiles, processors);
  const int quick = quick_followers(call.host, call.count - 1);
  const int a = op.i[0] != 0, b = op.i[1] != 0;
  T* const partial = split ? reinterpret_cast<T*>(call.scratch) : nullptr;
  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(split ? e.chunks() : 1));
  launch(choice.kernel[a][b], grid, choice.threads, choice.shared[a][b], call.stream, call.device,
         quick, partial, call.state);
  if (split) {
    launch(join_kernel<T>, blocks_for(e.m * e.n, kBlock), kBlock, 0, call.stream, call.device,
           quick, partial, call.state);
  }
  launch_rest(call, quick);
}

template <class T>
void launch_lanes(const Call& call) {
  const Extents e(*call.host, call.capacity);
  if (e.m == 0 || e.n == 0) return;
  const int quick = quick_followers(call.host, call.count - 1);
  launch(lanes_kernel<T>, blocks_for(e.m * kLanes, kRowThreads), kRowThreads, 0, call.stream,
         call.device, quick, call.state);
  launch_rest(call, quick);
}

}  // namespace

Launcher find_matmul(const BoundOp& op) {
  const bool single = op.out[0].dtype == DType::f32;
  if (!single && op.out[0].dtype != DType::f64) return nullptr;
  if (op.i[2] != 0) return single ? launch_lanes<float> : launch_lanes<double>;
  return single ? launch_tiles<float> : launch_tiles<double>;
}

SmallProduct as_small_product(const BoundOp& op, int64_t capacity, const Machine& machine) {
  const Extents e(op, capacity);
  if (op.i[2] != 0) return {false, 0, 0};
  return op.out[0].dtype == DType::f64 ? small_product<double>(e, machine)
                                       : small_product<float>(e, machine);
}

// Enough for any number of processors.
int64_t matmul_scratch(const BoundOp& op, int64_t capacity) {
  const Extents e(op, capacity);
  if (op.i[2] != 0 || e.chunks() == 1) return 0;
  const int64_t bytes = checked_mul(checked_mul(e.m, e.n), checked_mul(e.chunks(), 8));
  return bytes <= 2 * kMostPartialBytes ? bytes : 0;
}

}  // namespace feedfwd::gpu
