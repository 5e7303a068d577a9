#include "core/optimizer.h"

#include "convert.h"

namespace feedfwd::bindings {
namespace {

std::vector<double> hyper_values(const OptimizerKind& kind, const py::dict& given) {
  std::vector<double> values;
  for (const std::string& name : kind.hyper) {
    if (!given.contains(name.c_str()))
      throw std::invalid_argument(std::string(kind.name) + ": hyperparameter " + name +
                                  " is missing");
    values.push_back(given[name.c_str()].cast<double>());
  }
  return values;
}

const OptimizerKind& kind_named(const std::string& name) {
  for (const OptimizerKind& k : optimizer_kinds())
    if (name == k.name) return k;
  throw std::invalid_argument("no optimizer is named '" + name + "'");
}

std::shared_ptr<Optimizer> make(const std::string& name, const py::dict& hyper,
                                std::optional<double> norm, std::optional<double> value,
                                std::optional<double> global_norm) {
  const Clip clip = norm          ? Clip::norm
                    : global_norm ? Clip::global_norm
                    : value       ? Clip::value
                                  : Clip::none;
  const double at = norm ? *norm : global_norm ? *global_norm : value ? *value : 0;
  return std::make_shared<Optimizer>(name, hyper_values(kind_named(name), hyper), clip, at);
}

void apply(Optimizer& self, const py::sequence& pairs, double learning_rate, double weight_decay,
           const std::vector<Variable>& excluded) {
  std::vector<std::pair<Tensor, Variable>> settled;
  for (const py::handle pair : pairs) {
    const py::sequence item = py::reinterpret_borrow<py::sequence>(pair);
    const Variable v = item[1].cast<Variable>();
    const Arg g = settle(loosen(py::object(item[0]), "gradient"), v->type.dtype, "gradient");
    if (!(g.type().shape == v->type.shape))
      throw std::invalid_argument("gradient of variable '" + v->name + "': got shape " +
                                  g.type().shape.str() + ", expected " + v->type.shape.str());
    settled.emplace_back(g.tensor ? g.tensor : read(g.variable), v);
  }
  self.apply(settled, learning_rate, weight_decay, excluded);
}

// A variable that holds a slot's memory, to read and write it densely.
Variable as_variable(const Variable& like, const Storage& slot) {
  const Variable v = make_variable(like->type, "slot", false);
  v->backend = like->backend;
  v->storage = slot;
  return v;
}

}  // namespace

void bind_optimizer(py::module_& m) {
  py::class_<Optimizer, std::shared_ptr<Optimizer>>(m, "Optimizer")
      .def(py::init(&make), py::arg("kind"), py::arg("hyper"), py::arg("clipnorm") = py::none(),
           py::arg("clipvalue") = py::none(), py::arg("global_clipnorm") = py::none())
      .def_readwrite("iterations", &Optimizer::iterations)
      .def_property(
          "hyper",
          [](const Optimizer& o) {
            py::dict d;
            for (size_t i = 0; i < o.hyper.size(); ++i) d[o.kind().hyper[i].c_str()] = o.hyper[i];
            return d;
          },
          [](Optimizer& o, const py::dict& d) { o.hyper = hyper_values(o.kind(), d); })
      .def_static("kinds",
                  [] {
                    py::dict d;
                    for (const OptimizerKind& k : optimizer_kinds()) d[k.name] = py::cast(k.hyper);
                    return d;
                  })
      .def("apply", &apply)
      .def("slots",
           [](Optimizer& o, const Variable& v) {
             py::list values;
             for (const Storage& s : o.slots_of(v)) values.append(to_numpy(*as_variable(v, s)));
             return values;
           })
      .def("set_slots",
           [](Optimizer& o, const Variable& v, const std::vector<py::array>& values) {
             std::vector<Storage>& slots = o.slots_of(v);
             if (values.size() != slots.size())
               throw std::invalid_argument("set_slots: got " + std::to_string(values.size()) +
                                           " arrays, expected " + std::to_string(slots.size()));
             for (size_t i = 0; i < slots.size(); ++i) {
               const py::array dense =
                   values[i].attr("astype")(numpy_dtype(v->type.dtype), py::arg("order") = "C");
               if (dense.size() != v->type.shape.count())
                 throw std::invalid_argument(
                     "set_slots: an array of another size than its variable");
               as_variable(v, slots[i])->set_dense(dense.data());
             }
           })
      .def("is_built", [](const Optimizer& o, const Variable& v) { return o.has_slots(v); });
}

}  // namespace feedfwd::bindings
