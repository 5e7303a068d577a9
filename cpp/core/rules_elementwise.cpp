// Gradient rules of elementwise ops.
#include <optional>

#include "core/expr.h"
#include "core/gradient_rules.h"

namespace feedfwd {

namespace {

using Slope = Expr (*)(Expr, Expr);
constexpr Slope kSlopes[] = {
#define FF_SLOPE_OF(Struct) &math::Struct::df<Expr>,
    FF_UNARY_FUNCTIONS(FF_SLOPE_OF)
#undef FF_SLOPE_OF
};

// The derivative's value where it is a constant, like that of neg or floor.
std::optional<double> constant_slope(FunctionId fn) {
  Graph scratch;
  const Expr s(scratch, scratch.input({DType::f64, Shape{}}), DType::f64);
  const Expr slope = kSlopes[fn](s, Expr(1.0));
  return slope.is_constant() ? std::optional(slope.constant()) : std::nullopt;
}

Grads map_rule(const Backward& b) {
  const FunctionId fn = b.node.attrs.fn;
  if (const std::optional<double> slope = constant_slope(fn)) {
    // Never a product with zero, which would turn an infinite gradient into NaN.
    if (*slope == 0) return {filled_like(b.graph, 0.0, b.in(0))};
    if (*slope == -1) return {map(b.graph, Unary::Neg, b.grad())};
  }
  return {b.graph.add(Op::MapGrad, {from_output(fn) ? b.out() : b.in(0), b.grad()}, b.node.attrs)};
}

// MapGrad(s, g) = g df(s): df's own formula as nodes, differentiated in turn.
Grads map_grad_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  const ValueId h = b.grad();
  if (b.wanted[0]) {
    const Expr s(b.graph, b.in(0), b.graph.type(b.in(0)).dtype);
    const Expr slope = kSlopes[b.node.attrs.fn](s, Expr(b.node.attrs.f[0]));
    if (!slope.is_constant()) {
      const ValueId seed = b.graph.add(Op::Multiply, {h, b.in(1)});
      grads[0] = differentiate(b.graph, {slope.value(slope)}, {seed}, {b.in(0)})[0];
    }
    if (grads[0] == kNoValue) grads[0] = filled_like(b.graph, 0.0, b.in(0));
  }
  if (b.wanted[1]) grads[1] = b.graph.add(Op::MapGrad, {b.in(0), h}, b.node.attrs);
  return grads;
}

ValueId to_input(const Backward& b, int k, ValueId grad) {
  const Shape shape = b.shape(b.in(k));
  return unbroadcast(b.graph, grad, shape);
}

Grads add_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  for (int k = 0; k < 2; ++k) {
    if (b.wanted[k]) grads[k] = to_input(b, k, b.grad());
  }
  return grads;
}

Grads subtract_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  if (b.wanted[0]) grads[0] = to_input(b, 0, b.grad());
  if (b.wanted[1]) grads[1] = to_input(b, 1, map(b.graph, Unary::Neg, b.grad()));
  return grads;
}

Grads multiply_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  for (int k = 0; k < 2; ++k) {
    if (b.wanted[k]) {
      grads[k] = to_input(b, k, b.graph.add(Op::Multiply, {b.grad(), b.in(1 - k)}));
    }
  }
  return grads;
}

Grads divide_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  if (b.wanted[0]) grads[0] = to_input(b, 0, b.graph.add(Op::Divide, {b.grad(), b.in(1)}));
  if (b.wanted[1]) {
    const ValueId product = b.graph.add(Op::Multiply, {b.grad(), b.out()});
    const ValueId quotient = b.graph.add(Op::Divide, {product, b.in(1)});
    grads[1] = to_input(b, 1, map(b.graph, Unary::Neg, quotient));
  }
  return grads;
}

// Constant between steps.
Grads floor_divide_rule(const Backward& b) {
  return {filled_like(b.graph, 0.0, b.in(0)), filled_like(b.graph, 0.0, b.in(1))};
}

// a mod b = a - floor(a / b) b.
Grads mod_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  if (b.wanted[0]) grads[0] = to_input(b, 0, b.grad());
  if (b.wanted[1]) {
    const ValueId quotient = b.graph.add(Op::FloorDivide, {b.in(0), b.in(1)});
    const ValueId product = b.graph.add(Op::Multiply, {b.grad(), quotient});
    grads[1] = to_input(b, 1, map(b.graph, Unary::Neg, product));
  }
  return grads;
}

// d/da = b a^(b-1), 0 where b is 0 whatever a; d/db = a^b log(a), 0 where a is 0.
Grads power_rule(const Backward& b) {
  Graph& graph = b.graph;
  const DType dtype = graph.type(b.in(0)).dtype;
  const ValueId x = b.in(0), n = b.in(1), g = b.grad();
  const ValueId zero = graph.constant(0.0, dtype), one = graph.constant(1.0, dtype);
  Grads grads(2, kNoValue);
  if (b.wanted[0]) {
    const ValueId lower = graph.add(
        Op::Where, {graph.add(Op::Equal, {n, zero}), one, graph.add(Op::Subtract, {n, one})});
    const ValueId slope = graph.add(Op::Multiply, {n, graph.add(Op::Power, {x, lower})});
    grads[0] = to_input(b, 0, graph.add(Op::Multiply, {g, slope}));
  }
  if (b.wanted[1]) {
    const ValueId at_zero = graph.add(Op::Equal, {x, zero});
    const ValueId safe = graph.add(Op::Where, {at_zero, one, x});
    const ValueId slope = graph.add(Op::Multiply, {b.out(), map(graph, Unary::Log, safe)});
    const ValueId grad = graph.add(Op::Multiply, {g, slope});
    grads[1] = to_input(b, 1, graph.add(Op::Where, {at_zero, zero, grad}));
  }
  return grads;
}

// yes: grad where the condition holds; no: where it does not; the first two inputs given are those
// places.
void select_grads(const Backward& b, ValueId condition, int yes, int no, Grads& grads) {
  const ValueId zero = b.graph.constant(0.0, b.graph.type(b.grad()).dtype);
  if (b.wanted[yes]) {
    grads[yes] = to_input(b, yes, b.graph.add(Op::Where, {condition, b.grad(), zero}));
  }
  if (b.wanted[no]) {
    grads[no] = to_input(b, no, b.graph.add(Op::Where, {condition, zero, b.grad()}));
  }
}

// As max(a, b) = a > b ? a : b chooses (numerics, rule 4): a tie goes to b.
Grads extremum_rule(const Backward& b) {
  Grads grads(2, kNoValue);
  const Op compare = b.node.op == Op::Maximum ? Op::Greater : Op::Less;
  select_grads(b, b.graph.add(compare, {b.in(0), b.in(1)}), 0, 1, grads);
  return grads;
}

Grads where_rule(const Backward& b) {
  Grads grads(3, kNoValue);
  select_grads(b, b.in(0), 1, 2, grads);
  return grads;
}

Grads cast_rule(const Backward& b) {
  Attrs back;
  back.dtype = b.graph.type(b.in(0)).dtype;
  return {b.graph.add(Op::Cast, {b.grad()}, back)};
}

// The same counter draws the same mask.
Grads dropout_rule(const Backward& b) {
  return {b.graph.add(Op::Dropout, {b.grad(), b.in(1)}, b.node.attrs), kNoValue};
}

Grads broadcast_to_rule(const Backward& b) { return {to_input(b, 0, b.grad())}; }

}  // namespace

Rule elementwise_rule(Op op) {
  switch (op) {
    case Op::Map:
      return map_rule;
    case Op::MapGrad:
      return map_grad_rule;
    case Op::Add:
      return add_rule;
    case Op::Subtract:
      return subtract_rule;
    case Op::Multiply:
      return multiply_rule;
    case Op::Divide:
      return divide_rule;
    case Op::FloorDivide:
      return floor_divide_rule;
    case Op::Mod:
      return mod_rule;
    case Op::Power:
      return power_rule;
    case Op::Maximum:
    case Op::Minimum:
      return extremum_rule;
    case Op::Where:
      return where_rule;
    case Op::Cast:
      return cast_rule;
    case Op::Dropout:
      return dropout_rule;
    case Op::BroadcastTo:
      return broadcast_to_rule;
    default:
      return nullptr;
  }
}

}  // namespace feedfwd
