#include <mutex>

#include "convert.h"
#include "core/optimizer.h"

namespace feedfwd::bindings {
namespace {

// Where a pass over the data stands. Counted here, in the call that makes the steps, so that no
// signal can come between a step and its being counted.
struct Cursor {
  int64_t steps = 0, rows = 0;
  double total = 0;  // sum of loss * rows

  void count(double loss, int64_t size) {
    steps += 1;
    rows += size;
    total += loss * static_cast<double>(size);
  }
};

// A Program with what Python needs beside it: the data it reads, the variables whose aliases a run
// must part from.
class BoundProgram {
 public:
  BoundProgram(const std::shared_ptr<TraceImpl>& trace, const PlanRequest& request,
               const std::string& device, std::shared_ptr<Optimizer> optimizer)
      : trace_(trace),
        optimizer_(std::move(optimizer)),
        capacity_(request.capacity),
        shards_(request.shards) {
    for (const auto& [variable, gradient] : request.update.gradients) updated_.push_back(variable);
    for (const auto& [variable, value] : trace->graph.assigned())
      if (request.write_back) updated_.push_back(variable);
    Bindings bindings;
    for (const Variable& v : trace->variables) {
      v->materialize();
      bindings.variables.push_back(v->storage);
      bindings.slots.emplace_back();
      memory_.push_back(v->storage.data());
    }
    if (optimizer_)
      for (const auto& [variable, gradient] : request.update.gradients)
        bindings.slots[static_cast<size_t>(variable)] =
            optimizer_->slots_of(trace->variables[static_cast<size_t>(variable)]);
    for (const ValueId v : request.outputs) output_types_.push_back(trace->graph.type(v));
    program_ = std::make_unique<Program>(trace->graph, make_plan(trace->graph, request),
                                         get_backend(device), std::move(bindings));
    backend_ = get_backend(device);
  }

  // Whether the variables still lie where the plan was bound to.
  bool is_current() const {
    for (size_t i = 0; i < memory_.size(); ++i)
      if (trace_->variables[i]->storage.data() != memory_[i]) return false;
    return true;
  }

  void bind(const py::sequence& arrays) {
    std::vector<Source> sources = sources_of(arrays);
    const py::gil_scoped_release free;
    const std::lock_guard lock(mutex_);
    program_->bind(std::move(sources));
  }

  std::vector<Source> sources_of(const py::sequence& arrays) const {
    std::vector<Source> sources;
    int64_t rows = -1;
    for (const py::handle item : arrays) {
      const py::array a = py::cast<py::array>(item);
      if (!(a.flags() & py::array::c_style) || a.ndim() < 1)
        throw std::invalid_argument("bind: expected C-contiguous arrays of at least one axis");
      Source s;
      s.dtype = data_dtype(py::str(a.dtype().attr("name")));
      s.rows = a.shape(0);
      s.cols = 1;
      for (int i = 1; i < a.ndim(); ++i) s.cols = checked_mul(s.cols, a.shape(i));
      s.row_stride = s.cols;
      if (rows >= 0 && rows != s.rows)
        throw std::invalid_argument("bind: the arrays have different numbers of rows");
      rows = s.rows;
      // The array lives as long as the block; it is released with the GIL held, whoever drops it.
      auto keep = std::shared_ptr<void>(new py::array(a), [](void* p) {
        const py::gil_scoped_acquire gil;
        delete static_cast<py::array*>(p);
      });
      s.block = backend_->adopt(a.data(), static_cast<size_t>(a.nbytes()), std::move(keep));
      sources.push_back(std::move(s));
    }
    return sources;
  }

  py::tuple run(
      int64_t total_rows, int64_t batch_size, int64_t first_row, int64_t steps,
      const std::optional<py::array_t<int64_t, py::array::c_style>>& order, bool order_changed,
      const std::optional<py::array_t<double, py::array::c_style | py::array::forcecast>>& rates,
      double weight_decay, Cursor* cursor) {
    if (!is_current())
      throw std::invalid_argument("run: the variables have moved; make the program anew");
    if (steps < 0 || batch_size < 1 || total_rows < 0 || first_row < 0)
      throw std::invalid_argument("run: negative sizes");
    if (steps > 0 && (batch_size + shards_ - 1) / shards_ > capacity_)
      throw std::invalid_argument("run: the batch is larger than the program's capacity");
    if (steps > 0 && checked_add(first_row, checked_mul(steps - 1, batch_size)) >= total_rows)
      throw std::invalid_argument("run: steps beyond the last row");
    if (order && order->size() < total_rows)
      throw std::invalid_argument("run: order is shorter than the rows");
    std::vector<double> scalars;
    if (optimizer_) {
      if (!rates || rates->size() != steps)
        throw std::invalid_argument("run: expected a learning rate per step");
      scalars = optimizer_->scalars({rates->data(), rates->data() + steps}, weight_decay);
    }
    py::array_t<double> losses(steps);
    Program::Run r;
    r.total_rows = total_rows;
    r.batch_size = batch_size;
    r.first_row = first_row;
    r.steps = steps;
    r.order = order ? order->data() : nullptr;
    r.order_changed = order_changed;
    r.scalars = scalars.empty() ? nullptr : scalars.data();
    r.losses = losses.mutable_data();
    for (int v : updated_) trace_->variables[static_cast<size_t>(v)]->detach_reader();
    StepState state;
    {
      const py::gil_scoped_release free;
      const std::lock_guard lock(mutex_);
      state = program_->run(r);
    }
    const int64_t good = state.bad_step >= 0 ? state.bad_step : steps;
    if (optimizer_) optimizer_->iterations += good;
    for (int64_t i = 0; cursor && i < good; ++i)
      cursor->count(losses.at(i), std::min(batch_size, total_rows - (first_row + i * batch_size)));
    return py::make_tuple(losses, state.bad_step);
  }

  py::list predict(const py::sequence& arrays) {
    std::vector<Source> sources = sources_of(arrays);
    const int64_t rows = py::len(arrays) == 0 ? 0 : py::cast<py::array>(arrays[0]).shape(0);
    py::list results;
    std::vector<char*> to;
    std::vector<int64_t> row_bytes;
    for (const ValueType& type : output_types_) {
      py::array out = new_output(type, rows);
      to.push_back(static_cast<char*>(out.mutable_data()));
      row_bytes.push_back(rows == 0 ? 0 : static_cast<int64_t>(out.nbytes()) / rows);
      results.append(out);
    }
    const py::gil_scoped_release free;
    const std::lock_guard lock(mutex_);  // one run at a time; others wait without the GIL
    program_->bind(std::move(sources));
    for (int64_t first = 0; first < rows; first += capacity_) {
      const int64_t here = std::min(capacity_, rows - first);
      Program::Run r;
      r.total_rows = rows;
      r.batch_size = capacity_;
      r.first_row = first;
      program_->run(r);
      for (size_t i = 0; i < to.size(); ++i)
        program_->read_output(static_cast<int>(i), here, to[i] + first * row_bytes[i]);
    }
    return results;
  }

  py::list outputs(int64_t rows) {
    py::list results;
    for (size_t i = 0; i < output_types_.size(); ++i) {
      py::array out = new_output(output_types_[i], rows);
      program_->read_output(static_cast<int>(i), rows, out.mutable_data());
      results.append(out);
    }
    return results;
  }

  std::string str() const { return program_->plan().str(); }

 private:
  static py::array new_output(const ValueType& type, int64_t rows) {
    std::vector<py::ssize_t> shape;
    for (int i = 0; i < type.shape.rank; ++i) shape.push_back(type.shape.extent(i).at(rows));
    return py::array(numpy_dtype(type.dtype), shape);
  }

  std::shared_ptr<TraceImpl> trace_;
  std::shared_ptr<Optimizer> optimizer_;
  std::shared_ptr<Backend> backend_;
  std::vector<ValueType> output_types_;
  std::vector<int> updated_;
  std::vector<const void*> memory_;
  std::unique_ptr<Program> program_;
  std::mutex mutex_;
  int64_t capacity_;
  int shards_;
};

struct Options {
  py::object loss, optimizer;
  py::sequence gradients;
  std::vector<Variable> excluded, per_step;
  double weight_decay;
  bool write_back, fuse, guard;
  int shards;
  uint64_t order_seed;
};

std::shared_ptr<BoundProgram> make(const std::shared_ptr<TraceImpl>& trace,
                                   const std::vector<Tensor>& outputs,
                                   const std::vector<std::string>& input_dtypes, int64_t capacity,
                                   const std::string& device, const Options& o) {
  if (capacity < 1)
    throw std::invalid_argument("capacity: got " + std::to_string(capacity) +
                                ", expected at least 1");
  if (o.shards < 1)
    throw std::invalid_argument("shards: got " + std::to_string(o.shards) +
                                ", expected at least 1");
  PlanRequest request;
  for (const Tensor& t : outputs) request.outputs.push_back(trace->value_of(arg(t)));
  for (const std::string& name : input_dtypes) request.input_types.push_back(data_dtype(name));
  if (!o.loss.is_none()) request.loss = trace->value_of(arg(o.loss.cast<Tensor>()));
  std::shared_ptr<Optimizer> optimizer;
  if (!o.optimizer.is_none()) {
    optimizer = o.optimizer.cast<std::shared_ptr<Optimizer>>();
    std::vector<std::pair<int, ValueId>> gradients;
    for (const py::handle pair : o.gradients) {
      const py::sequence item = py::reinterpret_borrow<py::sequence>(pair);
      gradients.emplace_back(trace->index_of(item[0].cast<Variable>()),
                             trace->value_of(arg(item[1].cast<Tensor>())));
    }
    request.has_update = true;
    request.update =
        optimizer->request(std::move(gradients), trace->variables, o.excluded, o.weight_decay);
  }
  for (const Variable& v : o.per_step) request.per_step.push_back(trace->index_of(v));
  request.write_back = o.write_back;
  request.capacity = capacity;
  request.shards = o.shards;
  request.fuse = o.fuse;
  request.order_seed = o.order_seed;
  request.guard = o.guard;
  return std::make_shared<BoundProgram>(trace, request, device, optimizer);
}

}  // namespace

void bind_program(py::module_& m) {
  py::class_<Cursor>(m, "Cursor")
      .def(py::init([](int64_t steps, int64_t rows, double total) {
             return Cursor{steps, rows, total};
           }),
           py::arg("steps") = 0, py::arg("rows") = 0, py::arg("total") = 0.0)
      .def_readonly("steps", &Cursor::steps)
      .def_readonly("rows", &Cursor::rows)
      .def_readonly("total", &Cursor::total)
      .def("count", &Cursor::count);
  py::class_<BoundProgram, std::shared_ptr<BoundProgram>>(m, "Program")
      .def(py::init([](const std::shared_ptr<TraceImpl>& trace, const std::vector<Tensor>& outputs,
                       const std::vector<std::string>& input_dtypes, int64_t capacity,
                       const std::string& device, const py::object& loss,
                       const py::object& optimizer, const py::sequence& gradients,
                       const std::vector<Variable>& excluded, double weight_decay, bool write_back,
                       const std::vector<Variable>& per_step, int shards, bool fuse,
                       uint64_t order_seed, bool guard) {
             return make(trace, outputs, input_dtypes, capacity, device,
                         {loss, optimizer, gradients, excluded, per_step, weight_decay, write_back,
                          fuse, guard, shards, order_seed});
           }),
           py::arg("trace"), py::arg("outputs"), py::kw_only(), py::arg("input_dtypes"),
           py::arg("capacity"), py::arg("device"), py::arg("loss") = py::none(),
           py::arg("optimizer") = py::none(), py::arg("gradients") = py::tuple(),
           py::arg("excluded") = py::tuple(), py::arg("weight_decay") = 0.0,
           py::arg("write_back") = true, py::arg("per_step") = py::tuple(), py::arg("shards") = 1,
           py::arg("fuse") = true, py::arg("order_seed") = 0, py::arg("guard") = false)
      .def_property_readonly("is_current", &BoundProgram::is_current)
      .def("bind", &BoundProgram::bind)
      .def("run", &BoundProgram::run, py::arg("total_rows"), py::arg("batch_size"),
           py::arg("first_row"), py::arg("steps"), py::kw_only(), py::arg("order") = py::none(),
           py::arg("order_changed") = true, py::arg("learning_rates") = py::none(),
           py::arg("weight_decay") = 0.0, py::arg("cursor") = nullptr)
      .def("predict", &BoundProgram::predict)
      .def("outputs", &BoundProgram::outputs)
      .def("__str__", &BoundProgram::str);
}

}  // namespace feedfwd::bindings
