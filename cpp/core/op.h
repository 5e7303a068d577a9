// The op set: what a Graph node, an eager call and a backend instruction can be.
#pragma once

#include <array>
#include <cstdint>

#include "core/types.h"

namespace feedfwd {

// X(enumerator, name). Inputs, attributes and outputs of each are described beside its shape rule
// in infer.cpp.
// clang-format off
#define FF_OPS(X)                                                                                  \
  /* leaves */                                                                                     \
  X(Input, "input") X(Parameter, "parameter") X(Constant, "constant") X(Rows, "rows")              \
  /* elementwise: attrs.fn, attrs.f[0] = alpha */                                                  \
  X(Map, "map") X(MapGrad, "map_grad")                                                             \
  X(Add, "add") X(Subtract, "subtract") X(Multiply, "multiply") X(Divide, "divide")                \
  X(FloorDivide, "floor_divide") X(Mod, "mod") X(Power, "power") X(Maximum, "maximum")             \
  X(Minimum, "minimum") X(Equal, "equal") X(NotEqual, "not_equal") X(Less, "less")                 \
  X(LessEqual, "less_equal") X(Greater, "greater") X(GreaterEqual, "greater_equal")                \
  X(LogicalAnd, "logical_and") X(LogicalOr, "logical_or") X(Where, "where") X(Cast, "cast")        \
  X(Dropout, "dropout") X(BroadcastTo, "broadcast_to")                                             \
  /* linear algebra, reductions, rows */                                                           \
  X(Matmul, "matmul") X(Sum, "sum") X(ReduceMax, "max") X(ReduceMin, "min")                        \
  X(ArgMax, "argmax") X(Softmax, "softmax") X(LogSoftmax, "log_softmax") X(Xent, "xent")           \
  X(XentGrad, "xent_grad") X(OneHot, "one_hot")                                                    \
  /* form */                                                                                       \
  X(Reshape, "reshape") X(Transpose, "transpose") X(Concat, "concat") X(Slice, "slice")            \
  X(SliceGrad, "slice_grad") X(StopGradient, "stop_gradient")                                      \
  /* only in plans */                                                                              \
  X(Begin, "begin") X(Gather, "gather") X(Copy, "copy") X(Record, "record")                        \
  X(SumSquares, "sum_squares") X(ClipFactor, "clip_factor") X(Update, "update")
// clang-format on

enum class Op : uint8_t {
#define FF_OP_ENUM(id, name) id,
  FF_OPS(FF_OP_ENUM)
#undef FF_OP_ENUM
};
const char* name_of(Op op);

// One of the unary functions of core/math/functions.h, by its place in FF_UNARY_FUNCTIONS.
using FunctionId = uint8_t;

// Meaning by op (unused ones stay zero, so that equality works):
//   Map, MapGrad   fn, f[0] = alpha
//   Cast           dtype                      Dropout  f[0] = rate, i[0] = seed, i[1] = stream
//   Matmul         i[0] = transpose a, i[1] = transpose b, i[2] = lane order (rule 1's exception)
//   Sum/Max/Min    i[0] = bit mask of axes, i[1] = keepdims
//   ArgMax, Concat i[0] = axis                OneHot   i[0] = depth, dtype
//   Slice          i[0] = axis, i[1] = start, i[2] = step, i[3] = number of elements
//   SliceGrad      i[0] = axis, i[1] = start, i[2] = step, i[3] = full extent
//   Transpose      i[k] = source axis of axis k
//   Reshape, BroadcastTo: shape               Parameter, Input, Constant: i[0] = index
//   Rows           i[0] = per batch row, i[1] = 1 for the whole batch instead of this shard;
//                  result: int64 scalar i[0] * max(rows, 1)
// In plans only:
//   Begin          i[0] = shard, i[1] = number of shards: sets rows, row_base, batch_rows, offset;
//   shard 0 raises index
//   Gather         out row r = in row (order ? order[offset + r] : offset + r), cast to the dtype
//   of
//                  out; i[0] = 1 + the graph input whose rows StepState::inputs has, or 0: in[0]
//   Copy           out = in, same extents
//   Record         i[0] = shard, i[1] = shards: losses[index] (+)= in[0] * rows / batch_rows in
//                  float64; after the last shard a loss that is not finite sets bad_step if it is
//                  still -1
//   SumSquares     out (float64 scalar) = full sum of in * in (rule 2: rows, then columns)
//   ClipFactor     f[0] = clip; in = float64 sums; out (float64) = clip / max(sqrt(sum of in, in
//   order), clip) Update         fn = optimizer's place in FF_OPTIMIZERS, i[0] = its flags, i[1] =
//   1 with weight decay (before the
//                  step, by scalars[kDecay] of core/math/optimizers.h), f[0] = clipvalue or 0;
//                  in = {gradient, factor (float64 scalar, optional)}, out = {variable, slots ...};
//                  per-step numbers from StepState::scalars; does nothing once bad_step >= 0
struct Attrs {
  FunctionId fn = 0;
  DType dtype = DType::f32;
  std::array<int64_t, kMaxRank> i{};
  std::array<double, 2> f{};
  Shape shape;
  bool operator==(const Attrs&) const = default;
};

constexpr bool is_elementwise(Op op) { return op >= Op::Map && op <= Op::BroadcastTo; }

}  // namespace feedfwd
