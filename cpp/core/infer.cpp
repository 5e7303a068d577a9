#include "core/infer.h"

namespace feedfwd {

void Call::fail(const std::string& what) const {
  throw std::invalid_argument(std::string(name_of(op)) + ": " + what);
}

void Call::fail_dtype(DType came, const std::string& expected) const {
  throw TypeError(std::string(name_of(op)) + ": dtype " + name_of(came) + " came, " + expected +
                  " expected");
}

void Call::expect_inputs(size_t count) const {
  if (in.size() != count) {
    fail(std::to_string(in.size()) + " operands came, " + std::to_string(count) + " expected");
  }
}

void Call::expect_float(int input) const {
  if (!is_float(in[input].dtype)) fail_dtype(in[input].dtype, "float32 or float64");
}

void Call::expect_number(int input) const {
  if (!is_float(in[input].dtype) && !is_integer(in[input].dtype)) {
    fail_dtype(in[input].dtype, "float32, float64, int32 or int64");
  }
}

void Call::expect_same_dtype(int a, int b) const {
  if (in[a].dtype != in[b].dtype) {
    throw TypeError(std::string(name_of(op)) + ": dtypes " + name_of(in[a].dtype) + " and " +
                    name_of(in[b].dtype) + " came, equal dtypes expected");
  }
}

void Call::expect_same_shape(int a, int b) const {
  if (in[a].shape != in[b].shape) {
    fail("shapes " + in[a].shape.str() + " and " + in[b].shape.str() +
         " came, equal shapes expected");
  }
}

int Call::axis(int index) const {
  const int64_t axis = attrs.i[index];
  if (axis < 0 || axis >= in[0].shape.rank) {
    fail("axis " + std::to_string(axis) + " came for shape " + in[0].shape.str() +
         ", 0 <= axis < " + std::to_string(in[0].shape.rank) + " expected");
  }
  return static_cast<int>(axis);
}

Shape broadcast(const Call& call, const Shape& a, const Shape& b) {
  Shape out;
  out.rank = std::max(a.rank, b.rank);
  for (int k = 0; k < out.rank; ++k) {
    const int ka = k - (out.rank - a.rank), kb = k - (out.rank - b.rank);
    const Extent ea = ka < 0 ? Extent{} : a.extent(ka);
    const Extent eb = kb < 0 ? Extent{} : b.extent(kb);
    const Extent one{};
    const Extent e = ea == one ? eb : ea;
    if ((ea != one && eb != one && ea != eb) || (e.batch && k > 0)) {
      call.fail("shapes " + a.str() + " and " + b.str() +
                " do not broadcast; expected equal extents or 1 on each axis from the right, and "
                "the batch on the leading axis only");
    }
    out.dims[k] = e.n;
    out.batch = out.batch || e.batch;
  }
  return out;
}

Shape without_axis(const Shape& shape, int axis) {
  return reduced(shape, int64_t{1} << axis, false);
}

Shape reduced(const Shape& shape, int64_t mask, bool keepdims) {
  Shape out;
  out.batch = shape.batch && !(mask & 1);
  for (int k = 0; k < shape.rank; ++k) {
    if (!(mask >> k & 1)) {
      out.dims[out.rank++] = shape.dims[k];
    } else if (keepdims) {
      out.dims[out.rank++] = 1;
    }
  }
  return out;
}

// Leaves: attrs say it all; Graph makes their types itself, eager calls never come here with one
// but for Rows. Rows: no operands; result int64 scalar.
static Types infer_leaf(const Call& call) {
  call.expect_inputs(0);
  if (call.op == Op::Rows) return {{DType::i64, Shape{}}};
  call.fail("this leaf has no shape rule; Graph::" + std::string(name_of(call.op)) + " adds it");
}

std::vector<ValueType> infer(Op op, const std::vector<ValueType>& inputs, const Attrs& attrs) {
  const Call call{op, inputs, attrs};
  for (const ValueType& type : inputs) {
    if (!is_compute(type.dtype)) {
      call.fail_dtype(type.dtype, "float32, float64, int32, int64 or bool");
    }
  }
  if (op <= Op::Rows) return infer_leaf(call);
  if (is_elementwise(op)) return infer_elementwise(call);
  if (op >= Op::Matmul && op <= Op::OneHot) return infer_rows(call);
  if (op >= Op::Reshape && op <= Op::StopGradient) return infer_form(call);
  call.fail("an op of plans came, an op of graphs expected");
}

}  // namespace feedfwd
