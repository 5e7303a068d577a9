// lower: one graph op on operands of given memory forms -> backend instructions on rows x cols
// views. The one place that knows how ranks, broadcasting and padded variables become what kernels
// take; the plan and eager calls both use it.
#pragma once

#include <vector>

#include "core/graph.h"

namespace feedfwd {

// How a value lies in memory: rows x cols as Shape::view_rows/view_cols say, rows `row_stride`
// elements apart. Elements of a row are adjacent. Only variables and what shares their layout are
// padded; all else is dense.
struct Form {
  ValueType type;
  int64_t row_stride = 1;
};
Form dense(const ValueType& type);
bool is_dense(const Form& form);

// One operand of a lowered instruction: which memory, and the view of it (strides as in Ref, 0 =
// repeated).
struct View {
  enum class Of : uint8_t { input, output, temporary };
  Of of = Of::input;
  int index = 0;
  Extent rows, cols;
  int64_t row_stride = 0, col_stride = 1;
  DType dtype = DType::f32;
};

// `attrs` as op.h says, and besides:
//
// - Sum, ReduceMax, ReduceMin, ArgMax: i[2] = 0 each row to one element, 1 over rows, 2 everything.
// - Slice, Transpose: shape = the input's. SliceGrad: shape = the output's. Operands are dense.
// - Concat: nothing; parts lie side by side as columns.
// - Xent, XentGrad, OneHot: what there is one of per row (labels, loss, g) is rows x 1.
// - Dropout: all axes but the last are view rows, so a batch row spans rows.n of them; elements of
//   one axis alone are a row each.
struct LoweredInstr {
  Op op = Op::Copy;
  Attrs attrs;
  std::vector<View> in, out;
};

struct Lowered {
  std::vector<LoweredInstr> instrs;
  std::vector<ValueType> temporaries;  // dense; live only from their first to their last use here
  // Not -1: there are no instructions, output 0 is the memory of this input (both dense, equal
  // counts).
  int alias = -1;
};

// The choice depends on op, attrs, ranks and static extents, never on the size of the leading axis
// and not on whether it is symbolic: eager and traced calls get the same sums. Leaves (input,
// parameter, constant) are not lowered.
Lowered lower(Op op, const Attrs& attrs, const std::vector<Form>& in, const std::vector<Form>& out);

}  // namespace feedfwd
