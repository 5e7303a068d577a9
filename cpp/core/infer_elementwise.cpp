// Shape rules of elementwise ops. Operands come with one dtype already: promotion is the caller's.
#include "core/functions.h"
#include "core/infer.h"

namespace feedfwd {

namespace {

// Map(x) -> f(x). Integers where the function has an integer form.
Types infer_map(const Call& call) {
  call.expect_inputs(1);
  const DType dtype = call.in[0].dtype;
  if (!is_float(dtype) && !(is_integer(dtype) && takes_integers(call.attrs.fn))) {
    call.fail_dtype(dtype, std::string("float32 or float64 for ") + function_name(call.attrs.fn));
  }
  return {call.in[0]};
}

// MapGrad(s, g) -> g * df(s), s the output or input of the function as its table says.
Types infer_map_grad(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0);
  call.expect_same_dtype(0, 1);
  call.expect_same_shape(0, 1);
  return {call.in[0]};
}

void expect_operand_dtype(const Call& call) {
  const DType dtype = call.in[0].dtype;
  switch (call.op) {
    case Op::Divide:
      call.expect_float(0);
      break;
    case Op::LogicalAnd:
    case Op::LogicalOr:
      if (dtype != DType::b8) call.fail_dtype(dtype, "bool");
      break;
    case Op::Equal:
    case Op::NotEqual:
      break;
    default:
      call.expect_number(0);
  }
}

// Add ... LogicalOr (a, b) -> broadcast shape; comparisons and logic give bool.
Types infer_binary(const Call& call) {
  call.expect_inputs(2);
  call.expect_same_dtype(0, 1);
  expect_operand_dtype(call);
  const bool boolean = call.op >= Op::Equal && call.op <= Op::LogicalOr;
  return {{boolean ? DType::b8 : call.in[0].dtype,
           broadcast(call, call.in[0].shape, call.in[1].shape)}};
}

// Where(condition, a, b).
Types infer_where(const Call& call) {
  call.expect_inputs(3);
  if (call.in[0].dtype != DType::b8) call.fail_dtype(call.in[0].dtype, "bool condition");
  call.expect_same_dtype(1, 2);
  const Shape both = broadcast(call, call.in[1].shape, call.in[2].shape);
  return {{call.in[1].dtype, broadcast(call, call.in[0].shape, both)}};
}

// Dropout(x, counter) -> x with elements kept and scaled, or zero; counter is the layer's count of
// training calls.
Types infer_dropout(const Call& call) {
  call.expect_inputs(2);
  call.expect_float(0);
  if (call.in[1] != ValueType{DType::i64, Shape{}}) {
    throw TypeError("dropout: counter " + std::string(name_of(call.in[1].dtype)) + " " +
                    call.in[1].shape.str() + " came, int64 () expected");
  }
  if (!(call.attrs.f[0] >= 0 && call.attrs.f[0] < 1)) {
    call.fail("rate " + std::to_string(call.attrs.f[0]) + " came, 0 <= rate < 1 expected");
  }
  return {call.in[0]};
}

// BroadcastTo(x) -> attrs.shape.
Types infer_broadcast_to(const Call& call) {
  call.expect_inputs(1);
  const Shape& to = call.attrs.shape;
  if (broadcast(call, call.in[0].shape, to) != to) {
    call.fail("shape " + call.in[0].shape.str() + " came, one that broadcasts to " + to.str() +
              " expected");
  }
  return {{call.in[0].dtype, to}};
}

}  // namespace

Types infer_elementwise(const Call& call) {
  switch (call.op) {
    case Op::Map:
      return infer_map(call);
    case Op::MapGrad:
      return infer_map_grad(call);
    case Op::Where:
      return infer_where(call);
    case Op::Cast:
      call.expect_inputs(1);
      if (!is_compute(call.attrs.dtype)) {
        call.fail_dtype(call.attrs.dtype, "float32, float64, int32, int64 or bool as the target");
      }
      return {{call.attrs.dtype, call.in[0].shape}};
    case Op::Dropout:
      return infer_dropout(call);
    case Op::BroadcastTo:
      return infer_broadcast_to(call);
    default:
      return infer_binary(call);
  }
}

}  // namespace feedfwd
