#include "core/bound.h"

namespace feedfwd {

namespace {

// Of one column none is ever stepped to: what repeats one element along it repeats it everywhere,
// and a column is walked as a row.
BoundRef bound(const Ref& r) {
  const bool repeated = r.cols.n == 1 && !r.cols.batch && r.row_stride == 0;
  return {static_cast<char*>(r.data),  r.rows.n,     r.cols.n,     r.row_stride,
          repeated ? 0 : r.col_stride, r.rows.batch, r.cols.batch, r.dtype};
}

}  // namespace

BoundOp bound(const Instr& instr, BoundRef* refs) {
  BoundOp op{};
  op.op = instr.op;
  op.fn = instr.attrs.fn;
  op.dtype = instr.attrs.dtype;
  op.fused = instr.fused;
  op.inputs = static_cast<int>(instr.in.size());
  op.outputs = static_cast<int>(instr.out.size());
  op.in = refs;
  op.out = refs + op.inputs;
  for (const Ref& r : instr.in) *refs++ = bound(r);
  for (const Ref& r : instr.out) *refs++ = bound(r);
  for (int k = 0; k < kMaxRank; ++k) {
    op.i[k] = instr.attrs.i[k];
    op.dims[k] = instr.attrs.shape.dims[k];
  }
  op.f[0] = instr.attrs.f[0];
  op.f[1] = instr.attrs.f[1];
  op.rank = instr.attrs.shape.rank;
  op.shape_batch = instr.attrs.shape.batch;
  return op;
}

void throw_no_kernel(const Instr& instr) {
  throw TypeError(std::string(name_of(instr.op)) + ": not for " +
                  name_of((instr.in.empty() ? instr.out[0] : instr.in[0]).dtype));
}

bool is_full_reduction(const Instr& instr) {
  const bool reduces =
      instr.op == Op::Sum || instr.op == Op::ReduceMax || instr.op == Op::ReduceMin;
  return instr.op == Op::SumSquares || (reduces && instr.attrs.i[2] == 2);
}

}  // namespace feedfwd
