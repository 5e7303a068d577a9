#include "cuda/code.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace feedfwd::gpu {

namespace {

// Steps of the graph that is replayed while as many are left.
constexpr int kManySteps = 16;

struct Range {
  const char *begin, *end;
};

// The memory an operand may touch.
Range range_of(const Ref& r, int64_t capacity) {
  const int64_t rows = r.rows.at(capacity), cols = r.cols.at(capacity);
  const char* const data = static_cast<const char*>(r.data);
  if (data == nullptr || rows == 0 || cols == 0) return {data, data};
  const int64_t last = (rows - 1) * r.row_stride + (cols - 1) * r.col_stride;
  return {data, data + (last + 1) * static_cast<int64_t>(size_of(r.dtype))};
}

bool overlap(const std::vector<Ref>& a, const std::vector<Ref>& b, int64_t capacity) {
  for (const Ref& x : a) {
    const Range p = range_of(x, capacity);
    for (const Ref& y : b) {
      const Range q = range_of(y, capacity);
      if (p.begin < q.end && q.begin < p.end) return true;
    }
  }
  return false;
}

bool conflict(const Instr& a, const Instr& b, int64_t capacity) {
  return overlap(a.out, b.out, capacity) || overlap(a.out, b.in, capacity) ||
         overlap(a.in, b.out, capacity);
}

}  // namespace

void Queue::upload(void* to, const void* host, size_t bytes) const {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, stream), "a copy to the device");
  check(cudaStreamSynchronize(stream), "a copy to the device");
}

void Queue::download(void* host, const void* from, size_t bytes) const {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream),
        "a copy from the device");
  check(cudaStreamSynchronize(stream), "a copy from the device");
}

Lane::Lane(size_t staging_bytes) {
  void* pinned = nullptr;
  check(cudaMallocHost(&pinned, staging_bytes), "an allocation");
  staging = static_cast<char*>(pinned);
  cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (error == cudaSuccess) error = cudaEventCreateWithFlags(&reached_, cudaEventDisableTiming);
  if (error == cudaSuccess) return;
  if (stream != nullptr) cudaStreamDestroy(stream);
  cudaFreeHost(staging);
  check(error, "making a stream");
}

Lane::~Lane() {
  cudaEventDestroy(reached_);
  cudaStreamDestroy(stream);
  cudaFreeHost(staging);
}

void Lane::follow(cudaStream_t other) {
  check(cudaEventRecord(reached_, other), "an event");
  check(cudaStreamWaitEvent(stream, reached_, 0), "an event");
}

CudaCode::CudaCode(std::vector<Instr> program, int64_t capacity, const Queue& queue)
    : queue_(queue), capacity_(capacity) {
  for (size_t at = 0; at < program.size();) {
    const int count = 1 + program[at].fused;
    add_group(&program[at], count);
    at += static_cast<size_t>(count);
  }
  add_pending();
  upload_ops();
}

CudaCode::~CudaCode() {
  if (one_ != nullptr) cudaGraphExecDestroy(one_);
  if (many_ != nullptr) cudaGraphExecDestroy(many_);
}

bool CudaCode::disturbs_pending(const Instr* instr, int count) const {
  for (const Instr* update : pending_) {
    for (int n = 0; n < count; ++n) {
      if (conflict(*update, instr[n], capacity_)) return true;
    }
  }
  return false;
}

// Updates wait for one another, as long as nothing comes between that minds.
void CudaCode::add_group(const Instr* instr, int count) {
  if (disturbs_pending(instr, count)) add_pending();
  std::vector<const Instr*> chain;
  const auto flush = [&] {
    if (!chain.empty()) add_ops(chain);
    chain.clear();
  };
  for (int n = 0; n < count; ++n) {
    if (instr[n].op != Op::Update) {
      chain.push_back(instr + n);
      continue;
    }
    flush();
    const bool alike = pending_.empty() || (pending_[0]->attrs.fn == instr[n].attrs.fn &&
                                            pending_[0]->out[0].dtype == instr[n].out[0].dtype);
    if (!alike || disturbs_pending(instr + n, 1)) add_pending();
    pending_.push_back(instr + n);
  }
  flush();
}

void CudaCode::add_pending() {
  if (!pending_.empty()) add_ops(pending_);
  pending_.clear();
}

void CudaCode::add_ops(const std::vector<const Instr*>& instrs) {
  const int first = static_cast<int>(ops_.size());
  for (const Instr* instr : instrs) {
    std::vector<BoundRef>& refs = refs_.emplace_back(instr->in.size() + instr->out.size());
    const BoundOp op = bound(*instr, refs.data());
    const bool follows = instr != instrs[0] && instr->op != Op::Update;
    if (follows ? !has_element(op) : find_launcher(op) == nullptr) throw_no_kernel(*instr);
    scratch_bytes_ = std::max(scratch_bytes_, scratch_bytes(op, capacity_));
    if (op.op == Op::Gather) inputs_ = std::max(inputs_, op.i[0]);
    ops_.push_back(op);
  }
  groups_.push_back({find_launcher(ops_[first]), first, static_cast<int>(instrs.size())});
}

// The table: all ops, then all refs, with the addresses that these have on the device.
void CudaCode::upload_ops() {
  size_t operands = 0;
  for (const std::vector<BoundRef>& refs : refs_) operands += refs.size();
  const size_t ops_bytes = ops_.size() * sizeof(BoundOp);
  table_ = queue_.pool->take(ops_bytes + operands * sizeof(BoundRef) + 1);
  auto* const device_refs =
      reinterpret_cast<const BoundRef*>(static_cast<char*>(table_.get()) + ops_bytes);
  std::vector<BoundOp> ops = ops_;
  std::vector<BoundRef> all;
  for (size_t n = 0; n < ops.size(); ++n) {
    ops[n].in = device_refs + all.size();
    ops[n].out = ops[n].in + ops[n].inputs;
    all.insert(all.end(), refs_[n].begin(), refs_[n].end());
  }
  queue_.upload(table_.get(), ops.data(), ops_bytes);
  queue_.upload(static_cast<char*>(table_.get()) + ops_bytes, all.data(),
                all.size() * sizeof(BoundRef));
  if (scratch_bytes_ > 0) scratch_ = queue_.pool->take(static_cast<size_t>(scratch_bytes_));
}

void CudaCode::launch_all(StepState* state, cudaStream_t stream) const {
  const auto* const device = static_cast<const BoundOp*>(table_.get());
  for (const Group& g : groups_) {
    g.launcher({&ops_[g.first], device + g.first, g.count, state, capacity_,
                static_cast<char*>(scratch_.get()), stream, &queue_.machine});
  }
}

void CudaCode::run_once(StepState* state) { launch_all(state, queue_.stream); }

cudaGraphExec_t CudaCode::captured(int steps) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamBeginCapture(lane_->stream, cudaStreamCaptureModeThreadLocal), "a capture");
  try {
    for (int n = 0; n < steps; ++n)
      launch_all(static_cast<StepState*>(state_.get()), lane_->stream);
  } catch (...) {
    if (cudaStreamEndCapture(lane_->stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    throw;
  }
  check(cudaStreamEndCapture(lane_->stream, &graph), "a capture");
  cudaGraphExec_t exec = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "a capture");
  return exec;
}

void CudaCode::set_up() {
  if (lane_) return;
  const size_t bytes = sizeof(StepState) + static_cast<size_t>(inputs_) * sizeof(void*);
  state_ = queue_.pool->take(bytes);
  lane_ = std::make_unique<Lane>(bytes);
}

// After a loss that was not finite the rest of the run changed nothing.
void CudaCode::forget_losses_from(const StepState& made, double* losses, int64_t end) {
  const int64_t first = made.index + 1;
  if (losses == nullptr || first >= end) return;
  const std::vector<double> none(static_cast<size_t>(end - first),
                                 std::numeric_limits<double>::quiet_NaN());
  queue_.upload(losses + first, none.data(), none.size() * sizeof(double));
}

void CudaCode::submit(StepState& state, int64_t steps) {
  set_up();
  const int64_t end = state.index + 1 + steps;
  if (state.bad_step >= 0) steps = 0;
  const cudaStream_t stream = lane_->stream;
  const size_t inputs_bytes = static_cast<size_t>(inputs_) * sizeof(void*);
  char* const device = static_cast<char*>(state_.get());
  StepState there = state;
  there.inputs = reinterpret_cast<const void* const*>(device + sizeof there);
  if (there.losses == nullptr) {
    const size_t bytes = static_cast<size_t>(end) * sizeof(double);
    if (losses_bytes_ < bytes) losses_ = queue_.pool->take(bytes);
    losses_bytes_ = std::max(losses_bytes_, bytes);
    there.losses = static_cast<double*>(losses_.get());
  }
  std::memcpy(lane_->staging, &there, sizeof there);
  if (inputs_ > 0) std::memcpy(lane_->staging + sizeof there, state.inputs, inputs_bytes);
  lane_->follow(queue_.stream);
  check(cudaMemcpyAsync(device, lane_->staging, sizeof there + inputs_bytes, cudaMemcpyHostToDevice,
                        stream),
        "a copy to the device");
  for (int64_t left = steps; left > 0;) {
    const bool many = left >= kManySteps;
    cudaGraphExec_t& graph = many ? many_ : one_;
    if (graph == nullptr) graph = captured(many ? kManySteps : 1);
    check(cudaGraphLaunch(graph, stream), "a step");
    left -= many ? kManySteps : 1;
  }
  check(cudaMemcpyAsync(lane_->staging, device, sizeof there, cudaMemcpyDeviceToHost, stream),
        "a copy from the device");
  check(cudaStreamSynchronize(stream), "a step");
  StepState made;
  std::memcpy(&made, lane_->staging, sizeof made);
  made.inputs = state.inputs;
  made.losses = state.losses;
  if (made.bad_step >= 0) made.index = made.bad_step;
  forget_losses_from(made, state.losses, end);
  state = made;
}

}  // namespace feedfwd::gpu
