#include "core/functions.h"
#include "entry.h"
#include "ops.h"

namespace feedfwd::bindings {
namespace {

// Bit mask of the axes to reduce.
int64_t axis_mask(const py::object& axis, int rank) {
  if (axis.is_none()) return (int64_t{1} << rank) - 1;
  int64_t mask = 0;
  if (!py::isinstance<py::list>(axis) && !py::isinstance<py::tuple>(axis))
    return int64_t{1} << normal_axis(axis, rank, "axis");
  for (const py::handle a : py::reinterpret_borrow<py::sequence>(axis)) {
    const int64_t bit = int64_t{1} << normal_axis(a, rank, "axis");
    if (mask & bit)
      throw std::invalid_argument("axis: got " + std::string(py::repr(axis)) +
                                  ", an axis stands twice");
    mask |= bit;
  }
  return mask;
}

// Of those without the batch.
int64_t known_count(const Shape& shape, int64_t mask) {
  int64_t count = 1;
  for (int i = 0; i < shape.rank; ++i)
    if (mask >> i & 1) count = checked_mul(count, shape.dims[i]);
  return count;
}

// How many elements are reduced to one, as a scalar of dtype t: a constant, or rows times the rest
// while the batch is symbolic.
Tensor count_of(const Shape& shape, int64_t mask, DType t) {
  const int64_t count = known_count(shape, mask);
  if (!(shape.batch && (mask & 1)))
    return scalar(static_cast<double>(count), t, get_backend("cpu"));
  Attrs attrs;
  attrs.i[0] = count;
  return cast_arg(arg(apply1(Op::Rows, {}, attrs)), t).tensor;
}

Tensor reduce(const std::string& op, const py::handle& x, const py::object& axis, bool keepdims) {
  Arg operand = to_arg(x, "x");
  const bool mean = op == "mean";
  if (mean) operand = floating(operand);
  if (op == "sum" && operand.type().dtype == DType::b8) operand = cast_arg(operand, DType::i32);
  const Shape shape = operand.type().shape;
  Attrs attrs;
  attrs.i[0] = axis_mask(axis, shape.rank);
  attrs.i[1] = keepdims;
  const Op kind = mean || op == "sum" ? Op::Sum
                  : op == "max"       ? Op::ReduceMax
                  : op == "min" ? Op::ReduceMin
                                : throw std::invalid_argument("no reduction is named '" + op + "'");
  if (attrs.i[0] == 0)
    return apply1(Op::Reshape, {operand}, [&] {
      Attrs a;
      a.shape = shape;
      return a;
    }());
  const Tensor reduced = apply1(kind, {operand}, attrs);
  if (!mean) return reduced;
  // Dividing by one changes no bit.
  const bool of_batch = shape.batch && (attrs.i[0] & 1);
  if (!of_batch && known_count(shape, attrs.i[0]) == 1) return reduced;
  return apply1(Op::Divide, {arg(reduced), arg(count_of(shape, attrs.i[0], reduced->type.dtype))});
}

Tensor argmax(const py::handle& x, const py::object& axis) {
  Arg operand = to_arg(x, "x");
  if (axis.is_none()) {
    Attrs flat;
    flat.shape = Shape({operand.type().shape.count()});
    operand = arg(apply1(Op::Reshape, {operand}, flat));
  }
  Attrs attrs;
  attrs.i[0] = axis.is_none() ? 0 : normal_axis(axis, operand.type().shape.rank, "axis");
  return apply1(Op::ArgMax, {operand}, attrs);
}

// Softmax along any axis: the last one directly, another through a transpose there and back.
Tensor softmax_along(Op op, const py::handle& x, const py::object& axis) {
  const Arg operand = floating(to_arg(x, "x"));
  const int rank = operand.type().shape.rank;
  if (rank == 0) throw std::invalid_argument("softmax: got a scalar, expected at least one axis");
  const int a = normal_axis(axis, rank, "axis");
  if (a == rank - 1) return apply1(op, {operand});
  py::list order;
  for (int i = 0; i < rank; ++i) order.append(i == a ? rank - 1 : i == rank - 1 ? a : i);
  const Tensor there = apply1(op, {arg(op_transpose(operand, order))});
  return op_transpose(arg(there), order);
}

Tensor where(const py::handle& condition, const py::handle& a, const py::handle& b) {
  const Loose x = loosen(a, "a"), y = loosen(b, "b");
  const Loose* const operands[] = {&x, &y};
  const DType t = promote(operands);
  return apply1(Op::Where, {cast_arg(to_arg(condition, "condition"), DType::b8), settle(x, t, "a"),
                            settle(y, t, "b")});
}

Tensor concatenate(const py::sequence& xs, const py::object& axis) {
  if (xs.size() == 0)
    throw std::invalid_argument("concatenate: got no arrays, expected at least one");
  std::vector<Loose> loose;
  for (const py::handle x : xs) loose.push_back(loosen(x, "arrays"));
  std::vector<const Loose*> pointers;
  for (const Loose& x : loose) pointers.push_back(&x);
  const DType t = promote(pointers);
  std::vector<Arg> args;
  for (const Loose& x : loose) args.push_back(settle(x, t, "arrays"));
  Attrs attrs;
  attrs.i[0] = normal_axis(axis, args[0].type().shape.rank, "axis");
  return apply1(Op::Concat, args, attrs);
}

Tensor one_hot(const py::handle& x, const py::object& num_classes, const py::object& dtype) {
  const Arg labels = to_arg(x, "x");
  if (!is_integer(labels.type().dtype))
    throw TypeError(std::string("one_hot: got ") + name_of(labels.type().dtype) +
                    ", expected integers");
  const int64_t depth = integer(num_classes, "num_classes");
  if (depth < 1)
    throw std::invalid_argument("num_classes: got " + std::to_string(depth) +
                                ", expected at least 1");
  Attrs attrs;
  attrs.i[0] = depth;
  attrs.dtype = parse_dtype(dtype, "dtype");
  return apply1(Op::OneHot, {labels}, attrs);
}

Tensor xent(const py::handle& logits, const py::handle& target) {
  const Arg z = floating(to_arg(logits, "logits"));
  Arg t = to_arg(target, "target");
  if (!is_integer(t.type().dtype)) t = cast_arg(t, z.type().dtype);
  return apply1(Op::Xent, {z, t});
}

Tensor dropout(const py::handle& x, const Variable& counter, double rate, uint64_t seed,
               int64_t stream) {
  Attrs attrs;
  attrs.f[0] = rate;
  attrs.i[0] = static_cast<int64_t>(seed);
  attrs.i[1] = stream;
  return apply1(Op::Dropout, {floating(to_arg(x, "x")), arg(counter)}, attrs);
}

py::tuple shape_of(const py::handle& x) {
  const Arg operand = to_arg(x, "x");
  py::tuple t = shape_tuple(operand.type().shape);
  if (operand.type().shape.batch && operand.tensor->kind == TensorImpl::Kind::traced) {
    Attrs attrs;
    attrs.i[0] = operand.type().shape.dims[0];
    t[0] = py::cast(apply1(Op::Rows, {}, attrs));
  }
  return t;
}

Tensor identity(const py::handle& x, const py::object& dtype) {
  Arg operand;
  if (dtype.is_none())
    operand = to_arg(x, "x");
  else
    operand = settle(loosen(x, "x"), parse_dtype(dtype, "dtype"), "x");
  if (operand.tensor) return operand.tensor;
  Attrs attrs;
  attrs.shape = operand.type().shape;
  return apply1(Op::Reshape, {operand}, attrs);
}

py::object producer(const TensorImpl& t) {
  if (t.kind != TensorImpl::Kind::functional)
    throw TypeError("producer: expected a Tensor made from ff.Input");
  if (t.op == Op::Input) return py::none();
  py::list operands;
  for (const Arg& a : t.inputs)
    operands.append(a.tensor ? py::cast(a.tensor) : py::cast(a.variable));
  return operands;
}

}  // namespace

namespace {

// What changes form, and the functional graphs.
void bind_form_ops(py::module_& m) {
  m.def("reshape", [](const py::object& x, const py::object& shape) {
    return op_reshape(to_arg(x, "x"), shape);
  });
  m.def("transpose", [](const py::object& x, const py::object& axes) {
    return op_transpose(to_arg(x, "x"), axes);
  });
  m.def("concatenate", &concatenate);
  m.def("broadcast_to", [](const py::object& x, const py::object& shape) {
    Attrs attrs;
    attrs.shape = shape_from(shape, "shape");
    return apply1(Op::BroadcastTo, {to_arg(x, "x")}, attrs);
  });
  m.def("one_hot", &one_hot);
  m.def("stop_gradient",
        [](const py::object& x) { return apply1(Op::StopGradient, {to_arg(x, "x")}); });
  m.def("dropout", &dropout);
  m.def("shape", &shape_of);
  m.def(
      "placeholder",
      [](const py::object& shape, const std::string& dtype, const py::object& note) {
        Tensor t = placeholder({parse_dtype(py::str(dtype), "dtype"), shape_from(shape, "shape")});
        t->note = std::shared_ptr<void>(new py::object(note), [](void* p) {
          const py::gil_scoped_acquire gil;
          delete static_cast<py::object*>(p);
        });
        return t;
      },
      py::arg("shape"), py::arg("dtype"), py::arg("note") = py::none());
  m.def("note", [](const TensorImpl& t) {
    return t.note ? *static_cast<const py::object*>(t.note.get()) : py::object(py::none());
  });
  m.def("producer", &producer);
}

// Ops whose arithmetic may take less than pybind11's dispatch.

void expect_arguments(const char* name, Py_ssize_t came, Py_ssize_t least, Py_ssize_t most) {
  if (came >= least && came <= most) return;
  const std::string wanted = least < most ? std::to_string(least) + " or " : std::string();
  throw TypeError(std::string(name) + ": got " + std::to_string(came) + " arguments, expected " +
                  wanted + std::to_string(most));
}

std::string text(PyObject* x) {
  if (!PyUnicode_Check(x)) throw TypeError("name: got " + type_name(x) + ", expected a string");
  return py::reinterpret_borrow<py::object>(x).cast<std::string>();
}

PyObject* short_matmul(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return enter([&] {
    expect_arguments("matmul", count, 2, 2);
    return to_python(op_matmul(args[0], args[1])).release().ptr();
  });
}

PyObject* short_binary(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return enter([&] {
    expect_arguments("binary", count, 3, 3);
    return to_python(op_binary(op_named(text(args[0])), args[1], args[2])).release().ptr();
  });
}

PyObject* short_map(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return enter([&] {
    expect_arguments("map", count, 2, 3);
    const double alpha = count == 3 ? PyFloat_AsDouble(args[2]) : 0.0;
    if (alpha == -1.0 && PyErr_Occurred()) throw py::error_already_set();
    return to_python(op_map(text(args[0]), args[1], alpha)).release().ptr();
  });
}

void bind_short_ops(py::module_& m) {
  using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
  const auto entry = [](Fast f) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
  };
  static PyMethodDef methods[] = {{"matmul", entry(short_matmul), METH_FASTCALL, nullptr},
                                  {"binary", entry(short_binary), METH_FASTCALL, nullptr},
                                  {"map", entry(short_map), METH_FASTCALL, nullptr},
                                  {}};
  if (PyModule_AddFunctions(m.ptr(), methods) != 0) throw py::error_already_set();
}

}  // namespace

void bind_ops(py::module_& m) {
  const py::object none = py::none();
  m.def("convert", &identity, py::arg("x"), py::arg("dtype") = none);
  m.def("functions", [] { return function_names(); });
  m.def("logical_not", [](const py::object& x) {
    return apply1(Op::Equal, {cast_arg(to_arg(x, "x"), DType::b8),
                              arg(scalar(0, DType::b8, get_backend("cpu")))});
  });
  m.def("where", &where);
  m.def("cast", [](const py::object& x, const py::object& dtype) {
    const DType t = parse_dtype(dtype, "dtype");
    const Loose loose = loosen(x, "x");
    const Arg y =
        loose.is_weak() && !is_float(t) ? cast_arg(to_arg(x, "x"), t) : settle(loose, t, "x");
    return y.tensor ? y.tensor : identity(x, py::none());
  });
  m.def("reduce", &reduce);
  m.def("argmax", &argmax);
  m.def("softmax", [](const py::object& x, const py::object& axis) {
    return softmax_along(Op::Softmax, x, axis);
  });
  m.def("log_softmax", [](const py::object& x, const py::object& axis) {
    return softmax_along(Op::LogSoftmax, x, axis);
  });
  m.def("xent", &xent);
  bind_form_ops(m);
  bind_short_ops(m);
}

}  // namespace feedfwd::bindings
