#include "cuda/order.h"

#include <algorithm>

#include "core/bound.h"
#include "cuda/call.h"

namespace feedfwd::gpu {

namespace {

// Widest rows of Kind::rows: wider ones give a block more work than it gains by staying together.
constexpr int64_t kWidest = 128;

// The memory an operand may touch, and that of its first row where it has one row of the batch
// after the other.
struct Place {
  const char *begin, *end;
  int64_t row_bytes, width_bytes;  // 0: not row by row
};

// In memory: one row of the batch after the other.
bool has_rows(const Ref& r) {
  return r.rows.batch && r.rows.n == 1 && !r.cols.batch && r.row_stride != 0;
}
// A number for each row of the batch, as a line.
bool is_line(const Ref& r) {
  return !r.rows.batch && r.rows.n == 1 && r.cols.batch && r.cols.n == 1 && r.col_stride != 0;
}
// The same memory for all rows of the batch.
bool is_shared(const Ref& r) {
  return (!r.rows.batch || r.row_stride == 0) && (!r.cols.batch || r.col_stride == 0);
}
bool is_number(const Ref& r) { return r.rows == Extent{1, false} && r.cols == Extent{1, false}; }
bool is_narrow(const Ref& r) {
  return (has_rows(r) && r.cols.n > 0 && r.cols.n <= kWidest) || is_line(r);
}

Place place_of(const Ref& r, int64_t capacity) {
  const auto size = static_cast<int64_t>(size_of(r.dtype));
  const int64_t rows = r.rows.at(capacity), cols = r.cols.at(capacity);
  const char* const data = static_cast<const char*>(r.data);
  if (data == nullptr || rows == 0 || cols == 0) return {data, data, 0, 0};
  const int64_t last = (rows - 1) * r.row_stride + (cols - 1) * r.col_stride;
  Place place{data, data + (last + 1) * size, 0, 0};
  if (has_rows(r)) {
    place.row_bytes = r.row_stride * size;
    place.width_bytes = ((cols - 1) * r.col_stride + 1) * size;
  } else if (is_line(r)) {
    place.row_bytes = r.col_stride * size;
    place.width_bytes = size;
  }
  return place;
}

bool overlap(const Place& x, const Place& y) { return x.begin < y.end && y.begin < x.end; }

// Whether a row of one has nothing to do with another row of the other.
bool same_rows(const Place& x, const Place& y) {
  if (x.row_bytes == 0 || x.row_bytes != y.row_bytes) return false;
  const char* const begin = std::min(x.begin, y.begin);
  const char* const end = std::max(x.begin + x.width_bytes, y.begin + y.width_bytes);
  return end - begin <= x.row_bytes;
}

bool all_of(const std::vector<Ref>& refs, bool (*holds)(const Ref&)) {
  return std::all_of(refs.begin(), refs.end(), holds);
}

bool is_elementwise_by_row(const Instr& instr) {
  const Ref& out = instr.out[0];
  if (!is_narrow(out)) return false;
  return std::all_of(instr.in.begin(), instr.in.end(), [&](const Ref& in) {
    return is_shared(in) || (has_rows(out) ? has_rows(in) : is_line(in));
  });
}

bool is_by_row(const Instr& instr) {
  const auto narrow_or_shared = [](const Ref& r) { return is_narrow(r) || is_shared(r); };
  switch (instr.op) {
    case Op::Gather:
      return instr.attrs.i[0] > 0 && is_common_gather(instr.in[0].dtype, instr.out[0].dtype) &&
             has_rows(instr.out[0]) && is_narrow(instr.out[0]);
    case Op::Matmul:
      return instr.attrs.i[0] == 0 && has_rows(instr.in[0]) && is_narrow(instr.in[0]) &&
             !instr.in[1].rows.batch && !instr.in[1].cols.batch && has_rows(instr.out[0]) &&
             is_narrow(instr.out[0]);
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
    case Op::ArgMax:
      return instr.attrs.i[2] == 0 && is_float(instr.in[0].dtype) && has_rows(instr.in[0]) &&
             is_narrow(instr.in[0]) && is_narrow(instr.out[0]);
    case Op::Softmax:
    case Op::LogSoftmax:
    case Op::Xent:
    case Op::XentGrad:
      return has_rows(instr.in[0]) && is_narrow(instr.in[0]) &&
             all_of(instr.in, narrow_or_shared) && all_of(instr.out, is_narrow);
    default:
      return is_rect(instr.op) && instr.op != Op::Update && is_elementwise_by_row(instr);
  }
}

bool is_of_numbers(const Instr& instr) {
  const bool known = instr.op == Op::Begin || instr.op == Op::Record || instr.op == Op::Rows ||
                     instr.op == Op::ClipFactor || (is_rect(instr.op) && instr.op != Op::Update);
  return known && all_of(instr.in, is_number) && all_of(instr.out, is_number);
}

Kind kind_of(const Instr* first, int count) {
  if (first->op == Op::Update) return Kind::update;
  if (std::all_of(first, first + count, is_of_numbers)) return Kind::numbers;
  return std::all_of(first, first + count, is_by_row) ? Kind::rows : Kind::any;
}

// What a unit reads and writes.
struct Touched {
  std::vector<Place> in, out;
  Touched(const Unit& unit, int64_t capacity) {
    for (int k = 0; k < unit.count; ++k) {
      for (const Ref& r : unit.first[k].in) in.push_back(place_of(r, capacity));
      for (const Ref& r : unit.first[k].out) out.push_back(place_of(r, capacity));
    }
  }
};

// Calls f with every two places that one of the units writes and the other touches, until f holds.
template <class F>
bool any_hazard(const Touched& a, const Touched& b, F f) {
  const auto among = [&](const std::vector<Place>& some, const std::vector<Place>& others) {
    for (const Place& x : some) {
      for (const Place& y : others) {
        if (overlap(x, y) && f(x, y)) return true;
      }
    }
    return false;
  };
  return among(a.out, b.out) || among(a.out, b.in) || among(a.in, b.out);
}

// The type that a unit of rows needs the kernel for; elementwise instructions do with any.
int type_of(const Unit& unit) {
  const Instr& head = *unit.first;
  if (unit.kind != Kind::rows || is_rect(head.op) || head.op == Op::Gather) return -1;
  return static_cast<int>(head.in[0].dtype);
}

class Stages {
 public:
  Stages(const std::vector<Unit>& units, int64_t capacity)
      : units_(units),
        open_(units.size(), 0),
        barred_(units.size(), -1),
        later_(units.size()),
        holds_up_(units.size(), false) {
    for (const Unit& unit : units) touched_.emplace_back(unit, capacity);
    for (size_t j = 0; j < units.size(); ++j) {
      for (size_t i = 0; i < j; ++i) {
        if (!conflict(i, j)) continue;
        later_[i].push_back(j);
        ++open_[j];
      }
    }
    for (size_t i = units.size(); i-- > 0;) {
      for (size_t j : later_[i])
        holds_up_[i] = holds_up_[i] || units[j].kind != Kind::numbers || holds_up_[j];
    }
  }

  std::vector<Stage> all() {
    size_t made = 0;
    while (made < units_.size()) {
      stages_.push_back(next());
      made += stages_.back().units.size();
    }
    return std::move(stages_);
  }

 private:
  // Begin says which rows a step has; Record says whether updates still count.
  bool conflict(size_t i, size_t j) const {
    const Op a = units_[i].first->op, b = units_[j].first->op;
    if (a == Op::Begin || b == Op::Begin) return true;
    if ((a == Op::Record && b == Op::Update) || (a == Op::Update && b == Op::Record)) return true;
    return any_hazard(touched_[i], touched_[j], [](const Place&, const Place&) { return true; });
  }
  // Whether j may follow i in one launch.
  bool may_follow(size_t i, size_t j) const {
    if (units_[i].kind != units_[j].kind) return false;
    if (units_[i].kind == Kind::numbers) return true;
    if (units_[i].kind != Kind::rows) return false;
    return !any_hazard(touched_[i], touched_[j],
                       [](const Place& x, const Place& y) { return !same_rows(x, y); });
  }
  // Numbers that only numbers wait for can wait themselves: those of the whole step are one launch.
  Stage next() {
    for (size_t j = 0; j < units_.size(); ++j) {
      if (open_[j] == 0 && units_[j].kind == Kind::numbers && holds_up_[j])
        return of_kind(Kind::numbers);
    }
    for (const Kind kind : {Kind::rows, Kind::any, Kind::numbers}) {
      Stage stage = of_kind(kind);
      if (!stage.units.empty()) return stage;
    }
    return of_kind(Kind::update);
  }
  Stage of_kind(Kind kind) {
    Stage stage{kind, {}};
    const int now = static_cast<int>(stages_.size());
    int type = -1;
    for (size_t j = 0; j < units_.size(); ++j) {
      if (open_[j] != 0 || barred_[j] == now || units_[j].kind != kind) continue;
      const int own = type_of(units_[j]);
      if (type >= 0 && own >= 0 && type != own) continue;
      if (!stage.units.empty() && kind == Kind::update && !alike(stage.units[0], units_[j]))
        continue;
      type = std::max(type, own);
      take(j, now);
      stage.units.push_back(units_[j]);
    }
    return stage;
  }
  static bool alike(const Unit& a, const Unit& b) {
    return a.first->attrs.fn == b.first->attrs.fn && a.first->out[0].dtype == b.first->out[0].dtype;
  }
  void take(size_t i, int now) {
    open_[i] = -1;
    for (size_t j : later_[i]) {
      --open_[j];
      if (barred_[j] != now && !may_follow(i, j)) barred_[j] = now;
    }
  }

  const std::vector<Unit>& units_;
  std::vector<Touched> touched_;
  std::vector<int> open_;    // units that come before and have no stage yet; -1: has its own
  std::vector<int> barred_;  // from this stage
  std::vector<std::vector<size_t>> later_;
  std::vector<bool> holds_up_;  // others than numbers
  std::vector<Stage> stages_;
};

}  // namespace

std::vector<Unit> units_of(const std::vector<Instr>& program) {
  std::vector<Unit> units;
  const Instr* const end = program.data() + program.size();
  for (const Instr* at = program.data(); at != end;) {
    const Instr* const group = at + 1 + at->fused;
    // Numbers of a group may be wanted at different times.
    const bool apart = std::all_of(at, group, is_of_numbers);
    while (at != group) {
      const Instr* next = at + 1;
      while (!apart && at->op != Op::Update && next != group && next->op != Op::Update) ++next;
      const int count = static_cast<int>(next - at);
      units.push_back({at, count, kind_of(at, count)});
      at = next;
    }
  }
  return units;
}

std::vector<Stage> staged(const std::vector<Unit>& units, int64_t capacity) {
  return Stages(units, capacity).all();
}

std::vector<Stage> as_listed(const std::vector<Unit>& units) {
  std::vector<Stage> stages;
  for (const Unit& unit : units) stages.push_back({unit.kind, {unit}});
  return stages;
}

}  // namespace feedfwd::gpu
