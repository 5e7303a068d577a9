#include "core/program.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/stream.h"

namespace feedfwd {
namespace {

constexpr int64_t kGuardBytes = 64;
constexpr unsigned char kGuardPattern = 0xA5;

std::string times(int64_t rows, int64_t cols, DType dtype) {
  return std::to_string(rows) + " rows of " + std::to_string(cols) + " " + name_of(dtype);
}

}  // namespace

Program::Program(const Graph& graph, Plan plan, std::shared_ptr<Backend> backend, Bindings bindings)
    : plan_(std::move(plan)), backend_(std::move(backend)), bindings_(std::move(bindings)) {
  allocate();
  load_constants(graph);
  code_ = compiled();
  bound_ = plan_.input_types.empty();
}

Program::~Program() = default;

void Program::allocate() {
  work_ = backend_->allocate(std::max<int64_t>(plan_.work_bytes, 1));
  for (const ValueType& type : plan_.outputs) {
    int64_t bytes = checked_mul(type.shape.count(), size_of(type.dtype));
    if (type.shape.batch) bytes = checked_mul(bytes, plan_.capacity);
    outputs_.push_back(backend_->allocate(std::max<int64_t>(bytes, 1)));
  }
  int64_t bytes = 0;
  for (const GradientSlot& slot : plan_.gradients) {
    if (slot.variable >= static_cast<int>(gradient_offsets_.size()))
      gradient_offsets_.resize(slot.variable + 1, 0);
    gradient_offsets_[slot.variable] = bytes;
    bytes =
        checked_add(bytes, round_up(checked_mul(slot.layout.elements(), size_of(slot.dtype)), 64));
  }
  for (int k = 0; k < plan_.gradient_arenas; ++k)
    gradients_.push_back(backend_->allocate(std::max<int64_t>(bytes, 1)));
  const std::vector<unsigned char> pattern(kGuardBytes, kGuardPattern);
  for (const Guard& guard : plan_.guards) {
    backend_->upload(static_cast<char*>(work_.data) + guard.offset, pattern.data(), kGuardBytes);
  }
}

void Program::load_constants(const Graph& graph) {
  constants_.resize(graph.constants().size());
  for (const PlanInstr& instr : plan_.instrs) {
    for (const Operand& x : instr.in) {
      if (x.space != Space::constant || constants_[x.index].data != nullptr) continue;
      const std::vector<std::byte>& bytes = *graph.constants()[x.index].bytes;
      constants_[x.index] = backend_->allocate(std::max<size_t>(bytes.size(), 1));
      backend_->upload(constants_[x.index].data, bytes.data(), bytes.size());
    }
  }
}

char* Program::base_of(const Operand& x) const {
  const auto start = [](const Block& block) { return static_cast<char*>(block.data); };
  switch (x.space) {
    case Space::work:
      return start(work_);
    case Space::variable:
      return bindings_.variables.at(x.index).data();
    case Space::gradient:
      return start(gradients_.at(x.slot)) + gradient_offsets_.at(x.index);
    case Space::slot:
      return bindings_.slots.at(x.index).at(x.slot).data();
    case Space::input:
      return nullptr;  // each run says where
    case Space::output:
      return start(outputs_.at(x.index));
    case Space::constant:
      return start(constants_.at(x.index));
  }
  throw std::logic_error("program: unknown space");
}

Ref Program::resolve(const Operand& x) const {
  char* const base = base_of(x);
  return {base == nullptr ? nullptr : base + x.offset,
          x.rows,
          x.cols,
          x.row_stride,
          x.col_stride,
          x.dtype};
}

std::unique_ptr<Code> Program::compiled() const {
  std::vector<Instr> instrs;
  instrs.reserve(plan_.instrs.size());
  for (const PlanInstr& from : plan_.instrs) {
    Instr instr;
    instr.op = from.op;
    instr.attrs = from.attrs;
    instr.fused = from.fused;
    for (const Operand& x : from.in) instr.in.push_back(resolve(x));
    for (const Operand& x : from.out) instr.out.push_back(resolve(x));
    instrs.push_back(std::move(instr));
  }
  return backend_->compile(std::move(instrs), plan_.capacity);
}

void Program::check_sources(const std::vector<Source>& sources) const {
  if (sources.size() != plan_.input_types.size()) {
    throw std::invalid_argument("program: " + std::to_string(sources.size()) + " arrays came, " +
                                std::to_string(plan_.input_types.size()) + " expected");
  }
  for (size_t k = 0; k < sources.size(); ++k) {
    const Source& s = sources[k];
    if (s.dtype != plan_.input_types[k] || s.cols != plan_.input_cols[k] ||
        s.rows != sources[0].rows) {
      throw std::invalid_argument(
          "program: array " + std::to_string(k) + " has " + times(s.rows, s.cols, s.dtype) +
          ", expected were " + times(sources[0].rows, plan_.input_cols[k], plan_.input_types[k]));
    }
  }
}

void Program::bind(std::vector<Source> sources) {
  check_sources(sources);
  unbind();
  sources_ = std::move(sources);
  try {
    for (const Source& s : sources_) {
      const size_t bytes = static_cast<size_t>(checked_mul(s.rows, s.row_bytes()));
      adopted_.push_back(s.is_there ? s.block
                                    : backend_->adopt(s.block.data, bytes, s.block.owner));
      inputs_.push_back(adopted_.back().data);
    }
  } catch (const std::bad_alloc&) {
    adopted_.clear();
    inputs_.clear();
    stream_ = std::make_unique<Stream>(sources_, backend_);
  }
  bound_ = true;
}

void Program::unbind() {
  if (plan_.input_types.empty()) return;
  bound_ = false;
  stream_.reset();
  adopted_.clear();
  sources_.clear();
  inputs_.clear();
}

void Program::check_run(const Run& run) const {
  if (!bound_) throw std::logic_error("program: run before bind");
  if (run.batch_size < 1 || run.steps < 0 || run.first_row < 0 || run.total_rows < 0) {
    throw std::invalid_argument("program: batch size must be positive, and no count negative");
  }
  if ((run.batch_size + plan_.shards - 1) / plan_.shards > plan_.capacity) {
    throw std::invalid_argument(
        "program: batch size " + std::to_string(run.batch_size) + " came, at most " +
        std::to_string(checked_mul(plan_.capacity, plan_.shards)) + " expected");
  }
  if (run.steps > 0 &&
      checked_add(run.first_row, checked_mul(run.steps - 1, run.batch_size)) >= run.total_rows) {
    throw std::invalid_argument("program: " + std::to_string(run.steps) + " steps go beyond the " +
                                std::to_string(run.total_rows) + " rows of the epoch");
  }
  if (!run.order && !sources_.empty() && run.total_rows > sources_[0].rows) {
    throw std::invalid_argument("program: an epoch of " + std::to_string(run.total_rows) +
                                " rows came, the data has " + std::to_string(sources_[0].rows));
  }
}

void* Program::stage(Block& block, const void* host, int64_t elements) {
  const size_t bytes = checked_mul(elements, 8);
  if (block.bytes < bytes) {
    block = {};
    block = backend_->allocate(bytes);
  }
  if (host) backend_->upload(block.data, host, bytes);
  return block.data;
}

StepState Program::run(const Run& run) {
  check_run(run);
  if (!stream_) return run_whole(run, inputs_.data());
  return stream_->run(run, [this](const Run& piece, const auto& inputs) {
    return run_whole(piece, inputs.data());
  });
}

void Program::run_there(const void* const* inputs, int64_t rows) {
  Run run;
  run.total_rows = run.batch_size = rows;
  run_whole(run, inputs);
}

StepState Program::run_whole(const Run& run, const void* const* inputs) {
  StepState state;
  state.total_rows = run.total_rows;
  state.batch_size = run.batch_size;
  state.first_row = run.first_row;
  state.inputs = inputs;
  if (run.steps == 0) return state;
  state.order = run.order;
  state.scalars = run.scalars;
  const bool uploads = !backend_->reads_host_memory();
  if (uploads && run.order) {
    const bool upload =
        run.order_changed || order_.bytes < static_cast<size_t>(run.total_rows) * sizeof(int64_t);
    state.order =
        static_cast<const int64_t*>(stage(order_, upload ? run.order : nullptr, run.total_rows));
  }
  if (uploads && run.scalars) {
    state.scalars = static_cast<const double*>(
        stage(scalars_, run.scalars, checked_mul(run.steps, kStepScalars)));
  }
  state.losses = static_cast<double*>(stage(losses_, nullptr, run.steps));
  backend_->submit(*code_, state, run.steps);
  if (run.losses) backend_->download(run.losses, losses_.data, run.steps * sizeof(double));
  check_guards();
  return state;
}

void Program::check_guards() const {
  if (plan_.guards.empty()) return;
  std::vector<unsigned char> found(kGuardBytes);
  for (const Guard& guard : plan_.guards) {
    backend_->download(found.data(), static_cast<const char*>(work_.data) + guard.offset,
                       kGuardBytes);
    if (std::any_of(found.begin(), found.end(),
                    [](unsigned char c) { return c != kGuardPattern; })) {
      throw std::logic_error("program: an instruction wrote beside " + guard.slot);
    }
  }
}

int64_t Program::output_elements(int index, int64_t rows) const {
  const ValueType& type = plan_.outputs.at(index);
  if (rows < 0 || rows > plan_.capacity) {
    throw std::invalid_argument("program: " + std::to_string(rows) +
                                " rows of an output came, 0 to " + std::to_string(plan_.capacity) +
                                " expected");
  }
  return type.shape.batch ? checked_mul(type.shape.count(), rows) : type.shape.count();
}

void Program::read_output(int index, int64_t rows, void* host) const {
  const int64_t count = output_elements(index, rows);
  if (count == 0) return;
  backend_->download(host, outputs_[index].data, count * size_of(plan_.outputs[index].dtype));
}

void Program::copy_output(int index, int64_t rows, void* to) const {
  const int64_t count = output_elements(index, rows);
  if (count == 0) return;
  const DType dtype = plan_.outputs[index].dtype;
  backend_->run({Op::Copy,
                 {},
                 {{outputs_[index].data, {1}, {count}, 0, 1, dtype}},
                 {{to, {1}, {count}, 0, 1, dtype}},
                 0});
}

}  // namespace feedfwd
