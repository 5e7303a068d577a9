// Who does what, in which order, and where all wait for one another. Most of a step's work goes by
// the batch's rows: the same worker has the same rows from the first gather to the gradient of the
// first hidden layer, and needs nobody for that. So instructions are put into phases: between two
// barriers stands everything whose conflicts are with itself, row by row. Layers with many
// weights are shared by columns instead: a worker then has the same weights in each step, forward
// and in their update, and only rows go from one to the other.
#include <algorithm>

#include "cpu/code.h"

namespace feedfwd {

namespace {

// Products of few rows above that are better shared as a grid, each part reading less of B, than by
// rows without a barrier.
constexpr double kRowsNs = 120e3;

// Weights that are worth two barriers for not going from one core's cache to another's: fewer cost
// less than the barriers, more do not stay in a core's cache from step to step. A few rows need
// all of them, and take as long as reading them does.
constexpr int64_t kWideBytes = 128 << 10, kWidestBytes = 768 << 10;

// Columns or rows of a product that a part should have at least.
constexpr int64_t kLeastShare = 32;

// Work on a few numbers is one worker's, unless it takes that long.
constexpr double kScalarNs = 5e3;

int64_t extent(int64_t n, bool batch, int64_t capacity) { return batch ? n * capacity : n; }

// Row r of the result needs nothing of the other operands' rows but row r.
bool is_row_wise(const BoundOp& op) {
  switch (op.op) {
    case Op::Gather:
    case Op::Softmax:
    case Op::LogSoftmax:
    case Op::Xent:
    case Op::XentGrad:
    case Op::OneHot:
      return true;
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::SumSquares:
      return op.i[2] == 0;
    case Op::Matmul:
      return op.i[0] == 0;
    default:
      return is_elementwise(op.op) || op.op == Op::Copy;
  }
}

// Column c of the result needs nothing of the other operands' columns but column c.
bool is_column_wise(const BoundOp& op) {
  if (op.outputs == 0 || op.out[0].cols_batch) return false;
  if (op.op == Op::Sum) return op.i[2] == 1;
  return is_elementwise(op.op) || op.op == Op::Copy || op.op == Op::Update;
}

bool is_one_row(const BoundOp& op) { return op.out[0].rows_n == 1 && !op.out[0].rows_batch; }

// A product of the batch's rows with many weights, or the gradient of these.
bool is_wide(const BoundOp& op, int64_t capacity, int parts, bool few) {
  if (op.op != Op::Matmul || op.i[2] != 0) return false;
  const BoundRef &out = op.out[0], &data = out.rows_batch ? out : op.in[0];
  if (out.cols_batch || !data.rows_batch) return false;
  const BoundRef& weights = out.rows_batch ? op.in[1] : out;
  if (weights.rows_batch || weights.cols_batch) return false;
  const int64_t bytes = weights.rows_n * weights.cols_n * static_cast<int64_t>(size_of(out.dtype));
  const bool stays = bytes < kWidestBytes;
  return bytes > kWideBytes && (stays || few) && out.cols_n > data.rows_n * capacity &&
         out.cols_n >= kLeastShare * parts;
}

// Whether a product by the batch's rows is better shared by them than as a grid.
bool rows_suit(const BoundOp& op, double ns, int64_t capacity, int parts) {
  return ns < kRowsNs || (capacity >= op.out[0].cols_n && capacity >= kLeastShare * parts);
}

bool is_batch(const BoundRef& r) { return r.rows_batch && r.rows_n == 1 && !r.cols_batch; }

// Elements between what belongs to one of the batch's rows and to the next; 0: not so laid out.
int64_t pitch_of_rows(const BoundRef& r) {
  if (is_batch(r)) return r.row_stride >= r.cols_n ? r.row_stride : 0;
  const bool lies = r.cols_batch && r.cols_n == 1 && r.rows_n == 1 && !r.rows_batch;
  return lies ? r.col_stride : 0;
}

}  // namespace

// How the parts have shares of an operand; none: any part may touch all of it.
struct Shares {
  int64_t pitch = 0;    // bytes between what belongs to one of the batch's rows and to the next
  int64_t columns = 0;  // or so many columns, in rows `stride` bytes apart, of `size` bytes each
  int64_t stride = 0, size = 0;

  bool operator==(const Shares&) const = default;
  bool none() const { return pitch == 0 && columns == 0; }
};

namespace {

Shares shares_of(const BoundOp& op, int operand, Split split, int64_t capacity) {
  const BoundRef &r = op.in[operand], &out = op.out[0];  // the outputs follow the inputs
  const auto size = static_cast<int64_t>(size_of(r.dtype));
  const bool factor = op.op == Op::Matmul && operand < 2;
  Shares found;
  if (split == Split::rows) {
    const bool whole = (factor && operand == 1) || (op.op == Op::Gather && operand == 0);
    if (!whole) found.pitch = pitch_of_rows(r) * size;
  }
  if (split == Split::columns) {
    // Of a product's factors only B's columns are the result's.
    const bool columns = !factor || (operand == 1 && op.i[1] == 0);
    if (columns && !r.cols_batch && r.cols_n == out.cols_n && r.col_stride == 1) {
      const bool one_row = extent(r.rows_n, r.rows_batch, capacity) == 1;
      found = {0, r.cols_n, one_row ? 0 : r.row_stride * size, size};
    }
  }
  return found;
}

}  // namespace

// What a unit touches: [first, last) of memory.
struct CpuCode::Access {
  const char *first, *last;
  bool write, solo;
  Shares shares;

  bool meets(const Access& other) const {
    return (write || other.write) && first < other.last && other.first < last;
  }
  // Whether two workers may meet there.
  bool crosses(const Access& other) const {
    if (!meets(other) || (solo && other.solo)) return false;
    return shares.none() || first != other.first || shares != other.shares;
  }
};

template <class Test>
bool CpuCode::any(const std::vector<Access>& a, const std::vector<Access>& b, Test test) {
  return std::any_of(a.begin(), a.end(), [&](const Access& x) {
    return std::any_of(b.begin(), b.end(), [&](const Access& y) { return (x.*test)(y); });
  });
}

// Everything by the batch's rows that can be, or by columns; `all_solo` where the whole
// program is too little to share.
void CpuCode::choose_shares(double solo_ns) {
  step_ns_ = 0;
  for (size_t at = 0; at < units_.size(); ++at) {
    Unit& head = units_[at];
    step_ns_ += head.ns;
    if (head.fused == 0) continue;
    int followers = 0;
    if (head.kind == Kind::elementwise || head.op.op == Op::Matmul)
      while (followers < head.fused && (&head)[1 + followers].rect) ++followers;
    head.fused = followers;
  }
  all_solo_ = step_ns_ < solo_ns;
  bool shared = false;
  const int parts = team().shares();
  for (size_t at = 0; at < units_.size(); at += 1 + static_cast<size_t>(units_[at].fused)) {
    Unit& head = units_[at];
    const BoundRef* out = head.op.out;
    double ns = 0;
    bool by_rows = true, by_columns = true;
    for (int k = 0; k <= head.fused; ++k) {
      const Unit& u = (&head)[k];
      ns += u.ns;
      by_columns =
          by_columns && (is_column_wise(u.op) || is_wide(u.op, capacity_, parts, few_rows_));
      by_rows = by_rows && is_row_wise(u.op) && u.op.outputs > 0;
      for (int i = 0; i < u.op.outputs && by_rows; ++i) by_rows = is_batch(u.op.out[i]);
    }
    const bool product = head.op.op == Op::Matmul;
    const bool fixed = head.kind != Kind::elementwise && head.kind != Kind::whole;
    const bool scalar = !fixed && !by_rows && out->rows_n * out->cols_n <= 16 && !out->rows_batch &&
                        !out->cols_batch && ns < kScalarNs;
    head.solo =
        all_solo_ || fixed || scalar || head.op.op == Op::Slice || head.op.op == Op::SliceGrad;
    if (!head.solo && by_columns && (product || is_one_row(head.op))) {
      head.split = Split::columns;
    } else if (!head.solo && by_rows && (!product || rows_suit(head.op, ns, capacity_, parts))) {
      head.split = Split::rows;
    }
    // On one number each they wait for nobody's rectangle: better placed one by one.
    if (scalar) head.fused = 0;
    shared = shared || !head.solo;
  }
  all_solo_ = !shared;
  if (solo_ns <= 0) step_ns_ = 1e300;  // asks for the team (tests)
}

void CpuCode::add_accesses(const Unit& head, std::vector<Access>& to) const {
  // What a loss that is not finite does is as good as memory: Record writes it, Update reads it.
  const char* record = reinterpret_cast<const char*>(&bad_step_);
  for (int k = 0; k <= head.fused; ++k) {
    const BoundOp& op = (&head)[k].op;
    for (int i = 0; i < op.inputs + op.outputs; ++i) {
      const BoundRef& r = op.in[i];  // the outputs follow the inputs
      if (r.data == nullptr) continue;
      const int64_t rows = extent(r.rows_n, r.rows_batch, capacity_);
      const int64_t cols = extent(r.cols_n, r.cols_batch, capacity_);
      if (rows == 0 || cols == 0) continue;
      const auto size = static_cast<int64_t>(size_of(r.dtype));
      const int64_t bytes = ((rows - 1) * r.row_stride + (cols - 1) * r.col_stride + 1) * size;
      to.push_back({r.data, r.data + bytes, i >= op.inputs, head.solo,
                    shares_of(op, i, head.split, capacity_)});
    }
    if (op.op == Op::Record) to.push_back({record, record + 1, true, true, {}});
    if (op.op == Op::Update) to.push_back({record, record + 1, false, head.solo, {}});
  }
}

// List scheduling: a phase takes, in the program's order, what depends on nothing left behind and
// shares no memory across workers with what the phase has. Nothing passes a Begin. `before`: what
// the first phase finds already there.
std::vector<CpuCode::Phase> CpuCode::phases_of(std::vector<Group> left, Phase before) const {
  std::vector<Phase> phases;
  Phase now = std::move(before);
  while (!left.empty()) {
    std::vector<Access> behind;
    std::vector<Group> later;
    bool fenced = false;
    for (Group& g : left) {
      fenced = fenced || (units_[g.at].kind == Kind::begin && !later.empty());
      if (fenced || any(g.touches, behind, &Access::meets) ||
          any(g.touches, now.touches, &Access::crosses)) {
        behind.insert(behind.end(), g.touches.begin(), g.touches.end());
        later.push_back(std::move(g));
      } else {
        now.touches.insert(now.touches.end(), g.touches.begin(), g.touches.end());
        now.groups.push_back(g.at);
      }
    }
    left = std::move(later);
    phases.push_back(std::move(now));
    now = {};
  }
  return phases;
}

// A step begins without a wait, with what can go on beside the end of the step before.
void CpuCode::place_barriers() {
  if (all_solo_) return;
  std::vector<Group> groups;
  for (size_t at = 0; at < units_.size(); at += 1 + static_cast<size_t>(units_[at].fused)) {
    groups.push_back({at, {}});
    add_accesses(units_[at], groups.back().touches);
  }
  std::vector<Phase> phases = phases_of(groups, {});
  // The next step may have fewer rows, and then shares them otherwise.
  const auto seen_from_next = [](std::vector<Access> touches) {
    for (Access& a : touches) {
      if (a.shares.pitch != 0) a.shares = {};
    }
    return touches;
  };
  std::vector<Access> end = seen_from_next(phases.back().touches);
  phases = phases_of(groups, {{}, end});
  const auto end_now = seen_from_next(phases.back().touches);
  std::vector<Access> begin(phases[0].touches.begin() + static_cast<std::ptrdiff_t>(end.size()),
                            phases[0].touches.end());
  const bool closed = phases.size() == 1 || any(begin, end_now, &Access::crosses);
  if (closed) phases = phases_of(std::move(groups), {});

  std::vector<Unit> order;
  bool recorded = false;
  for (size_t n = 0; n < phases.size(); ++n) {
    bool barrier = n > 0 || closed;
    for (const size_t at : phases[n].groups) {
      const auto first = units_.begin() + static_cast<std::ptrdiff_t>(at);
      const size_t head = order.size();
      order.insert(order.end(), first, first + 1 + first->fused);
      if (order[head].kind == Kind::begin) continue;
      order[head].barrier = barrier;
      barrier = false;
    }
  }
  units_ = std::move(order);
  // After the first barrier behind a Record all look at what it found, in its own step.
  for (size_t at = 0; at < units_.size(); at += 1 + static_cast<size_t>(units_[at].fused)) {
    Unit& u = units_[at];
    if (u.barrier && recorded) {
      u.see_record = true;
      recorded = false;
    }
    recorded = recorded || u.kind == Kind::record;
  }
  see_at_end_ = recorded;
}

}  // namespace feedfwd
