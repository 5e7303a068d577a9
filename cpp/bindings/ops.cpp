#include "ops.h"

#include <set>

#include "core/functions.h"

namespace feedfwd::bindings {

Op op_named(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Op::Update); ++i)
    if (name == name_of(static_cast<Op>(i))) return static_cast<Op>(i);
  throw std::invalid_argument("no op is named '" + name + "'");
}

int normal_axis(const py::handle& axis, int rank, const char* argument) {
  const int64_t a = integer(axis, argument);
  if (rank == 0)
    throw std::invalid_argument(std::string(argument) + ": got " + std::to_string(a) +
                                " for a scalar, which has no axes");
  if (a < -rank || a >= rank)
    throw std::invalid_argument(std::string(argument) + ": got " + std::to_string(a) +
                                ", expected " + std::to_string(-rank) + " to " +
                                std::to_string(rank - 1) + " for " + std::to_string(rank) +
                                " axes");
  return static_cast<int>(a < 0 ? a + rank : a);
}

Tensor op_map(const std::string& function, const py::handle& x, double alpha) {
  Attrs attrs;
  attrs.fn = function_id(function);
  attrs.f[0] = alpha;
  Arg operand = to_arg(x, "x");
  if (const DType t = operand.type().dtype; !is_float(t)) {
    static const std::set<std::string> exact = {"neg", "abs", "sign", "square"};
    const bool is_exact = exact.count(function) > 0;
    if (!is_exact || t == DType::b8)
      operand = cast_arg(operand, is_exact ? DType::i32 : DType::f32);
  }
  return apply1(Op::Map, {operand}, attrs);
}

std::vector<Arg> both(Arg a, Arg b) {
  std::vector<Arg> args;
  args.reserve(2);
  args.push_back(std::move(a));
  args.push_back(std::move(b));
  return args;
}

Tensor op_binary(Op op, const py::handle& a, const py::handle& b) {
  Loose x = loosen(a, "left operand"), y = loosen(b, "right operand");
  const Loose* const operands[] = {&x, &y};
  DType t = promote(operands);
  const bool logical = op == Op::LogicalAnd || op == Op::LogicalOr;
  const bool comparison = op == Op::Equal || op == Op::NotEqual;
  if (logical)
    t = DType::b8;
  else if (op == Op::Divide && !is_float(t))
    t = t == DType::f64 ? DType::f64 : DType::f32;
  else if (t == DType::b8 && !comparison)
    t = DType::i32;
  Arg left = settle(std::move(x), t, "left operand");
  return apply1(op, both(std::move(left), settle(std::move(y), t, "right operand")));
}

namespace {

// A matmul operand as the graph takes it: 2-D, with a flag where a transpose made it.
struct Factor {
  Arg arg;
  bool transposed = false;
};

Factor factor(Arg x) {
  if (x.tensor && x.tensor->transposed_from) return {*x.tensor->transposed_from, true};
  return {std::move(x), false};
}

Arg reshaped(const Arg& x, const Shape& shape) {
  if (x.type().shape == shape) return x;
  Attrs attrs;
  attrs.shape = shape;
  return arg(apply1(Op::Reshape, {x}, attrs));
}

}  // namespace

Tensor op_matmul(const py::handle& a, const py::handle& b) {
  Loose x = loosen(a, "x1"), y = loosen(b, "x2");
  const Loose* const operands[] = {&x, &y};
  const DType t = promote(operands);
  if (x.is_weak() || y.is_weak())
    throw std::invalid_argument("matmul: got a scalar, expected arrays of at least one axis");
  if (!is_float(t))
    throw TypeError(std::string("matmul: got ") + name_of(t) + ", expected float32 or float64");
  Arg left = settle(std::move(x), t, "x1"), right = settle(std::move(y), t, "x2");
  const Shape sa = left.type().shape, sb = right.type().shape;
  if (sa.rank == 0 || sb.rank == 0 || sb.rank > 2)
    throw std::invalid_argument("matmul: got shapes " + sa.str() + " and " + sb.str() +
                                ", expected x1 of one or more axes and x2 of one or two");
  if (!sa.batch && !sb.batch && sa[-1] != sb[0])  // before vectors become matrices
    throw std::invalid_argument("matmul: shapes " + sa.str() + " and " + sb.str() +
                                " came, equal inner extents expected");
  if (sa.rank == 1) left = reshaped(left, Shape({1, sa[0]}));
  if (sb.rank == 1) right = reshaped(right, Shape({sb[0], 1}));
  if (sa.rank > 2) {
    Shape flat({1, sa[-1]}, sa.batch);
    for (int i = 0; i < sa.rank - 1; ++i) flat.dims[0] = checked_mul(flat.dims[0], sa[i]);
    left = reshaped(left, flat);
  }
  Factor fa = factor(std::move(left)), fb = factor(std::move(right));
  const Shape& shape_b = fb.arg.type().shape;
  Attrs attrs;
  attrs.i[0] = fa.transposed;
  attrs.i[1] = fb.transposed;
  attrs.i[2] = fb.arg.variable && !fa.transposed && shape_b[fb.transposed ? 0 : 1] <= 4;
  Tensor c = apply1(Op::Matmul, both(std::move(fa.arg), std::move(fb.arg)), attrs);
  if (sa.rank == 2 && sb.rank == 2) return c;
  Shape result;  // NumPy's: leading axes of a, then the columns of b
  result.batch = sa.batch && sa.rank > 1;
  for (int i = 0; i < sa.rank - 1; ++i) result.dims[result.rank++] = sa[i];
  if (sb.rank == 2) result.dims[result.rank++] = sb[1];
  return reshaped(arg(c), result).tensor;
}

Tensor op_transpose(const Arg& x, const py::object& axes) {
  const int rank = x.type().shape.rank;
  Attrs attrs;
  if (axes.is_none()) {
    for (int i = 0; i < rank; ++i) attrs.i[i] = rank - 1 - i;
  } else {
    if (!py::isinstance<py::list>(axes) && !py::isinstance<py::tuple>(axes))
      throw TypeError("axes: got " + shown(axes) + ", expected a tuple of ints or None");
    const py::sequence seq = axes;
    if (static_cast<int>(seq.size()) != rank)
      throw std::invalid_argument("transpose: got axes " + shown(axes) + ", expected each of the " +
                                  std::to_string(rank) + " axes once");
    std::set<int> seen;
    for (int i = 0; i < rank; ++i) {
      attrs.i[i] = normal_axis(py::object(seq[i]), rank, "axes");
      seen.insert(static_cast<int>(attrs.i[i]));
    }
    if (static_cast<int>(seen.size()) != rank)
      throw std::invalid_argument("transpose: got axes " + shown(axes) +
                                  ", expected each axis once");
  }
  const Tensor t = apply1(Op::Transpose, {x}, attrs);
  if (rank == 2 && attrs.i[0] == 1) t->transposed_from = std::make_shared<Arg>(x);
  return t;
}

Tensor op_reshape(const Arg& x, const py::handle& target) {
  const Shape& from = x.type().shape;
  const py::tuple items = py::isinstance<py::tuple>(target) || py::isinstance<py::list>(target)
                              ? py::tuple(py::reinterpret_borrow<py::object>(target))
                              : py::make_tuple(py::reinterpret_borrow<py::object>(target));
  if (items.size() > kMaxRank)
    throw std::invalid_argument("reshape: got " + shown(target) + ", expected at most " +
                                std::to_string(kMaxRank) + " axes");
  Attrs attrs;
  Shape& to = attrs.shape;
  to.rank = static_cast<int>(items.size());
  int64_t known = 1;
  int free = -1;
  for (int i = 0; i < to.rank; ++i) {
    const py::object item = items[i];
    const bool symbolic = py::isinstance<TensorImpl>(item);  // an element of ops.shape()
    if (item.is_none() || symbolic) {
      if (i != 0 || !from.batch)
        throw std::invalid_argument("reshape: got " + shown(target) +
                                    ", the batch may stand first only");
      to.batch = true;
      to.dims[0] = 1;
      continue;
    }
    const int64_t v = integer(item, "reshape");
    if (v < -1 || (v == -1 && free >= 0))
      throw std::invalid_argument("reshape: got " + shown(target) +
                                  ", expected extents of 0 or more and at most one -1");
    if (v == -1)
      free = i;
    else
      known = checked_mul(known, to.dims[i] = v);
  }
  if (free == 0 && from.batch) to.batch = true;
  if (free >= 0) {
    const int64_t all = from.count();
    if (known == 0 || all % known != 0)
      throw std::invalid_argument("reshape: got shape " + shown(target) + " for " + from.str());
    to.dims[free] = all / known;
  }
  return apply1(Op::Reshape, {x}, attrs);
}

}  // namespace feedfwd::bindings
