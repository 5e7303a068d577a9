#include "cuda/code.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace feedfwd::gpu {

namespace {

// Steps of the graph that is replayed while as many are left.
constexpr int kManySteps = 16;

// Where each share's chunks begin.
constexpr int64_t kAlign = 256;

// Adds the unit's ops, with the refs that they point to.
void bind(const Unit& unit, std::deque<std::vector<BoundRef>>& refs, std::vector<BoundOp>& ops) {
  for (int k = 0; k < unit.count; ++k) {
    const Instr& instr = unit.first[k];
    std::vector<BoundRef>& own = refs.emplace_back(instr.in.size() + instr.out.size());
    ops.push_back(bound(instr, own.data()));
    ops.back().fused = k == 0 ? unit.count - 1 : 0;
  }
}

// FEEDFWD_CUDA_FUSE=0: each instruction a launch of its own, to compare with. Same bits.
bool puts_together() {
  const char* const wish = std::getenv("FEEDFWD_CUDA_FUSE");
  return wish == nullptr || std::strcmp(wish, "0") != 0;
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
  const std::vector<Unit> units = units_of(program);
  const bool together = units.size() > 1 && puts_together();
  for (const Stage& stage : together ? staged(units, capacity) : as_listed(units)) add_stage(stage);
  upload_ops();
}

CudaCode::~CudaCode() {
  for (cudaGraphExec_t graph : {one_, many_, ragged_}) {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
  }
}

void CudaCode::add_stage(const Stage& stage) {
  if (stage.kind == Kind::update) return add_together(stage, launch_update);
  if (stage.units.size() == 1) return add_apart(stage.units[0]);
  if (stage.kind == Kind::numbers) return add_together(stage, launch_numbers);
  if (stage.kind == Kind::rows) return add_together(stage, launch_narrow);
  std::vector<Unit> left = add_wave(stage.units, DType::f32);
  left = add_wave(left, DType::f64);
  for (const Unit& unit : left) add_apart(unit);
}

void CudaCode::add_together(const Stage& stage, Launcher launcher) {
  const int first = static_cast<int>(ops_.size());
  for (const Unit& unit : stage.units) {
    if (find_launcher(ops_[add_ops(unit)]) == nullptr) throw_no_kernel(*unit.first);
  }
  groups_.push_back({launcher, first, static_cast<int>(ops_.size()) - first});
}

void CudaCode::add_apart(const Unit& unit) {
  const int first = add_ops(unit);
  const Launcher launcher = find_launcher(ops_[first]);
  if (launcher == nullptr) throw_no_kernel(*unit.first);
  scratch_bytes_ = std::max(scratch_bytes_, scratch_bytes(ops_[first], capacity_));
  groups_.push_back({launcher, first, unit.count});
}

// Those of the units that make `type` and have a place beside others in one launch; returns the
// rest.
std::vector<Unit> CudaCode::add_wave(const std::vector<Unit>& units, DType type) {
  std::vector<Unit> members, rest;
  std::vector<Share> shares;
  for (const Unit& unit : units) {
    std::deque<std::vector<BoundRef>> refs;
    std::vector<BoundOp> ops;
    bind(unit, refs, ops);
    Share share{};
    const bool fits = unit.first->out[0].dtype == type &&
                      find_share(ops.data(), unit.count - 1, capacity_, queue_.machine, share);
    (fits ? members : rest).push_back(unit);
    if (fits) shares.push_back(share);
  }
  if (members.size() < 2) return units;
  const int first = static_cast<int>(ops_.size());
  Group group{launch_wave, first, 0, static_cast<int>(shares_.size()),
              static_cast<int>(shares.size())};
  std::vector<Group> after;  // what a share's kernel does not make of its unit
  unsigned blocks = 0;
  int64_t scratch = 0;
  for (size_t n = 0; n < members.size(); ++n) {
    Share& share = shares[n];
    share.op = add_ops(members[n]) - first;
    share.first_block = blocks;
    share.scratch = share.scratch_bytes > 0 ? scratch : -1;
    blocks += share.blocks;
    scratch = checked_add(scratch, round_up(share.scratch_bytes, kAlign));
    const int made = 1 + share.followers;
    if (made < members[n].count)
      after.push_back({launch_elementwise, first + share.op + made, members[n].count - made});
  }
  group.count = static_cast<int>(ops_.size()) - first;
  scratch_bytes_ = std::max(scratch_bytes_, scratch);
  shares_.insert(shares_.end(), shares.begin(), shares.end());
  groups_.push_back(group);
  groups_.insert(groups_.end(), after.begin(), after.end());
  return rest;
}

int CudaCode::add_ops(const Unit& unit) {
  const size_t first = ops_.size();
  bind(unit, refs_, ops_);
  for (size_t n = first; n < ops_.size(); ++n) {
    if (n > first && !has_element(ops_[n])) throw_no_kernel(unit.first[n - first]);
    if (ops_[n].op == Op::Gather) inputs_ = std::max(inputs_, ops_[n].i[0]);
  }
  return static_cast<int>(first);
}

// The table: all ops, then all refs, with the addresses that these have on the device.
void CudaCode::upload_ops() {
  size_t operands = 0;
  for (const std::vector<BoundRef>& refs : refs_) operands += refs.size();
  const size_t ops_bytes = ops_.size() * sizeof(BoundOp);
  const size_t shares_at = round_up(ops_bytes + operands * sizeof(BoundRef), kAlign);
  table_ = queue_.pool->take(shares_at + shares_.size() * sizeof(Share) + 1);
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
  char* const shares = static_cast<char*>(table_.get()) + shares_at;
  queue_.upload(shares, shares_.data(), shares_.size() * sizeof(Share));
  device_shares_ = reinterpret_cast<const Share*>(shares);
  if (scratch_bytes_ > 0) scratch_ = queue_.pool->take(static_cast<size_t>(scratch_bytes_));
}

void CudaCode::launch_all(StepState* state, cudaStream_t stream, int64_t most_rows) const {
  const auto* const device = static_cast<const BoundOp*>(table_.get());
  for (const Group& g : groups_) {
    g.launcher({&ops_[g.first], device + g.first, g.count, state, most_rows,
                static_cast<char*>(scratch_.get()), stream, &queue_.machine,
                shares_.data() + g.first_share, device_shares_ + g.first_share, g.shares});
  }
}

void CudaCode::run_once(StepState* state) { launch_all(state, queue_.stream, capacity_); }

cudaGraphExec_t CudaCode::captured(int steps, int64_t most_rows) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamBeginCapture(lane_->stream, cudaStreamCaptureModeThreadLocal), "a capture");
  try {
    for (int n = 0; n < steps; ++n)
      launch_all(static_cast<StepState*>(state_.get()), lane_->stream, most_rows);
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

// The last batch of an epoch, with no more blocks than its rows need. Epochs of another size, of
// which a program sees few, have the graph that serves any.
cudaGraphExec_t CudaCode::graph_of_ragged(int64_t rows) {
  if (ragged_ == nullptr) {
    ragged_ = captured(1, rows);
    ragged_rows_ = rows;
  }
  if (rows == ragged_rows_) return ragged_;
  if (one_ == nullptr) one_ = captured(1, capacity_);
  return one_;
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
  const int64_t last_rows =
      state.total_rows - state.first_row - (state.index + steps) * state.batch_size;
  const bool ragged = steps > 0 && last_rows < state.batch_size && last_rows < capacity_;
  for (int64_t left = ragged ? steps - 1 : steps; left > 0;) {
    const bool many = left >= kManySteps;
    cudaGraphExec_t& graph = many ? many_ : one_;
    if (graph == nullptr) graph = captured(many ? kManySteps : 1, capacity_);
    check(cudaGraphLaunch(graph, stream), "a step");
    left -= many ? kManySteps : 1;
  }
  if (ragged) check(cudaGraphLaunch(graph_of_ragged(last_rows), stream), "a step");
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
