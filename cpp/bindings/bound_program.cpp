#include "bound_program.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "arrays.h"
#include "core/host.h"

namespace feedfwd::bindings {
namespace {

using Clock = std::chrono::steady_clock;

// Multiplications that any machine does in a small part of a second.
constexpr int64_t kShortBlock = 1'000'000'000;
// So few that letting the interpreter go, and coming back to it, would count.
constexpr int64_t kBriefBlock = 200'000;
constexpr std::chrono::duration<double> kLook(0.05), kLongBlock(0.2);

thread_local int predicting = 0;  // calls of predict this thread is in: a signal handler's nest
struct Predicting {
  Predicting() { ++predicting; }
  ~Predicting() { --predicting; }
};

py::array new_output(const ValueType& type, int64_t rows) {
  std::vector<py::ssize_t> shape;
  for (int i = 0; i < type.shape.rank; ++i) shape.push_back(type.shape.extent(i).at(rows));
  return py::array(numpy_dtype(type.dtype), shape);
}

}  // namespace

BoundProgram::BoundProgram(const std::shared_ptr<TraceImpl>& trace, PlanRequest request,
                           const std::string& device, std::shared_ptr<Optimizer> optimizer)
    : trace_(trace),
      optimizer_(std::move(optimizer)),
      backend_(get_backend(device)),
      request_(std::move(request)) {
  request_.roomy_bytes = backend_->roomy_bytes();
  for (const auto& [variable, gradient] : request_.update.gradients) updated_.push_back(variable);
  for (const auto& [variable, value] : trace->graph.assigned())
    if (request_.write_back) updated_.push_back(variable);
  for (const Variable& v : trace->variables) {
    v->materialize();
    v->retype(v->type.dtype, backend_);  // metrics' and others that no model has moved
  }
  int64_t elements = 1;
  for (const Variable& v : trace->variables) {
    bindings_.variables.push_back(v->storage);
    bindings_.slots.emplace_back();
    memory_.push_back(v->storage.data());
    elements = checked_add(elements, v->layout.elements());
  }
  if (optimizer_) {
    const Hold stepping(optimizer_->guard, Access::exclusive);
    for (const auto& [variable, gradient] : request_.update.gradients)
      bindings_.slots[static_cast<size_t>(variable)] =
          optimizer_->slots_of(trace->variables[static_cast<size_t>(variable)]);
  }
  for (const ValueId v : request_.outputs) output_types_.push_back(trace->graph.type(v));
  first_block_ = std::clamp<int64_t>(kShortBlock / elements, 1, request_.capacity);
  brief_rows_ = std::min(kBriefBlock / elements, request_.capacity);
  if (request_.input_types.size() == 1 && output_types_.size() == 1) {
    input_descr_ = numpy_dtype(request_.input_types[0]);
    output_descr_ = numpy_dtype(output_types_[0].dtype);
  }
  for (const Variable& v : trace_->variables) {
    const auto same = [&](const Claim& c) { return c.guard == v->guard; };
    if (std::none_of(readers_.begin(), readers_.end(), same))
      readers_.push_back({v->guard, Access::shared});
  }
  writers_ = readers_;
  for (const int v : updated_)
    for (Claim& c : writers_)
      if (c.guard == trace_->variables[static_cast<size_t>(v)]->guard) c.access = Access::exclusive;
  lanes_.push_back(std::make_unique<Lane>());
  lanes_[0]->program = instance();
}

std::unique_ptr<Program> BoundProgram::instance() const {
  const Released free;
  return std::make_unique<Program>(trace_->graph, make_plan(trace_->graph, request_), backend_,
                                   bindings_);
}

bool BoundProgram::is_current() const {
  for (size_t i = 0; i < memory_.size(); ++i)
    if (trace_->variables[i]->storage.data() != memory_[i]) return false;
  return true;
}

std::vector<Source> BoundProgram::sources_of(const py::sequence& arrays) const {
  std::vector<Source> sources;
  int64_t rows = -1;
  for (const py::handle item : arrays) {
    const py::array a = py::cast<py::array>(item);
    if (!(a.flags() & py::array::c_style) || a.ndim() < 1)
      throw std::invalid_argument("bind: expected C-contiguous arrays of at least one axis");
    Source s;
    s.dtype = data_dtype(a.dtype());
    s.rows = a.shape(0);
    s.cols = 1;
    for (int i = 1; i < a.ndim(); ++i) s.cols = checked_mul(s.cols, a.shape(i));
    if (rows >= 0 && rows != s.rows)
      throw std::invalid_argument("bind: the arrays have different numbers of rows");
    rows = s.rows;
    s.block = {const_cast<void*>(a.data()), static_cast<size_t>(a.nbytes()), keep(a)};
    sources.push_back(std::move(s));
  }
  return sources;
}

void BoundProgram::bind(const py::sequence& arrays) {
  std::vector<Source> sources = sources_of(arrays);
  const Hold mine(lanes_[0]->guard, Access::exclusive);
  const Released free;
  lanes_[0]->program->bind(std::move(sources));
}

void BoundProgram::check_run(const Program::Run& r, const Order& order) const {
  if (!is_current())
    throw std::invalid_argument("run: the variables have moved; make the program anew");
  if (r.steps < 0 || r.batch_size < 1 || r.total_rows < 0 || r.first_row < 0)
    throw std::invalid_argument("run: negative sizes");
  const int64_t most = checked_mul(request_.capacity, request_.shards);
  if (r.steps > 0 && r.batch_size > most)
    throw std::invalid_argument("run: the batch is larger than the program's capacity");
  if (r.steps > 0 &&
      checked_add(r.first_row, checked_mul(r.steps - 1, r.batch_size)) >= r.total_rows)
    throw std::invalid_argument("run: steps beyond the last row");
  if (order && order->size() < r.total_rows)
    throw std::invalid_argument("run: order is shorter than the rows");
}

std::vector<double> BoundProgram::scalars_of(const py::object& rates, int64_t steps,
                                             double decay) const {
  if (!optimizer_) return {};
  if (PyFloat_CheckExact(rates.ptr()))
    return optimizer_->scalars(
        std::vector<double>(static_cast<size_t>(steps), PyFloat_AS_DOUBLE(rates.ptr())), decay);
  const Rates each = rates.is_none() ? Rates() : rates.cast<Rates>();
  if (each.size() != steps) throw std::invalid_argument("run: expected a learning rate per step");
  return optimizer_->scalars({each.data(), each.data() + steps}, decay);
}

py::tuple BoundProgram::run(int64_t total_rows, int64_t batch_size, int64_t first_row,
                            int64_t steps, const Order& order, bool order_changed,
                            const py::object& rates, double weight_decay, Cursor* cursor) {
  Program::Run r;
  r.total_rows = total_rows;
  r.batch_size = batch_size;
  r.first_row = first_row;
  r.steps = steps;
  r.order = order ? order->data() : nullptr;
  r.order_changed = order_changed;
  if (steps < 0) throw std::invalid_argument("run: negative sizes");
  py::array_t<double> losses(steps);
  r.losses = losses.mutable_data();
  const Hold stepping = optimizer_ ? Hold(optimizer_->guard, Access::exclusive) : Hold();
  const Hold mine(lanes_[0]->guard, Access::exclusive);
  const Hold writing(writers_);
  check_run(r, order);
  const std::vector<double> scalars = scalars_of(rates, steps, weight_decay);
  r.scalars = scalars.empty() ? nullptr : scalars.data();
  for (int v : updated_) trace_->variables[static_cast<size_t>(v)]->detach_reader();
  StepState state;
  {
    const Released free;
    state = lanes_[0]->program->run(r);
  }
  const int64_t good = state.bad_step >= 0 ? state.bad_step : steps;
  if (optimizer_) optimizer_->iterations += good;
  for (int64_t i = 0; cursor && i < good; ++i)
    cursor->count(r.losses[i], std::min(batch_size, total_rows - (first_row + i * batch_size)));
  return py::make_tuple(losses, state.bad_step);
}

// A free lane, one made anew while there are fewer than CPUs, or the one whose turn it is.
std::pair<Hold, BoundProgram::Lane*> BoundProgram::lane() {
  for (const auto& l : lanes_)
    if (Hold held = Hold::try_exclusive(l->guard); !held.is_empty())
      return {std::move(held), l.get()};
  const size_t most = std::max(1u, std::thread::hardware_concurrency());
  // Within a signal handler the lane waited for could be this thread's own.
  if (lanes_.size() < most || predicting > 1) {
    lanes_.push_back(std::make_unique<Lane>());
    Lane* fresh = lanes_.back().get();
    return {Hold(fresh->guard, Access::exclusive), fresh};
  }
  Lane* next = lanes_[turn_++ % lanes_.size()].get();
  return {Hold(next->guard, Access::exclusive), next};
}

py::object BoundProgram::predict(const py::sequence& arrays) {
  std::vector<Source> sources = sources_of(arrays);
  const int64_t rows = sources.empty() ? 0 : sources[0].rows;
  py::list results;
  Outputs outputs;
  for (const ValueType& type : output_types_) {
    py::array out = new_output(type, rows);
    outputs.to.push_back(static_cast<char*>(out.mutable_data()));
    outputs.row_bytes.push_back(rows == 0 ? 0 : static_cast<int64_t>(out.nbytes()) / rows);
    results.append(out);
  }
  return compute(std::move(sources), outputs, std::move(results));
}

py::object BoundProgram::predict_there(const std::vector<Tensor>& inputs) {
  std::vector<Source> sources;
  py::list results;
  Outputs outputs{{}, {}, true};
  for (const Tensor& t : inputs) {
    if (t->kind != TensorImpl::Kind::concrete || t->backend != backend_ || t->type.shape.rank < 1 ||
        t->row_stride != t->type.shape.view_cols().n)
      throw std::invalid_argument("predict: expected dense tensors on the model's device");
    if (t->type.shape.dims[0] != inputs[0]->type.shape.dims[0])
      throw std::invalid_argument("predict: the arrays have different numbers of rows");
    Source s{t->storage.block, t->type.dtype, t->type.shape.dims[0], 1, true};
    s.block.data = t->storage.data();
    for (int i = 1; i < t->type.shape.rank; ++i)
      s.cols = checked_mul(s.cols, t->type.shape.dims[i]);
    sources.push_back(std::move(s));
  }
  const int64_t rows = sources.empty() ? 0 : sources[0].rows;
  for (const ValueType& type : output_types_) {
    ValueType whole = type;
    whole.shape.batch = false;
    for (int i = 0; i < type.shape.rank; ++i) whole.shape.dims[i] = type.shape.extent(i).at(rows);
    const Tensor out = concrete_like(whole, backend_);
    outputs.to.push_back(out->storage.data());
    const int64_t bytes =
        checked_mul(whole.shape.count(), static_cast<int64_t>(size_of(type.dtype)));
    outputs.row_bytes.push_back(rows == 0 ? 0 : bytes / rows);
    results.append(out);
  }
  return compute(std::move(sources), outputs, std::move(results));
}

py::object BoundProgram::predict_one(py::handle x) {
  const auto& api = py::detail::npy_api::get();
  constexpr int kPlain =
      py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!input_descr_ || Py_TYPE(x.ptr()) != api.PyArray_Type_) return {};
  const auto* array = py::detail::array_proxy(x.ptr());
  const Shape& row = trace_->graph.type(trace_->graph.inputs()[0]).shape;
  const Shape& shape = output_types_[0].shape;
  if (array->descr != input_descr_.ptr() || (array->flags & kPlain) != kPlain ||
      array->nd != row.rank || array->nd < 1 || array->dimensions[0] < 1 || !shape.batch)
    return {};
  const int64_t rows = array->dimensions[0];
  Source source{{}, request_.input_types[0], rows, 1};
  for (int i = 1; i < row.rank; ++i) {
    if (array->dimensions[i] != row.dims[i]) return {};
    source.cols *= row.dims[i];
  }
  Py_intptr_t extents[kMaxRank];
  for (int i = 0; i < shape.rank; ++i) extents[i] = shape.extent(i).at(rows);
  py::object out = py::reinterpret_steal<py::object>(
      api.PyArray_NewFromDescr_(api.PyArray_Type_, output_descr_.inc_ref().ptr(), shape.rank,
                                extents, nullptr, nullptr, 0, nullptr));
  if (!out) throw py::error_already_set();
  char* const to = py::detail::array_proxy(out.ptr())->data;
  if (predict_brief(array->data, rows, to)) return out;
  source.block = {array->data, static_cast<size_t>(checked_mul(rows, source.row_bytes())),
                  keep(py::reinterpret_borrow<py::array>(x))};
  int64_t row_bytes = size_of(output_types_[0].dtype);
  for (int i = 1; i < shape.rank; ++i) row_bytes *= extents[i];
  std::vector<Source> sources;
  sources.push_back(std::move(source));
  out = compute(std::move(sources), {{to}, {row_bytes}, false}, std::move(out));
  return out.is_none() ? py::object() : out;
}

// Keeps the interpreter from beginning to end, so that nobody can touch the data, the weights or
// the lane meanwhile: to look at their guards is enough. False, and nothing done, where there is
// more to it.
bool BoundProgram::predict_brief(const void* data, int64_t rows, void* to) {
  if (rows > brief_rows_ || !backend_->reads_host_memory() || !is_current()) return false;
  for (const Claim& reader : readers_)
    if (!Hold::is_free(reader.guard, Access::shared)) return false;
  const Lane& lane = *lanes_[0];
  if (!Hold::is_free(lane.guard, Access::exclusive)) return false;
  lane.program->run_there(&data, rows);
  lane.program->read_output(0, rows, to);
  return true;
}

py::object BoundProgram::compute(std::vector<Source> sources, const Outputs& outputs,
                                 py::object results) {
  const int64_t rows = sources.empty() ? 0 : sources[0].rows;
  const Predicting nest;
  const Hold reading(readers_);
  if (!is_current()) return py::none();
  const auto [held, mine] = lane();
  if (!mine->program) mine->program = instance();
  struct Unbind {  // with the interpreter, as the last owner of an array may be here
    Program& program;
    ~Unbind() { program.unbind(); }
  } const unbind{*mine->program};
  const Released free;
  mine->program->bind(std::move(sources));
  predict_rows(*mine->program, rows, outputs);
  return results;
}

void BoundProgram::take_outputs(const Program& program, int64_t first, int64_t rows,
                                const Outputs& outputs) {
  for (size_t i = 0; i < outputs.to.size(); ++i) {
    char* const to = outputs.to[i] + first * outputs.row_bytes[i];
    if (outputs.is_there) {
      program.copy_output(static_cast<int>(i), rows, to);
    } else {
      program.read_output(static_cast<int>(i), rows, to);
    }
  }
}

// In blocks short enough for a look at signals between them; the bits do not depend on the blocks.
void BoundProgram::predict_rows(Program& program, int64_t rows, const Outputs& outputs) const {
  int64_t block = first_block_;
  if (rows <= brief_rows_) {
    Program::Run r;
    r.total_rows = r.batch_size = rows;
    program.run(r);
    take_outputs(program, 0, rows, outputs);
    return;
  }
  auto looked = Clock::now();
  for (int64_t first = 0; first < rows;) {
    const int64_t here = std::min(block, rows - first);
    Program::Run r;
    r.total_rows = first + here;
    r.batch_size = here;
    r.first_row = first;
    const auto start = Clock::now();
    program.run(r);
    take_outputs(program, first, here, outputs);
    first += here;
    const auto now = Clock::now();
    if (now - start > kLongBlock) block = std::max<int64_t>(1, block / 2);
    if (now - start < kLongBlock / 4) block = std::min(2 * block, request_.capacity);
    if (now - looked < kLook || first >= rows) continue;
    if (host().look) host().look();
    looked = Clock::now();
  }
}

py::list BoundProgram::outputs(int64_t rows) {
  py::list results;
  const Hold mine(lanes_[0]->guard, Access::exclusive);
  for (size_t i = 0; i < output_types_.size(); ++i) {
    py::array out = new_output(output_types_[i], rows);
    lanes_[0]->program->read_output(static_cast<int>(i), rows, out.mutable_data());
    results.append(out);
  }
  return results;
}

std::string BoundProgram::str() { return lanes_[0]->program->plan().str(); }

}  // namespace feedfwd::bindings
