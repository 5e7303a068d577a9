// Making a program ready: kernels chosen, work estimated.
#include <algorithm>
#include <string>
#include <utility>

#include "core/float_state.h"
#include "cpu/code.h"

namespace feedfwd {

namespace {

// Elementwise work on rows of one element for each of the batch's rows (a mean's gradient).
bool lies_flat(const Instr& instr) {
  if (!is_elementwise(instr.op) || instr.op == Op::Dropout) return false;
  if (!instr.out[0].cols.batch) return false;
  const auto flat = [](const Ref& r) {
    return r.rows.n == 1 && !r.rows.batch && (r.col_stride == 1 || r.col_stride == 0);
  };
  return std::all_of(instr.in.begin(), instr.in.end(), flat) &&
         std::all_of(instr.out.begin(), instr.out.end(), flat);
}

// The same memory as columns, which are shared by rows like all else.
void stand_up(Instr& instr) {
  for (auto* list : {&instr.in, &instr.out}) {
    for (Ref& r : *list) {
      std::swap(r.rows, r.cols);
      r.row_stride = r.col_stride;
      r.col_stride = r.row_stride == 0 ? 0 : 1;  // one number for all is that along rows too
    }
  }
}

double elements(const BoundRef& r, int64_t capacity) {
  return static_cast<double>(r.rows_n) * static_cast<double>(r.cols_n) *
         (r.rows_batch || r.cols_batch ? static_cast<double>(capacity) : 1.0);
}

// Nanoseconds on one thread, roughly: it decides who works, never what comes out.
double estimate(const BoundOp& op, int64_t capacity) {
  const double out = elements(op.out[0], capacity);
  const double in = op.inputs > 0 ? elements(op.in[0], capacity) : 0;
  const double wide = size_of(op.out[0].dtype) == 8 ? 2 : 1;
  switch (op.op) {
    case Op::Matmul: {
      const BoundRef& a = op.in[0];
      const double k = op.i[0] != 0
                           ? elements(a, capacity) /
                                 static_cast<double>(a.cols_n * (a.cols_batch ? capacity : 1))
                           : elements(a, capacity) /
                                 static_cast<double>(a.rows_n * (a.rows_batch ? capacity : 1));
      // One column in rule 1's order: rows are turned in registers, more work than their fma.
      const bool column = op.i[0] == 0 && op.i[2] == 0 && op.out[0].cols_n == 1 && k > 1;
      return out * k * wide * (column ? 0.1 : 0.03);
    }
    case Op::Map:
    case Op::MapGrad:
    case Op::Power:
    case Op::Dropout:
    case Op::Update:
      return out * wide * 0.4;
    case Op::Softmax:
    case Op::LogSoftmax:
    case Op::Xent:
    case Op::XentGrad:
      return in * wide * 0.6;
    default:
      return (in > out ? in : out) * wide * 0.15;
  }
}

}  // namespace

CpuCode::CpuCode(std::vector<Instr> program, int64_t capacity, const Kernels& kernels,
                 double solo_ns, double team_ns, bool few)
    : kernels_(kernels), capacity_(capacity), team_ns_(team_ns), few_rows_(few) {
  for (auto head = program.begin(); head != program.end();) {
    const auto end = head + 1 + head->fused;
    if (std::all_of(head, end, lies_flat)) std::for_each(head, end, stand_up);
    for (; head != end; ++head) append(*head);
  }
  choose_shares(solo_ns);
  place_barriers();
}

void CpuCode::append(const Instr& instr) {
  if (is_full_reduction(instr)) {
    append_full_reduction(instr);
  } else {
    units_.push_back(bind(instr));
  }
}

// Rows first, into memory of our own that all threads fill, then that column (rule 2).
void CpuCode::append_full_reduction(const Instr& instr) {
  const Ref& in = instr.in[0];
  const DType dtype = instr.out[0].dtype;
  const int64_t rows = in.rows.at(capacity_);
  temporaries_.push_back(allocate_zeroed(static_cast<size_t>(rows) * size_of(dtype)));
  const Ref column{temporaries_.back().get(), in.rows, {1, false}, 1, 1, dtype};
  Instr by_row = instr;
  by_row.out = {column};
  by_row.attrs.i[2] = 0;
  by_row.attrs.i[3] = 1;  // not the end result yet
  Instr over_rows = instr;
  if (instr.op == Op::SumSquares) over_rows.op = Op::Sum;
  over_rows.in = {column};
  over_rows.attrs.i[2] = 1;
  units_.push_back(bind(by_row));
  units_.push_back(bind(over_rows));
}

CpuCode::Unit CpuCode::bind(const Instr& instr) {
  std::vector<BoundRef>& refs = refs_.emplace_back(instr.in.size() + instr.out.size());
  Unit u{};
  u.op = bound(instr, refs.data());
  u.fused = instr.fused;
  u.solo = true;
  switch (instr.op) {
    case Op::Begin:
      u.kind = Kind::begin;
      return u;
    case Op::Record:
      u.kind = Kind::record;
      return u;
    case Op::Rows:
      u.kind = Kind::rows;
      return u;
    case Op::ClipFactor:
      u.kind = Kind::clip;
      return u;
    default:
      break;
  }
  u.kind = is_rect(instr.op) ? Kind::elementwise : Kind::whole;
  if (u.kind == Kind::elementwise) u.rect = kernels_.rect(u.op);
  if (u.kind == Kind::whole) u.whole = kernels_.whole(u.op);
  if (u.rect == nullptr && u.whole == nullptr) throw_no_kernel(instr);
  u.ns = estimate(u.op, capacity_);
  return u;
}

bool run_alone(const Instr& instr, const Kernels& kernels, double most_ns) {
  constexpr size_t kOperands = 8;
  BoundRef refs[kOperands];
  const bool scalar = instr.op == Op::Begin || instr.op == Op::Record || instr.op == Op::Rows ||
                      instr.op == Op::ClipFactor;
  if (scalar || is_full_reduction(instr) || instr.in.size() + instr.out.size() > kOperands) {
    return false;
  }
  const BoundOp op = bound(instr, refs);
  if (estimate(op, 1) > most_ns) return false;
  const FloatState nearest;
  const StepState state;
  if (is_rect(instr.op)) {
    const RectKernel kernel = kernels.rect(op);
    if (kernel == nullptr) throw_no_kernel(instr);
    const BoundRef& out = op.out[0];
    if (out.rows_n > 0 && out.cols_n > 0) kernel(op, state, {0, out.rows_n, 0, out.cols_n});
    return true;
  }
  const Kernel kernel = kernels.whole(op);
  if (kernel == nullptr) throw_no_kernel(instr);
  const int64_t bytes = kernels.scratch_bytes(op, 1, 1);
  std::shared_ptr<void> scratch;
  if (bytes > 0) scratch = allocate_unset(static_cast<size_t>(bytes));
  kernel({&op, &state, 0, 1, Split::free, scratch.get(), nullptr, nullptr});
  return true;
}

}  // namespace feedfwd
