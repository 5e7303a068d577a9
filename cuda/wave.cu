// Products and sums that have nothing to do with one another, in one kernel: each of them alone is
// too small to fill the GPU, as the gradients of a small network's weights are.
#include "cuda/call.h"
#include "cuda/gemm_table.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = Small::threads;
constexpr unsigned kJoinBlocks = 16;
constexpr int64_t kMostBlocks = 1 << 20;

template <class... S>
constexpr size_t most_shared() {
  size_t most = 0;
  for (const size_t bytes : {S::shared_bytes...}) most = bytes > most ? bytes : most;
  return most;
}
template <class T>
constexpr size_t kShared = most_shared<Tile<T, Small, false, false>, Tile<T, Small, false, true>,
                                       Tile<T, Small, true, false>, Tile<T, Small, true, true>>();

FF_DEV const Share& share_of_block(const Share* shares, int count) {
  int n = 0;
  while (n + 1 < count && shares[n + 1].first_block <= blockIdx.x) ++n;
  return shares[n];
}

template <class T>
FF_DEV T* partial_of(const Share& share, char* scratch) {
  return share.scratch < 0 ? nullptr : reinterpret_cast<T*>(scratch + share.scratch);
}

template <class T>
FF_DEV void product_part(const BoundOp* ops, const Share& share, T* partial,
                         const StepState& state) {
  const int64_t block = blockIdx.x - share.first_block;
  const int64_t tile = block % share.tiles, chunk = block / share.tiles;
  const int quick = share.followers;
  if (ops->i[0] != 0) {
    if (ops->i[1] != 0)
      return make_part<T, Small, true, true>(ops, quick, partial, state, tile, chunk);
    return make_part<T, Small, true, false>(ops, quick, partial, state, tile, chunk);
  }
  if (ops->i[1] != 0)
    return make_part<T, Small, false, true>(ops, quick, partial, state, tile, chunk);
  make_part<T, Small, false, false>(ops, quick, partial, state, tile, chunk);
}

// The sum of the numbers of one row; a full sum is then that of the column it makes.
template <class T>
FF_DEV void sum_line(const BoundOp& op, const StepState& state) {
  const int64_t cols = cols_of(op.in[0], state);
  const T* x = at<const T>(op.in[0], 0, 0);
  for_rows({0, 1, threadIdx.x, blockDim.x}, [&](const HalfWarp& half, int64_t, bool exists) {
    const T sum = half.sum<T>(cols, [=](T acc, int64_t c) { return acc + x[c]; });
    if (exists && half.lane == 0)
      *at<T>(op.out[0], 0, 0) = math::keep(op.i[2] == 2 ? T(0) + sum : sum);
  });
}

template <class T>
FF_KERNEL __launch_bounds__(kBlock, Small::resident)
    wave_kernel(const BoundOp* ops, const Share* shares, int count, char* scratch,
                const StepState* state) {
  if (is_over(*state)) return;
  const Share& share = share_of_block(shares, count);
  const BoundOp* const mine = ops + share.op;
  T* const partial = partial_of<T>(share, scratch);
  if (mine->op == Op::Matmul) return product_part<T>(mine, share, partial, *state);
  if (mine->i[2] != 1) return sum_line<T>(*mine, *state);
  const int64_t thread = (blockIdx.x - share.first_block) * int64_t{blockDim.x} + threadIdx.x;
  sum_chunks<T>({mine->in[0], mine->out[0], false}, partial, *state, thread,
                share.tiles * int64_t{blockDim.x});
}

// Adds the chunks: a row of blocks for each share.
template <class T>
FF_KERNEL wave_join_kernel(const BoundOp* ops, const Share* shares, char* scratch,
                           const StepState* state) {
  if (is_over(*state)) return;
  const Share& share = shares[blockIdx.y];
  const BoundOp* const mine = ops + share.op;
  const T* const partial = partial_of<T>(share, scratch);
  if (partial == nullptr) return;
  if (mine->op == Op::Matmul)
    return join_product(mine, share.followers, partial, *state, grid_thread(), grid_threads());
  join_chunks<T>({mine->in[0], mine->out[0], false}, partial, *state, grid_thread(),
                 grid_threads());
}

template <class T>
void launch_as(const Call& call) {
  const Share& last = call.shares[call.share_count - 1];
  bool joins = false;
  for (int n = 0; n < call.share_count; ++n) joins = joins || call.shares[n].scratch >= 0;
  launch(wave_kernel<T>, last.first_block + last.blocks, kBlock, kShared<T>, call.stream,
         call.device, call.device_shares, call.share_count, call.scratch, call.state);
  if (!joins) return;
  launch(wave_join_kernel<T>, dim3(kJoinBlocks, static_cast<unsigned>(call.share_count)), kBlock, 0,
         call.stream, call.device, call.device_shares, call.scratch, call.state);
}

}  // namespace

bool find_share(const BoundOp* ops, int count, int64_t capacity, const Machine& machine,
                Share& share) {
  const BoundOp& op = *ops;
  const BoundRef& in = op.in[0];
  const DType type = op.out[0].dtype;
  if ((op.op != Op::Matmul && op.op != Op::Sum) || (type != DType::f32 && type != DType::f64))
    return false;
  int64_t chunks = 1, each = 0;  // elements of a chunk
  if (op.op == Op::Matmul) {
    const SmallProduct product = as_small_product(op, capacity, machine);
    if (!product.is_small) return false;
    share.tiles = product.tiles;
    chunks = product.chunks;
    each = checked_mul(most_rows(op.out[0], capacity), most_cols(op.out[0], capacity));
    share.followers = quick_followers(ops, count);
  } else if (op.i[2] == 1) {
    each = most_cols(in, capacity);
    const int64_t rows = most_rows(in, capacity);
    chunks = rows > 0 ? (rows + kRowChunk - 1) / kRowChunk : 1;
    share.tiles = (checked_mul(each, chunks) + kBlock - 1) / kBlock;
    share.followers = 0;
  } else if (!in.rows_batch && in.rows_n == 1) {
    share.tiles = 1;
    share.followers = 0;
  } else {
    return false;
  }
  const int64_t blocks = share.tiles * (op.op == Op::Matmul ? chunks : 1);
  if (blocks < 1 || blocks > kMostBlocks) return false;
  share.blocks = static_cast<unsigned>(blocks);
  share.scratch_bytes =
      chunks > 1 ? checked_mul(checked_mul(each, chunks), static_cast<int64_t>(size_of(type))) : 0;
  return true;
}

void launch_wave(const Call& call) {
  if (call.host->out[0].dtype == DType::f64) return launch_as<double>(call);
  launch_as<float>(call);
}

}  // namespace feedfwd::gpu
