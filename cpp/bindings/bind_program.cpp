#include "bound_program.h"

namespace feedfwd::bindings {
namespace {

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
  return std::make_shared<BoundProgram>(trace, std::move(request), device, optimizer);
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
      .def_property_readonly("mean", &Cursor::mean)
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
           py::arg("first_row"), py::arg("steps"), py::arg("order") = py::none(),
           py::arg("order_changed") = true, py::arg("learning_rates") = py::none(),
           py::arg("weight_decay") = 0.0, py::arg("cursor") = nullptr)
      .def("predict", &BoundProgram::predict)
      .def("predict_there", &BoundProgram::predict_there)
      .def("outputs", &BoundProgram::outputs)
      .def("__str__", &BoundProgram::str);
}

}  // namespace feedfwd::bindings
