// Tensor and Variable: attributes, conversion, operators.
#include "entry.h"
#include "gil.h"
#include "ops.h"

namespace feedfwd::bindings {
namespace {

const ValueType& type_of(const TensorImpl& t) { return t.type; }
const ValueType& type_of(const VariableImpl& v) { return v.type; }

// NumPy's protocol: a fresh array always, so that writing to it never reaches a Variable.
template <class T>
py::object as_array(const T& self, const py::object& dtype, const py::object& copy) {
  if (!copy.is_none() && !copy.cast<bool>())
    throw std::invalid_argument("__array__: copy=False is not possible, values are always copied");
  py::array values = to_numpy(self);
  return dtype.is_none() ? py::object(values)
                         : values.attr("astype")(dtype, py::arg("copy") = false);
}

template <class T>
py::object single(const T& self, const char* what) {
  if (type_of(self).shape.batch) to_numpy(self);  // raises: symbolic
  if (type_of(self).shape.count() != 1)
    throw TypeError(std::string(what) + ": got shape " + type_of(self).shape.str() +
                    ", expected one element");
  return to_numpy(self).attr("item")();
}

template <Op op>
PyObject* binary(PyObject* a, PyObject* b) {
  return enter([&] { return to_python(op_binary(op, a, b)).release().ptr(); });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  return enter([&] {
    if (modulus != Py_None) throw TypeError("pow: got a modulus, expected two operands");
    return to_python(op_binary(Op::Power, a, b)).release().ptr();
  });
}

PyObject* matrix_product(PyObject* a, PyObject* b) {
  return enter([&] { return to_python(op_matmul(a, b)).release().ptr(); });
}

bool operand_like(const py::object& x) {
  return !x.is_none() && !py::isinstance<py::str>(x) && !py::isinstance<py::dict>(x);
}

PyObject* compare(PyObject* a, PyObject* b, int how) {
  // == with something that is no operand (None, a string) is False, as everywhere in Python.
  if ((how == Py_EQ || how == Py_NE) && !operand_like(py::reinterpret_borrow<py::object>(b)))
    Py_RETURN_NOTIMPLEMENTED;
  constexpr Op kOps[] = {Op::Less,     Op::LessEqual, Op::Equal,
                         Op::NotEqual, Op::Greater,   Op::GreaterEqual};  // as Py_LT, ... stand
  return enter([&] { return to_python(op_binary(kOps[how], a, b)).release().ptr(); });
}

// The operators are the type's own slots: Python calls them without a look-up of __add__ and its
// like.
void set_slots(PyHeapTypeObject* type) {
  PyNumberMethods& number = type->as_number;
  number.nb_add = binary<Op::Add>;
  number.nb_subtract = binary<Op::Subtract>;
  number.nb_multiply = binary<Op::Multiply>;
  number.nb_true_divide = binary<Op::Divide>;
  number.nb_floor_divide = binary<Op::FloorDivide>;
  number.nb_remainder = binary<Op::Mod>;
  number.nb_power = power;
  number.nb_and = binary<Op::LogicalAnd>;
  number.nb_or = binary<Op::LogicalOr>;
  number.nb_matrix_multiply = matrix_product;
  type->ht_type.tp_richcompare = compare;
}

template <class Class>
void bind_operators(Class& cls) {
  cls.def("__neg__", [](const py::object& a) { return op_map("neg", a, 0); });
  cls.def("__pos__", [](const py::object& a) { return a; });
  cls.def("__abs__", [](const py::object& a) { return op_map("abs", a, 0); });
  cls.def("__invert__", [](const py::object& a) {
    return op_binary(Op::Equal, py::module_::import("feedfwd._core").attr("cast")(a, "bool"),
                     py::bool_(false));
  });
}

template <class T, class Class>
void bind_common(Class& cls) {
  cls.def_property_readonly("shape", [](const T& s) { return shape_tuple(type_of(s).shape); });
  cls.def_property_readonly("dtype", [](const T& s) { return numpy_dtype(type_of(s).dtype); });
  cls.def_property_readonly("ndim", [](const T& s) { return type_of(s).shape.rank; });
  cls.def_property_readonly("size", [](const T& s) -> py::object {
    if (type_of(s).shape.batch) return py::none();
    return py::int_(type_of(s).shape.count());
  });
  cls.def("numpy", [](const T& s) { return to_numpy(s); }, "The values as a new NumPy array.");
  cls.def(
      "item", [](const T& s) { return single(s, "item"); },
      "The value of a one-element tensor as a Python number.");
  cls.def("tolist", [](const T& s) { return to_numpy(s).attr("tolist")(); });
  cls.def("__array__", &as_array<T>, py::arg("dtype") = py::none(), py::arg("copy") = py::none());
  cls.def("__float__", [](const T& s) { return py::float_(single(s, "float")); });
  cls.def("__int__", [](const T& s) { return py::int_(single(s, "int")); });
  cls.def("__bool__", [](const T& s) { return single(s, "bool").attr("__bool__")(); });
  cls.def("__index__", [](const T& s) {
    if (!is_integer(type_of(s).dtype) || type_of(s).shape.rank != 0)
      throw TypeError("only an integer scalar can be an index, got " +
                      std::string(name_of(type_of(s).dtype)) + " " + type_of(s).shape.str());
    return single(s, "index");
  });
  cls.def("__len__", [](const T& s) {
    if (type_of(s).shape.rank == 0) throw TypeError("len() of a tensor with no axes");
    if (type_of(s).shape.batch)
      throw TypeError("len(): the batch of a symbolic Tensor is not known; see ff.ops.shape");
    return type_of(s).shape.dims[0];
  });
  cls.def("__iter__", [](const py::object& self) {
    const T& s = self.cast<const T&>();
    if (type_of(s).shape.rank == 0) throw TypeError("iteration over a tensor with no axes");
    if (type_of(s).shape.batch) throw TypeError("iteration over the batch of a symbolic Tensor");
    py::list items;
    for (int64_t i = 0; i < type_of(s).shape.dims[0]; ++i) items.append(self[py::int_(i)]);
    return py::iter(items);
  });
  cls.def("__getitem__", [](const std::shared_ptr<T>& s, const py::object& key) {
    return op_getitem(arg(s), key);
  });
  cls.def("__hash__", [](const T& s) {
    return static_cast<py::ssize_t>(reinterpret_cast<uintptr_t>(&s) >> 4);
  });
  cls.attr("__array_ufunc__") = py::none();
  bind_operators(cls);
}

// `head`, the values with their lines under one another, and the end.
std::string with_values(std::string head, const py::array& values) {
  head += ", values=";
  const py::object np = py::module_::import("numpy");
  const py::object text = np.attr("array2string")(
      values, py::arg("threshold") = 20, py::arg("separator") = ", ", py::arg("prefix") = head);
  return head + std::string(py::str(text)) + ">";
}

std::string tensor_repr(const TensorImpl& t) {
  const std::string head =
      "<Tensor shape=" + t.type.shape.str() + ", dtype=" + name_of(t.type.dtype);
  if (t.kind != TensorImpl::Kind::concrete) return head + ", symbolic>";
  return with_values(head, to_numpy(t));
}

// `value` with exactly the variable's shape, in its dtype.
Arg assignable(const VariableImpl& v, const py::handle& value, const char* method) {
  const Arg x = settle(loosen(value, "value"), v.type.dtype, "value");
  if (!(x.type().shape == v.type.shape))
    throw std::invalid_argument(std::string(method) + ": variable '" + v.name + "' has shape " +
                                v.type.shape.str() + ", got " + x.type().shape.str());
  return x;
}

Variable assign_value(const Variable& v, const py::handle& value, const char* method, Op op) {
  if (op == Op::Copy) {
    assign(v, assignable(*v, value, method));
  } else {
    v->materialize();
    const Arg x = settle(loosen(value, "value"), v->type.dtype, "value");
    // Nobody writes between the reading and the writing.
    const Hold writing = TraceImpl::active() ? Hold() : hold({x}, {v});
    const Tensor sum = apply1(op, {arg(v), x});
    if (!(sum->type.shape == v->type.shape))
      throw std::invalid_argument(std::string(method) + ": variable '" + v->name + "' has shape " +
                                  v->type.shape.str() + ", got " + x.type().shape.str());
    assign(v, arg(sum));
  }
  return v;
}

py::list read_all(const std::vector<Variable>& variables) {
  py::list arrays;
  std::vector<void*> hosts;
  for (const Variable& v : variables) {
    v->materialize();
    py::array out = new_array(v->type);
    hosts.push_back(out.mutable_data());
    arrays.append(std::move(out));
  }
  get_all(variables, hosts);
  return arrays;
}

void set_values(const std::vector<Variable>& variables, const py::sequence& values) {
  if (values.size() != variables.size())
    throw std::invalid_argument("values: got " + std::to_string(values.size()) + ", expected " +
                                std::to_string(variables.size()));
  std::vector<py::array> arrays;
  std::vector<const void*> hosts;
  for (size_t i = 0; i < variables.size(); ++i) {
    const Arg x = assignable(*variables[i], py::object(values[i]), "assign_all");
    arrays.push_back(x.variable ? to_numpy(*x.variable) : to_numpy(*x.tensor));
    hosts.push_back(arrays.back().data());
  }
  set_all(variables, hosts);
}

std::shared_ptr<VariableImpl> new_variable(const py::object& value, bool trainable,
                                           const py::object& dtype, const py::object& name) {
  Arg x = to_arg(value, "initial_value");
  if (x.type().shape.batch) to_numpy(*x.tensor);
  const DType t = dtype.is_none() ? x.type().dtype : parse_dtype(dtype, "dtype");
  x = settle(loosen(value, "initial_value"), t, "initial_value");
  const Variable v =
      make_variable(x.type(), name.is_none() ? "variable" : std::string(py::str(name)), trainable);
  const py::array values = x.variable ? to_numpy(*x.variable) : to_numpy(*x.tensor);
  v->set_dense(values.data());
  return v;
}

Variable pending_variable(const py::handle& shape, const std::string& dtype, bool trainable,
                          const std::string& name, const py::function& make) {
  const Shape extents = shape_from(shape, "shape");
  if (extents.batch) throw std::invalid_argument("shape: a variable has no batch axis");
  const Variable v =
      make_variable({parse_dtype(py::str(dtype), "dtype"), extents}, name, trainable);
  const std::weak_ptr<VariableImpl> weak = v;
  v->make = [make, weak](VariableImpl& self) {
    const py::object asked = py::cast(weak.lock());
    py::array values = call_out([&] { return make(asked); }).cast<py::array>();
    values = values.attr("astype")(numpy_dtype(self.type.dtype), py::arg("order") = "C")
                 .cast<py::array>();
    if (values.size() != self.type.shape.count())
      throw std::invalid_argument("variable '" + self.name + "': its initializer gave " +
                                  std::string(py::str(values.attr("shape"))) + ", expected " +
                                  self.type.shape.str());
    self.set_dense(values.data());
  };
  return v;
}

void bind_groups(py::module_& m) {
  m.def("pack", [](const std::vector<Variable>& variables) { return pack(variables); });
  m.def("read_all", &read_all, "The values of all, of one moment, as new arrays.");
  m.def("assign_all", &set_values, "Set all, or none where one does not fit.");
}

}  // namespace

void bind_tensor(py::module_& m) {
  auto tensor = py::class_<TensorImpl, Tensor>(
      m, "Tensor", "Values of one dtype and shape; symbolic while a layer is traced.",
      py::custom_type_setup(set_slots));
  bind_common<TensorImpl>(tensor);
  tensor.def_property_readonly("kind", [](const TensorImpl& t) {
    return t.kind == TensorImpl::Kind::concrete ? "concrete"
           : t.kind == TensorImpl::Kind::traced ? "traced"
                                                : "functional";
  });
  tensor.def_property_readonly("device", [](const TensorImpl& t) {
    return t.backend ? t.backend->name() : std::string("symbolic");
  });
  tensor.def("__repr__", &tensor_repr);

  auto variable = py::class_<VariableImpl, Variable>(
      m, "Variable",
      "Variable(initial_value, trainable=True, dtype=None, name=None)\n\n"
      "A tensor that keeps its place and can be assigned to; a GradientTape watches trainable "
      "ones.\n"
      "A Python float is float32; a NumPy array keeps its dtype.\n\n"
      ">>> import feedfwd as ff\n>>> w = ff.Variable(5.0)\n>>> float(w.assign_sub(1.5))\n3.5\n",
      py::custom_type_setup(set_slots));
  variable.def(py::init(&new_variable), py::arg("initial_value"), py::arg("trainable") = true,
               py::arg("dtype") = py::none(), py::arg("name") = py::none());
  bind_common<VariableImpl>(variable);
  variable.def_readwrite("name", &VariableImpl::name)
      .def_readwrite("trainable", &VariableImpl::trainable);
  variable.def_static("pending", &pending_variable);
  variable.def_property_readonly("is_pending", &VariableImpl::pending);
  variable.def("materialize", &VariableImpl::materialize);
  variable.def("retype", [](VariableImpl& v, const std::string& dtype, const std::string& device) {
    v.retype(parse_dtype(py::str(dtype), "dtype"), get_backend(device));
  });
  variable.def_property_readonly("device", [](const VariableImpl& v) {
    return v.backend ? v.backend->name() : std::string("cpu");
  });
  variable.def(
      "assign",
      [](const Variable& v, const py::object& x) { return assign_value(v, x, "assign", Op::Copy); },
      "Set the value; the shape must match, the dtype is cast to the variable's.");
  variable.def(
      "assign_add",
      [](const Variable& v, const py::object& x) {
        return assign_value(v, x, "assign_add", Op::Add);
      },
      "Add to the value.");
  variable.def(
      "assign_sub",
      [](const Variable& v, const py::object& x) {
        return assign_value(v, x, "assign_sub", Op::Subtract);
      },
      "Subtract from the value.");
  variable.def("__repr__", [](const VariableImpl& v) {
    const std::string head = "<Variable '" + v.name + "' shape=" + v.type.shape.str() +
                             ", dtype=" + name_of(v.type.dtype);
    return v.pending() ? head + ", not yet drawn>" : with_values(head, to_numpy(v));
  });
  bind_groups(m);
}

}  // namespace feedfwd::bindings
