// The optimizers' updates: in = {gradient, factor}, out = {variable, slots ...}. One launch for as
// many variables as there are.
#include "core/math/optimizers.h"

#include "cuda/call.h"
#include "cuda/launch.h"

namespace feedfwd::gpu {

namespace {

constexpr int kBlock = 256;
constexpr int64_t kPerBlock = 4 * kBlock;  // elements

FF_DEV int64_t elements_of(const BoundOp& op) { return op.out[0].rows_n * op.out[0].cols_n; }

template <class Optimizer, class T>
FF_DEV void update_element(const BoundOp& op, const math::BeforeUpdate<T>& before, const T* k,
                           int64_t row, int64_t col) {
  T g = *at<const T>(op.in[0], row, col);
  T& w = *at<T>(op.out[0], row, col);
  T value = w, slots[math::kMaxSlots] = {};
  for (int n = 0; n < math::kMaxSlots; ++n) {
    if (n + 1 < op.outputs) slots[n] = *at<const T>(op.out[n + 1], row, col);
  }
  before(value, g);
  Optimizer::update(value, g, slots, k, static_cast<int>(op.i[0]));
  w = value;
  for (int n = 0; n < math::kMaxSlots; ++n) {
    if (n + 1 < op.outputs) *at<T>(op.out[n + 1], row, col) = slots[n];
  }
}

template <class Optimizer, class T>
FF_KERNEL update_kernel(const BoundOp* ops, const StepState* state) {
  const StepState& s = *state;
  if (s.bad_step >= 0) return;
  const BoundOp* op = ops;
  int64_t block = blockIdx.x;
  for (;; ++op) {  // the block's variable
    const int64_t blocks = (elements_of(*op) + kPerBlock - 1) / kPerBlock;
    if (block < blocks) break;
    block -= blocks;
  }
  const double* scalars = s.scalars + s.index * kStepScalars;
  T k[kStepScalars];
  for (int n = 0; n < kStepScalars; ++n) k[n] = static_cast<T>(scalars[n]);
  math::BeforeUpdate<T> before;
  before.has_factor = op->inputs > 1;
  before.has_clip = op->f[0] > 0;
  before.has_decay = op->i[1] != 0;
  before.factor = before.has_factor ? static_cast<T>(*at<const double>(op->in[1], 0, 0)) : T(1);
  before.clip = static_cast<T>(op->f[0]);
  before.decay = k[math::kDecay];
  const int64_t total = elements_of(*op), cols = op->out[0].cols_n;
  for (int n = 0; n < kPerBlock / kBlock; ++n) {
    const int64_t i = block * kPerBlock + n * kBlock + threadIdx.x;
    if (i < total) update_element<Optimizer, T>(*op, before, k, i / cols, i % cols);
  }
}

using Kernel = void (*)(const BoundOp*, const StepState*);
template <class T>
constexpr Kernel kKernels[] = {
#define FF_ENTRY(Optimizer) update_kernel<math::Optimizer, T>,
    FF_OPTIMIZERS(FF_ENTRY)
#undef FF_ENTRY
};

}  // namespace

void launch_update(const Call& call) {
  int64_t blocks = 0;
  for (int n = 0; n < call.count; ++n) {
    const BoundRef& w = call.host[n].out[0];
    blocks += (w.rows_n * w.cols_n + kPerBlock - 1) / kPerBlock;
  }
  if (blocks == 0) return;
  const FunctionId fn = call.host->fn;
  const Kernel kernel =
      call.host->out[0].dtype == DType::f32 ? kKernels<float>[fn] : kKernels<double>[fn];
  launch(kernel, static_cast<unsigned>(blocks), kBlock, 0, call.stream, call.device, call.state);
}

}  // namespace feedfwd::gpu
