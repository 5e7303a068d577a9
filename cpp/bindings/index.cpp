// x[key] with ints, slices, None and ...: one Slice per axis that is cut, and a Reshape where axes
// come or go.
#include "ops.h"

namespace feedfwd::bindings {
namespace {

class Indexer {
 public:
  explicit Indexer(const Arg& x) : value_(x), rank_(x.type().shape.rank) {}

  Tensor take(const py::tuple& keys) {
    int used = 0, ellipses = 0;
    for (const py::handle k : keys) {
      ellipses += k.is(py::ellipsis());
      used += !(k.is_none() || k.is(py::ellipsis()));
    }
    if (ellipses > 1) throw py::index_error("an index can have one ellipsis only");
    if (used > rank_)
      throw py::index_error("too many indices: got " + std::to_string(used) + " for shape " +
                            value_.type().shape.str());
    for (const py::handle k : keys) {
      if (k.is_none()) {
        keep(1, false);
      } else if (k.is(py::ellipsis())) {
        keep_axes(rank_ - used);
      } else if (PySlice_Check(k.ptr())) {
        slice(k);
      } else if (PyIndex_Check(k.ptr()) && !PyBool_Check(k.ptr())) {
        pick(k);
      } else {
        throw TypeError("indexing: got " + type_name(k) + ", expected ints, slices, None or ...");
      }
    }
    keep_axes(rank_ - axis_);
    if (value_.tensor && value_.type().shape == result_) return value_.tensor;
    Attrs attrs;
    attrs.shape = result_;
    return apply1(Op::Reshape, {value_}, attrs);
  }

 private:
  void keep(int64_t extent, bool batch) {
    if (batch && result_.rank > 0)
      throw std::invalid_argument("indexing: the batch must stay the first axis");
    if (result_.rank == kMaxRank) throw std::invalid_argument("indexing: too many axes");
    result_.batch |= batch;
    result_.dims[result_.rank++] = extent;
  }
  void keep_axes(int count) {
    for (; count > 0; --count, ++axis_)
      keep(value_.type().shape[axis_], value_.type().shape.extent(axis_).batch);
  }
  void cut(int64_t start, int64_t step, int64_t count) {
    Attrs attrs;
    attrs.i = {axis_, start, step, count};
    value_ = arg(apply1(Op::Slice, {value_}, attrs));
  }
  void slice(const py::handle& key) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(key.ptr(), &start, &stop, &step) < 0) throw py::error_already_set();
    const Extent e = value_.type().shape.extent(axis_);
    const bool full = start == 0 && stop == PY_SSIZE_T_MAX && step == 1;
    if (e.batch && !full)
      throw TypeError("indexing: a symbolic batch cannot be sliced; slice the other axes");
    const Py_ssize_t count = PySlice_AdjustIndices(e.n, &start, &stop, step);
    if (!full && !(start == 0 && step == 1 && count == e.n)) cut(start, step, count);
    keep_axes(1);
  }
  void pick(const py::handle& key) {
    const Py_ssize_t i = PyNumber_AsSsize_t(key.ptr(), PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) throw py::error_already_set();
    const Extent e = value_.type().shape.extent(axis_);
    if (e.batch)
      throw TypeError("indexing: a symbolic batch cannot be indexed; index the other axes");
    if (i < -e.n || i >= e.n)
      throw py::index_error("index " + std::to_string(i) + " is out of range for an axis of " +
                            std::to_string(e.n));
    cut(i < 0 ? i + e.n : i, 1, 1);
    ++axis_;
  }

  Arg value_;
  int rank_;
  Shape result_;
  int axis_ = 0;
};

}  // namespace

Tensor op_getitem(const Arg& x, const py::handle& key) {
  return Indexer(x).take(py::isinstance<py::tuple>(key)
                             ? py::reinterpret_borrow<py::tuple>(key)
                             : py::make_tuple(py::reinterpret_borrow<py::object>(key)));
}

}  // namespace feedfwd::bindings
