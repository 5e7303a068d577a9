#include "core/cost.h"
#include "ops.h"

namespace feedfwd::bindings {
namespace {

Arg tensor_or_variable(const py::handle& x, const char* argument) {
  if (!py::isinstance<TensorImpl>(x) && !py::isinstance<VariableImpl>(x))
    throw TypeError(std::string(argument) + ": got " + type_name(x) +
                    ", expected a Tensor or Variable");
  return to_arg(x, argument);
}

std::vector<Arg> all(const py::sequence& xs, const char* argument) {
  std::vector<Arg> args;
  for (const py::handle x : xs) args.push_back(tensor_or_variable(x, argument));
  return args;
}

// Seeds have the shape and dtype of their targets.
std::vector<Tensor> seeds_for(const std::vector<Arg>& targets, const py::object& seeds) {
  std::vector<Tensor> result(targets.size());
  if (seeds.is_none()) return result;
  const py::sequence given = seeds;
  if (given.size() != targets.size())
    throw std::invalid_argument("output_gradients: got " + std::to_string(given.size()) +
                                ", expected " + std::to_string(targets.size()));
  for (size_t i = 0; i < targets.size(); ++i) {
    const py::object seed = given[i];
    if (seed.is_none()) continue;
    const ValueType& type = targets[i].type();
    const Arg x = settle(loosen(seed, "output_gradients"), type.dtype, "output_gradients");
    if (!(x.type().shape == type.shape))
      throw std::invalid_argument("output_gradients: got shape " + x.type().shape.str() +
                                  ", expected " + type.shape.str());
    result[i] = x.tensor ? x.tensor : read(x.variable);
  }
  return result;
}

}  // namespace

namespace {

void bind_trace(py::module_& m) {
  py::class_<TraceImpl, std::shared_ptr<TraceImpl>>(m, "Trace")
      .def(py::init<>())
      .def("__enter__",
           [](const std::shared_ptr<TraceImpl>& t) {
             t->enter();
             return t;
           })
      .def("__exit__", [](TraceImpl& t, const py::args&) { t.exit(); })
      .def("input",
           [](TraceImpl& t, const py::object& shape, const std::string& dtype) {
             return t.input({parse_dtype(py::str(dtype), "dtype"), shape_from(shape, "shape")});
           })
      .def("variables", [](const TraceImpl& t) { return t.variables; })
      .def("assigned",
           [](const TraceImpl& t) {
             std::vector<Variable> variables;
             for (const auto& [index, value] : t.graph.assigned())
               variables.push_back(t.variables[static_cast<size_t>(index)]);
             return variables;
           })
      .def(
          "gradient",
          [](TraceImpl& t, const Tensor& target, const py::sequence& sources, bool sharded) {
            std::vector<ValueId> ids;
            for (const py::handle s : sources) {
              const Arg a = tensor_or_variable(s, "sources");
              ids.push_back(a.variable ? t.graph.initial(t.index_of(a.variable)) : t.value_of(a));
            }
            std::vector<Tensor> result;
            for (ValueId g : t.gradient(t.value_of(arg(target)), ids, sharded))
              result.push_back(g == kNoValue ? nullptr : t.wrap(g));
            return result;
          },
          py::arg("target"), py::arg("sources"), py::arg("sharded") = false)
      .def("__len__", [](const TraceImpl& t) { return t.graph.nodes().size(); })
      .def(
          "flops", [](const TraceImpl& t, size_t first) { return flops_of(t.graph, first); },
          py::arg("first_node") = 0)
      .def("__str__", [](const TraceImpl& t) { return t.graph.str(); });
}

}  // namespace

void bind_tape(py::module_& m) {
  py::class_<TapeImpl, std::shared_ptr<TapeImpl>>(m, "Tape")
      .def(py::init<bool, bool>(), py::arg("persistent") = false,
           py::arg("watch_accessed_variables") = true)
      .def("__enter__",
           [](const std::shared_ptr<TapeImpl>& t) {
             t->enter();
             return t;
           })
      .def("__exit__", [](TapeImpl& t, const py::args&) { t.exit(); })
      .def("watch",
           [](TapeImpl& t, const py::object& x) { t.watch(tensor_or_variable(x, "watch")); })
      .def("is_known", [](const TapeImpl& t,
                          const py::object& x) { return t.knows(tensor_or_variable(x, "source")); })
      .def("watched_variables", &TapeImpl::watched)
      .def(
          "gradient",
          [](TapeImpl& t, const py::sequence& targets, const py::sequence& sources,
             const py::object& seeds) {
            const std::vector<Arg> to = all(targets, "target");
            return t.gradient(to, all(sources, "sources"), seeds_for(to, seeds));
          },
          py::arg("targets"), py::arg("sources"), py::arg("seeds") = py::none())
      .def("reset", &TapeImpl::reset);
  bind_trace(m);
}

}  // namespace feedfwd::bindings
