// Ops between the layers of a model as plain dicts: written to files by name, and checked when
// read.
#include <algorithm>

#include "core/functions.h"
#include "ops.h"

namespace feedfwd::bindings {
namespace {

// Reads the values of a spec that may come from any file; every mistake is a ValueError.
class Reader {
 public:
  explicit Reader(const py::dict& spec) : spec_(spec) {}

  [[noreturn]] static void fail(const std::string& key, const std::string& expected) {
    throw std::invalid_argument("op spec: " + key + ": expected " + expected);
  }

  py::handle get(const char* key) {
    if (!spec_.contains(key)) fail(key, "a value, none is there");
    ++read_;
    return spec_[key];
  }

  std::string text(const char* key) {
    const py::handle value = get(key);
    if (!PyUnicode_Check(value.ptr())) fail(key, "a string");
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
    if (!bytes) {
      PyErr_Clear();
      fail(key, "text in Unicode");
    }
    return std::string(bytes, static_cast<size_t>(size));
  }

  static int64_t integer_of(const py::handle& value, const char* key) {
    if (!PyLong_Check(value.ptr()) || PyBool_Check(value.ptr())) fail(key, "an integer");
    int overflow = 0;
    const int64_t n = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
    if (overflow) fail(key, "an integer of 64 bits");
    return n;
  }
  int64_t integer(const char* key) { return integer_of(get(key), key); }

  bool flag(const char* key) {
    const py::handle value = get(key);
    if (!PyBool_Check(value.ptr())) fail(key, "true or false");
    return value.ptr() == Py_True;
  }

  double number(const char* key) {
    const py::handle value = get(key);
    if (PyFloat_Check(value.ptr())) return PyFloat_AS_DOUBLE(value.ptr());
    return static_cast<double>(integer_of(value, key));
  }

  // At most one number per axis that there can be.
  std::vector<int64_t> integers(const char* key) {
    const py::handle value = get(key);
    const bool sequence = PyList_Check(value.ptr()) || PyTuple_Check(value.ptr());
    if (!sequence || PySequence_Size(value.ptr()) > kMaxRank)
      fail(key, "a list of at most " + std::to_string(kMaxRank) + " integers");
    std::vector<int64_t> found;
    for (const py::handle item : py::reinterpret_borrow<py::sequence>(value))
      found.push_back(integer_of(item, key));
    return found;
  }

  DType dtype(const char* key) {
    const std::string name = text(key);
    for (const DType t : {DType::f32, DType::f64, DType::i32, DType::i64, DType::b8})
      if (name == name_of(t)) return t;
    fail(key, "float32, float64, int32, int64 or bool");
  }

  Shape shape() {
    Shape shape;
    for (const int64_t n : integers("shape")) {
      if (n < 0) fail("shape", "extents of at least 0");
      shape.dims[shape.rank++] = n;
    }
    shape.batch = flag("batch");
    if (shape.batch && shape.rank == 0) fail("batch", "an axis for it in the shape");
    shape.count();  // throws where it overflows
    return shape;
  }

  void done() const {
    if (read_ != spec_.size()) fail("keys", "only those that the op has");
  }

 private:
  const py::dict& spec_;
  size_t read_ = 0;
};

// The ops that a user's expression on symbolic Tensors makes.
bool is_describable(Op op) {
  switch (op) {
    case Op::MapGrad:
    case Op::Dropout:
    case Op::XentGrad:
    case Op::SliceGrad:
      return false;
    default:
      return op >= Op::Map && op <= Op::StopGradient;
  }
}

py::list mask_to_list(int64_t mask) {
  py::list axes;
  for (int k = 0; k < kMaxRank; ++k)
    if (mask >> k & 1) axes.append(k);
  return axes;
}

void write_shape(py::dict& spec, const Shape& shape) {
  py::list extents;
  for (int k = 0; k < shape.rank; ++k) extents.append(shape.dims[k]);
  spec["shape"] = extents;
  spec["batch"] = shape.batch;
}

void write_slice(py::dict& spec, const Attrs& attrs) {
  spec["axis"] = attrs.i[0];
  spec["start"] = attrs.i[1];
  spec["step"] = attrs.i[2];
  spec["count"] = attrs.i[3];
}

py::dict op_spec(const TensorImpl& t) {
  if (t.kind != TensorImpl::Kind::functional || t.op == Op::Input)
    throw TypeError("op_spec: expected a Tensor made by an op on what ff.Input returned");
  if (!is_describable(t.op) || t.output != 0)
    throw std::invalid_argument(std::string("op ") + name_of(t.op) + " cannot be put in a config");
  const Attrs& attrs = t.attrs;
  py::dict spec;
  spec["op"] = name_of(t.op);
  switch (t.op) {
    case Op::Map:
      spec["fn"] = function_name(attrs.fn);
      spec["alpha"] = attrs.f[0];
      break;
    case Op::Cast:
      spec["dtype"] = name_of(attrs.dtype);
      break;
    case Op::Matmul:
      spec["transpose_a"] = attrs.i[0] != 0;
      spec["transpose_b"] = attrs.i[1] != 0;
      spec["lanes"] = attrs.i[2] != 0;
      break;
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
      spec["axes"] = mask_to_list(attrs.i[0]);
      spec["keepdims"] = attrs.i[1] != 0;
      break;
    case Op::ArgMax:
    case Op::Concat:
      spec["axis"] = attrs.i[0];
      break;
    case Op::OneHot:
      spec["depth"] = attrs.i[0];
      spec["dtype"] = name_of(attrs.dtype);
      break;
    case Op::Slice:
      write_slice(spec, attrs);
      break;
    case Op::Transpose: {
      py::list axes;
      for (int k = 0; k < t.type.shape.rank; ++k) axes.append(attrs.i[k]);
      spec["axes"] = axes;
      break;
    }
    case Op::Reshape:
    case Op::BroadcastTo:
      write_shape(spec, attrs.shape);
      break;
    default:
      break;
  }
  return spec;
}

int64_t read_mask(Reader& reader) {
  int64_t mask = 0;
  for (const int64_t axis : reader.integers("axes")) {
    if (axis < 0 || axis >= kMaxRank || (mask >> axis & 1))
      Reader::fail("axes", "axes that exist, each once");
    mask |= int64_t{1} << axis;
  }
  return mask;
}

void read_transpose(Reader& reader, const std::vector<Arg>& operands, Attrs& attrs) {
  const std::vector<int64_t> axes = reader.integers("axes");
  if (operands.size() != 1 || static_cast<int>(axes.size()) != operands[0].type().shape.rank)
    Reader::fail("axes", "one per axis of the operand");
  std::copy(axes.begin(), axes.end(), attrs.i.begin());
}

void read_slice(Reader& reader, Attrs& attrs) {
  attrs.i[0] = reader.integer("axis");
  attrs.i[1] = reader.integer("start");
  attrs.i[2] = reader.integer("step");
  attrs.i[3] = reader.integer("count");
}

// The attributes of `op`. Ranges that depend on the operands are checked by the op's shape rule.
Attrs read_attrs(Op op, Reader& reader, const std::vector<Arg>& operands) {
  Attrs attrs;
  switch (op) {
    case Op::Map:
      attrs.fn = function_id(reader.text("fn"));
      attrs.f[0] = reader.number("alpha");
      break;
    case Op::Cast:
      attrs.dtype = reader.dtype("dtype");
      break;
    case Op::Matmul:
      attrs.i[0] = reader.flag("transpose_a");
      attrs.i[1] = reader.flag("transpose_b");
      attrs.i[2] = reader.flag("lanes");
      break;
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
      attrs.i[0] = read_mask(reader);
      attrs.i[1] = reader.flag("keepdims");
      break;
    case Op::ArgMax:
    case Op::Concat:
      attrs.i[0] = reader.integer("axis");
      break;
    case Op::OneHot:
      attrs.i[0] = reader.integer("depth");
      attrs.dtype = reader.dtype("dtype");
      break;
    case Op::Slice:
      read_slice(reader, attrs);
      break;
    case Op::Transpose:
      read_transpose(reader, operands, attrs);
      break;
    case Op::Reshape:
    case Op::BroadcastTo:
      attrs.shape = reader.shape();
      break;
    default:
      break;
  }
  return attrs;
}

// On values the batch is a number of rows: the shape gets the one that the operand has.
void settle_batch(Op op, const std::vector<Arg>& operands, Shape& to) {
  if (!to.batch || operands.size() != 1) return;
  const Shape& from = operands[0].type().shape;
  if (from.batch || from.rank == 0) return;
  const int64_t per_row = to.count();
  const bool counted = op == Op::Reshape && per_row > 0;
  const int64_t rows = counted ? from.count() / per_row : from.dims[0];
  to.batch = false;
  to.dims[0] = checked_mul(to.dims[0], rows);
  to.count();
}

Tensor apply_spec(const py::dict& spec, const py::sequence& operands) {
  std::vector<Arg> args;
  for (const py::handle o : operands) {
    if (!py::isinstance<TensorImpl>(o) && !py::isinstance<VariableImpl>(o))
      Reader::fail("operands", "Tensors and Variables, " + type_name(o) + " came");
    args.push_back(to_arg(o, "operands"));
  }
  Reader reader(spec);
  const Op op = op_named(reader.text("op"));
  if (!is_describable(op))
    Reader::fail("op", "an op of models, " + std::string(name_of(op)) + " came");
  Attrs attrs = read_attrs(op, reader, args);
  reader.done();
  settle_batch(op, args, attrs.shape);
  return apply1(op, args, attrs);
}

}  // namespace

void bind_specs(py::module_& m) {
  m.def("op_spec", &op_spec);
  m.def("apply_spec", &apply_spec);
}

}  // namespace feedfwd::bindings
