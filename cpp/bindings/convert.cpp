#include "convert.h"

#include "gil.h"

#include <cmath>
#include <limits>

#include "core/float_state.h"

namespace feedfwd::bindings {

namespace {

constexpr DType kAll[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::b8,  DType::i8,
                          DType::u8,  DType::i16, DType::u16, DType::u32, DType::u64, DType::f16};

py::module_ numpy() { return py::module_::import("numpy"); }

std::optional<DType> dtype_named(const std::string& name) {
  for (DType t : kAll)
    if (name == name_of(t)) return t;
  return std::nullopt;
}

// The compute dtype that holds values of a data dtype.
DType widened(DType t) {
  switch (t) {
    case DType::f16:
      return DType::f32;
    case DType::i8:
    case DType::u8:
    case DType::i16:
    case DType::u16:
      return DType::i32;
    case DType::u32:
    case DType::u64:
      return DType::i64;
    default:
      return t;
  }
}

bool is_weak_type(const py::handle& x) {
  return PyBool_Check(x.ptr()) || PyLong_CheckExact(x.ptr()) || PyFloat_CheckExact(x.ptr());
}

Tensor from_array(py::array array, DType dtype, const char* argument) {
  if (array.ndim() > kMaxRank)
    throw std::invalid_argument(std::string(argument) + ": got " + std::to_string(array.ndim()) +
                                " dimensions, expected at most " + std::to_string(kMaxRank));
  const FloatState nearest;
  array = array.attr("astype")(numpy_dtype(dtype), py::arg("order") = "C", py::arg("copy") = false)
              .cast<py::array>();
  ValueType type{dtype, {}};
  type.shape.rank = static_cast<int>(array.ndim());
  for (int i = 0; i < type.shape.rank; ++i) type.shape.dims[i] = array.shape(i);
  return from_host(type, array.data(), get_backend("cpu"));
}

Tensor array_tensor(const py::handle& x, const char* argument, bool python_data) {
  const auto object = py::reinterpret_borrow<py::object>(x);
  if (!python_data && is_on_device(object)) return from_device(object, argument);
  const py::object as_array = py::module_::import("feedfwd.data").attr("as_array");
  const py::array array = call_out([&] { return as_array(x, argument); }).cast<py::array>();
  const std::string kind = py::str(array.dtype().attr("kind"));
  const std::string name = py::str(array.dtype().attr("name"));
  const std::optional<DType> data = dtype_named(name);
  if (!data)
    throw TypeError(std::string(argument) + ": got dtype " + name +
                    ", expected bool, integers or floats");
  DType dtype = widened(*data);
  if (python_data && dtype == DType::f64) {  // float32, as a Python float would be
    py::module_::import("feedfwd.data").attr("check_values")(array, "float32", argument, false);
    dtype = DType::f32;
  }
  if (python_data && dtype == DType::i64) {
    const py::object low = array.attr("min")(), high = array.attr("max")();
    if (array.size() == 0 ||
        (low.cast<int64_t>() >= INT32_MIN && high.cast<int64_t>() <= INT32_MAX))
      dtype = DType::i32;
  }
  if (*data == DType::u64 && array.size() > 0 &&
      array.attr("max")().cast<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    throw std::invalid_argument(std::string(argument) + ": a uint64 value does not fit int64");
  return from_array(array, dtype, argument);
}

PyTypeObject* tensor_type = nullptr;
PyTypeObject* variable_type = nullptr;

// The owner in an instance of exactly the type that py::class_ made for T.
template <class T>
const std::shared_ptr<T>& owner_of(const py::handle& x) {
  auto held = reinterpret_cast<py::detail::instance*>(x.ptr())->get_value_and_holder();
  if (!held.holder_constructed()) throw TypeError(type_name(x) + ": its __init__ was not called");
  return held.template holder<std::shared_ptr<T>>();
}

// The tensor of an array that needs no other form, by NumPy's structures; null for others.
Tensor plain_array(const py::handle& x) {
  const auto& api = py::detail::npy_api::get();
  constexpr int kPlain =
      py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (!Py_IS_TYPE(x.ptr(), api.PyArray_Type_)) return nullptr;
  const auto* array = py::detail::array_proxy(x.ptr());
  if ((array->flags & kPlain) != kPlain || array->nd > kMaxRank) return nullptr;
  for (const DType t : {DType::f32, DType::f64, DType::i64, DType::i32, DType::b8}) {
    if (array->descr != numpy_dtype(t).ptr()) continue;
    ValueType type{t, {}};
    type.shape.rank = array->nd;
    for (int i = 0; i < array->nd; ++i)
      type.shape.dims[static_cast<size_t>(i)] = array->dimensions[i];
    const auto kept = py::reinterpret_borrow<py::object>(x);
    return from_host(type, array->data, get_backend("cpu"));
  }
  return nullptr;
}

Arg weak_constant(const py::object& value, DType dtype, const char* argument) {
  const std::shared_ptr<Backend> backend = get_backend("cpu");
  if (dtype == DType::i64 || dtype == DType::i32) {
    int overflow = 0;
    const long long v = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow || (dtype == DType::i32 && (v < INT32_MIN || v > INT32_MAX)))
      throw std::invalid_argument(std::string(argument) + ": " + std::string(py::str(value)) +
                                  " does not fit " + name_of(dtype));
    if (dtype == DType::i32) return arg(scalar(static_cast<double>(v), dtype, backend));
    const int64_t exact = v;
    return arg(from_host({dtype, {}}, &exact, backend));
  }
  const double v = PyFloat_AsDouble(value.ptr());
  if (v == -1.0 && PyErr_Occurred()) throw py::error_already_set();
  if (dtype == DType::f32 && std::isfinite(v) &&
      std::fabs(v) > static_cast<double>(std::numeric_limits<float>::max()))
    throw std::invalid_argument(std::string(argument) + ": " + std::string(py::str(value)) +
                                " does not fit float32");
  return arg(scalar(v, dtype, backend));
}

DType weak_dtype(const py::object& value) {
  if (PyBool_Check(value.ptr())) return DType::b8;
  if (PyFloat_Check(value.ptr())) return DType::f32;
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  return !overflow && v >= INT32_MIN && v <= INT32_MAX ? DType::i32 : DType::i64;
}

}  // namespace

std::string type_name(const py::handle& x) {
  return py::str(py::type::handle_of(x).attr("__name__"));
}

std::string shown(const py::handle& x) {
  return py::str(py::module_::import("feedfwd.arguments").attr("shown")(x));
}

int64_t integer(const py::handle& x, const char* argument) {
  const auto refused = [&](const char* expected) {
    return std::string(argument) + ": got " + shown(x) + " of type " + type_name(x) +
           ", expected " + expected;
  };
  if (PyBool_Check(x.ptr()) || !PyIndex_Check(x.ptr())) throw TypeError(refused("an integer"));
  const Py_ssize_t v = PyNumber_AsSsize_t(x.ptr(), PyExc_OverflowError);
  if (v != -1 || !PyErr_Occurred()) return v;
  const bool long_one = PyErr_ExceptionMatches(PyExc_OverflowError);
  if (!long_one && !PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
  PyErr_Clear();
  if (long_one) throw std::invalid_argument(refused("an integer of less than 64 bits"));
  throw TypeError(refused("an integer"));  // arrays and NumPy's bool only look like integers
}

std::string where_we_are() {
  const py::object hook = py::module_::import("feedfwd._core").attr("_layer_name");
  if (hook.is_none()) return "";
  const py::object name = call_out([&] { return hook(); });
  return name.is_none() ? "" : "layer '" + std::string(py::str(name)) + "': ";
}

DType data_dtype(const std::string& name) {
  if (const auto t = dtype_named(name)) return *t;
  throw TypeError("got dtype " + name + ", expected bool, integers or floats");
}

DType data_dtype(const py::dtype& dtype) {
  // The usual ones without asking for their names, which NumPy puts together in Python.
  const char kind = dtype.kind();
  const auto size = dtype.itemsize();
  if (kind == 'f' && size == 4) return DType::f32;
  if (kind == 'f' && size == 8) return DType::f64;
  if (kind == 'i' && size == 8) return DType::i64;
  return data_dtype(std::string(py::str(dtype.attr("name"))));
}

DType parse_dtype(const py::handle& x, const char* argument) {
  if (x.is_none())  // NumPy's float64, which nobody means here
    throw TypeError(std::string(argument) +
                    ": got None, expected 'float32', 'float64', 'int32', 'int64' or 'bool'");
  std::string name;
  try {
    name = py::str(numpy().attr("dtype")(x).attr("name"));
  } catch (py::error_already_set& error) {
    // No dtype to NumPy; Ctrl-C, which may come in there too, and MemoryError go on their way.
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw;
    name = py::str(x);
  }
  const auto t = dtype_named(name);
  if (!t || !is_compute(*t))
    throw std::invalid_argument(std::string(argument) + ": got " + name +
                                ", expected 'float32', 'float64', 'int32', 'int64' or 'bool'");
  return *t;
}

py::dtype numpy_dtype(DType t) {
  static PyObject* known[std::size(kAll)] = {};  // for good
  PyObject*& descr = known[static_cast<size_t>(t)];
  if (!descr) descr = py::dtype(std::string(name_of(t))).release().ptr();
  return py::reinterpret_borrow<py::dtype>(descr);
}

py::tuple shape_tuple(const Shape& shape) {
  py::tuple t(shape.rank);
  for (int i = 0; i < shape.rank; ++i) {
    const Extent e = shape.extent(i);
    t[i] = e.batch ? py::object(py::none()) : py::object(py::int_(e.n));
  }
  return t;
}

Shape shape_from(const py::handle& x, const char* argument) {
  Shape shape;
  const auto bad = [&](const std::string& why) {
    throw std::invalid_argument(std::string(argument) + ": got " + shown(x) + ", " + why);
  };
  if (!py::isinstance<py::sequence>(x) || py::isinstance<py::str>(x))
    throw TypeError(std::string(argument) + ": got " + type_name(x) + ", expected a tuple of ints");
  const py::sequence seq = py::reinterpret_borrow<py::sequence>(x);
  if (seq.size() > kMaxRank) bad("expected at most " + std::to_string(kMaxRank) + " axes");
  shape.rank = static_cast<int>(seq.size());
  for (int i = 0; i < shape.rank; ++i) {
    const py::object item = seq[i];
    if (item.is_none()) {
      if (i != 0) bad("None (the batch) may stand first only");
      shape.batch = true;
      shape.dims[0] = 1;
      continue;
    }
    const int64_t v = integer(item, argument);
    if (v < 0) bad("expected extents of 0 or more");
    shape.dims[i] = v;
  }
  shape.count();
  return shape;
}

py::array new_array(const ValueType& type) {
  const std::vector<py::ssize_t> shape(type.shape.dims.begin(),
                                       type.shape.dims.begin() + type.shape.rank);
  return py::array(numpy_dtype(type.dtype), shape);
}

py::array to_numpy(const TensorImpl& t) {
  if (t.kind != TensorImpl::Kind::concrete)
    throw TypeError(where_we_are() +
                    "a symbolic Tensor has no values: while a layer is traced use feedfwd.ops "
                    "(ff.ops.where instead of if) and keep NumPy and float() out of call()");
  py::array out = new_array(t.type);
  to_host(t, out.mutable_data());
  return out;
}

py::array to_numpy(const VariableImpl& v) {
  const_cast<VariableImpl&>(v).materialize();
  py::array out = new_array(v.type);
  v.get_dense(out.mutable_data());
  return out;
}

Loose loosen(const py::handle& x, const char* argument) {
  if (Py_IS_TYPE(x.ptr(), tensor_type)) return {arg(owner_of<TensorImpl>(x)), {}};
  if (Py_IS_TYPE(x.ptr(), variable_type)) return {arg(owner_of<VariableImpl>(x)), {}};
  if (Tensor plain = plain_array(x)) return {arg(std::move(plain)), {}};
  if (py::isinstance<TensorImpl>(x)) return {arg(x.cast<Tensor>()), {}};  // of a subclass
  if (py::isinstance<VariableImpl>(x)) return {arg(x.cast<Variable>()), {}};
  if (is_weak_type(x)) return {{}, py::reinterpret_borrow<py::object>(x)};
  if (x.is_none() || py::isinstance<py::str>(x) || py::isinstance<py::bytes>(x) ||
      py::isinstance<py::dict>(x) || py::isinstance<py::set>(x))
    throw TypeError(std::string(argument) + ": got " + type_name(x) +
                    ", expected a Tensor, Variable, array or number");
  const bool python_data = py::isinstance<py::list>(x) || py::isinstance<py::tuple>(x);
  return {arg(array_tensor(x, argument, python_data)), {}};
}

DType promote(std::span<const Loose* const> operands) {
  DType strong = DType::b8, weak = DType::b8;
  bool any_strong = false;
  const auto rank = [](DType t) {
    return t == DType::b8 ? 0 : t == DType::i32 ? 1 : t == DType::i64 ? 2 : t == DType::f32 ? 3 : 4;
  };
  for (const Loose* x : operands) {
    const DType t = x->is_weak() ? weak_dtype(x->weak) : x->arg.type().dtype;
    DType& into = x->is_weak() ? weak : strong;
    any_strong |= !x->is_weak();
    if (rank(t) > rank(into)) into = t;
  }
  if (!any_strong) return weak;
  if (is_float(strong) || weak == DType::b8) return strong;
  if (is_float(weak)) return DType::f32;
  return strong == DType::b8 ? weak : strong;
}

Arg cast_arg(Arg x, DType dtype) {
  if (x.type().dtype == dtype) return x;
  Attrs attrs;
  attrs.dtype = dtype;
  return arg(apply1(Op::Cast, {x}, attrs));
}

Arg settle(Loose x, DType dtype, const char* argument) {
  return x.is_weak() ? weak_constant(x.weak, dtype, argument) : cast_arg(std::move(x.arg), dtype);
}

Arg to_arg(const py::handle& x, const char* argument) {
  const Loose loose = loosen(x, argument);
  return loose.is_weak() ? weak_constant(loose.weak, weak_dtype(loose.weak), argument) : loose.arg;
}

py::object to_python(const Tensor& tensor) {
  // Nobody else has it, so that no Python object can know it yet.
  if (tensor.use_count() > 1) return py::cast(tensor);
  static const py::detail::type_info* const type = py::detail::get_type_info(tensor_type);
  auto made = py::reinterpret_steal<py::object>(py::detail::make_new_instance(tensor_type));
  auto* const instance = reinterpret_cast<py::detail::instance*>(made.ptr());
  instance->owned = true;
  instance->get_value_and_holder().value_ptr() = tensor.get();
  type->init_instance(instance, &tensor);
  return made;
}

void bind_convert(py::module_&) {
  tensor_type = reinterpret_cast<PyTypeObject*>(py::type::of<TensorImpl>().ptr());
  variable_type = reinterpret_cast<PyTypeObject*>(py::type::of<VariableImpl>().ptr());
}

Arg floating(const Arg& x) { return is_float(x.type().dtype) ? x : cast_arg(x, DType::f32); }

}  // namespace feedfwd::bindings
