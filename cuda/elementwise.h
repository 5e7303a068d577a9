// One element of any elementwise op. The op and its types are looked up for every element: all
// threads go the same way, and what is fused this way needs no kernel of its own.
#pragma once

#include "core/functions.h"
#include "core/math/philox.h"
#include "core/math/scalar.h"
#include "cuda/device.h"

namespace feedfwd::gpu {

template <class T>
FF_DEV_CALL T map_value(FunctionId fn, T x, T alpha) {
  switch (static_cast<Unary>(fn)) {
#define FF_CASE(Fn) \
  case Unary::Fn:   \
    return math::Fn::f(x, alpha);
    FF_UNARY_FUNCTIONS(FF_CASE)
#undef FF_CASE
  }
  return x;
}

template <class T>
FF_DEV_CALL T map_slope(FunctionId fn, T s, T alpha) {
  switch (static_cast<Unary>(fn)) {
#define FF_CASE(Fn) \
  case Unary::Fn:   \
    return math::Fn::df(s, alpha);
    FF_UNARY_FUNCTIONS(FF_CASE)
#undef FF_CASE
  }
  return s;
}

template <class T>
FF_DEV_CALL T binary_float(Op op, T a, T b) {
  switch (op) {
    case Op::Add:
      return a + b;
    case Op::Subtract:
      return a - b;
    case Op::Multiply:
      return a * b;
    case Op::Divide:
      return a / b;
    case Op::Power:
      return math::pow(a, b);
    case Op::Maximum:
      return math::max(a, b);
    case Op::Minimum:
      return math::min(a, b);
    case Op::FloorDivide:
      return math::FloatMath::floor_divide(a, b);
    default:
      return math::FloatMath::mod(a, b);
  }
}

template <class T>
FF_DEV T binary_integer(Op op, T a, T b) {
  switch (op) {
    case Op::Add:
      return math::IntAdd<T>::apply(a, b, a);
    case Op::Subtract:
      return math::IntSubtract<T>::apply(a, b, a);
    case Op::Multiply:
      return math::IntMultiply<T>::apply(a, b, a);
    case Op::Power:
      return math::IntPower<T>::apply(a, b, a);
    case Op::Maximum:
      return math::IntMaximum<T>::apply(a, b, a);
    case Op::Minimum:
      return math::IntMinimum<T>::apply(a, b, a);
    case Op::FloorDivide:
      return math::IntFloorDivide<T>::apply(a, b, a);
    default:
      return math::IntMod<T>::apply(a, b, a);
  }
}

template <class T>
FF_DEV T map_integer(FunctionId fn, T x) {
  switch (static_cast<Unary>(fn)) {
    case Unary::Neg:
      return math::IntNeg<T>::apply(x, x, x);
    case Unary::Abs:
      return math::IntAbs<T>::apply(x, x, x);
    case Unary::Sign:
      return math::IntSign<T>::apply(x, x, x);
    default:
      return math::IntSquare<T>::apply(x, x, x);
  }
}

template <class T>
FF_DEV uint8_t compared(Op op, T a, T b) {
  switch (op) {
    case Op::Equal:
      return math::EqualOf<T>::apply(a, b, a);
    case Op::NotEqual:
      return math::NotEqualOf<T>::apply(a, b, a);
    case Op::Less:
      return math::LessOf<T>::apply(a, b, a);
    case Op::LessEqual:
      return math::LessEqualOf<T>::apply(a, b, a);
    case Op::Greater:
      return math::GreaterOf<T>::apply(a, b, a);
    case Op::GreaterEqual:
      return math::GreaterEqualOf<T>::apply(a, b, a);
    case Op::LogicalAnd:
      return math::AndOf<T>::apply(a, b, a);
    default:
      return math::OrOf<T>::apply(a, b, a);
  }
}

FF_DEV bool is_comparison(Op op) { return op >= Op::Equal && op <= Op::LogicalOr; }

// in = {x, counter}; kept elements times 1 / (1 - rate), the rest +0 (numerics, rule 8). An element
// has its place in the whole batch, whatever shard it is in.
template <class T>
FF_DEV_CALL T dropped(const BoundOp& op, const StepState& s, int64_t row, int64_t col) {
  const BoundRef& out = op.out[0];
  const int64_t width = cols_of(out, s), base = out.rows_batch ? out.rows_n * s.row_base : 0;
  const int64_t groups = (width + 63) / 64;
  const uint64_t block = 16 * static_cast<uint64_t>((base + row) * groups + col / 64) +
                         static_cast<uint64_t>(col % 16);
  const uint32_t counter[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                               static_cast<uint32_t>(*at<const int64_t>(op.in[1], 0, 0)),
                               static_cast<uint32_t>(op.i[1])};
  uint32_t words[4];
  math::philox4x32(counter, static_cast<uint64_t>(op.i[0]), words);
  const T u = static_cast<T>(words[col % 64 / 16] >> 8);
  const T threshold = static_cast<T>(-math::floor(-(op.f[0] * 0x1p24)));
  const T kept = *at<const T>(op.in[0], row, col) * static_cast<T>(1.0 / (1.0 - op.f[0]));
  return u >= threshold ? kept : T(0);
}

template <class T>
FF_DEV void float_element(const BoundOp& op, const StepState& s, int64_t row, int64_t col) {
  if (op.op == Op::Dropout) {
    *at<T>(op.out[0], row, col) = dropped<T>(op, s, row, col);
    return;
  }
  const T a = *at<const T>(op.in[0], row, col);
  const T alpha = static_cast<T>(op.f[0]);
  if (op.op == Op::Map) {
    *at<T>(op.out[0], row, col) = map_value(op.fn, a, alpha);
    return;
  }
  const T b = *at<const T>(op.in[1], row, col);
  if (op.op == Op::MapGrad) {
    *at<T>(op.out[0], row, col) = b * map_slope(op.fn, a, alpha);
  } else if (is_comparison(op.op)) {
    *at<uint8_t>(op.out[0], row, col) = compared(op.op, a, b);
  } else {
    *at<T>(op.out[0], row, col) = binary_float(op.op, a, b);
  }
}

template <class T>
FF_DEV void integer_element(const BoundOp& op, int64_t row, int64_t col) {
  const T a = *at<const T>(op.in[0], row, col);
  if (op.op == Op::Map) {
    *at<T>(op.out[0], row, col) = map_integer(op.fn, a);
    return;
  }
  const T b = *at<const T>(op.in[1], row, col);
  if (is_comparison(op.op)) {
    *at<uint8_t>(op.out[0], row, col) = compared(op.op, a, b);
  } else {
    *at<T>(op.out[0], row, col) = binary_integer(op.op, a, b);
  }
}

template <class T>
FF_DEV void moved_element(const BoundOp& op, int64_t row, int64_t col) {
  const bool where = op.op == Op::Where;
  const int from = where ? (*at<const uint8_t>(op.in[0], row, col) != 0 ? 1 : 2) : 0;
  *at<T>(op.out[0], row, col) = *at<const T>(op.in[from], row, col);
}

template <class From>
FF_DEV void cast_element(const BoundOp& op, int64_t row, int64_t col) {
  const From x = *at<const From>(op.in[0], row, col);
  switch (op.out[0].dtype) {
    case DType::f32:
      *at<float>(op.out[0], row, col) = math::converted<From, float>(x);
      return;
    case DType::f64:
      *at<double>(op.out[0], row, col) = math::converted<From, double>(x);
      return;
    case DType::i32:
      *at<int32_t>(op.out[0], row, col) = math::converted<From, int32_t>(x);
      return;
    case DType::i64:
      *at<int64_t>(op.out[0], row, col) = math::converted<From, int64_t>(x);
      return;
    default:
      *at<uint8_t>(op.out[0], row, col) = math::converted<From, uint8_t>(x);
  }
}

FF_DEV bool only_moves(Op op) { return op == Op::Where || op == Op::BroadcastTo || op == Op::Copy; }

FF_DEV_CALL void element(const BoundOp& op, const StepState& s, int64_t row, int64_t col) {
  const DType dtype = only_moves(op.op) ? op.out[0].dtype : op.in[0].dtype;
  if (only_moves(op.op)) {
    switch (dtype) {
      case DType::f64:
      case DType::i64:
        return moved_element<uint64_t>(op, row, col);
      case DType::b8:
        return moved_element<uint8_t>(op, row, col);
      default:
        return moved_element<uint32_t>(op, row, col);
    }
  }
  const bool cast = op.op == Op::Cast;
  switch (dtype) {
    case DType::f32:
      return cast ? cast_element<float>(op, row, col) : float_element<float>(op, s, row, col);
    case DType::f64:
      return cast ? cast_element<double>(op, row, col) : float_element<double>(op, s, row, col);
    case DType::i32:
      return cast ? cast_element<int32_t>(op, row, col) : integer_element<int32_t>(op, row, col);
    case DType::i64:
      return cast ? cast_element<int64_t>(op, row, col) : integer_element<int64_t>(op, row, col);
    default:
      return cast ? cast_element<uint8_t>(op, row, col) : integer_element<uint8_t>(op, row, col);
  }
}

// All of ops at an element of their common result. It depends on the same element of what came
// before it in the chain and on what is outside the chain, so one thread does all.
FF_DEV void run_chain(const BoundOp* ops, int count, const StepState& s, int64_t row, int64_t col) {
  for (int k = 0; k < count; ++k) element(ops[k], s, row, col);
}

}  // namespace feedfwd::gpu
