// The order of launches: units that touch the same bytes keep their order, and share a launch only
// where the launch keeps it.
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "../cpp/check.h"
#include "cuda/order.h"

namespace feedfwd::gpu {
namespace {

constexpr int64_t kRows = 5, kMemory = 480;  // floats

// Byte by byte: who reads and writes it, as which row of the batch (-1: as none).
struct Access {
  std::set<std::pair<int64_t, int>> reads, writes;  // (float, row)
};

void note(const Ref& r, const float* base, std::set<std::pair<int64_t, int>>& to) {
  const int64_t first = static_cast<const float*>(r.data) - base;
  for (int64_t i = 0; i < r.rows.at(kRows); ++i) {
    for (int64_t j = 0; j < r.cols.at(kRows); ++j) {
      int row = -1;
      if (r.rows.batch && r.row_stride != 0) row = static_cast<int>(i);
      if (r.cols.batch && r.col_stride != 0) row = static_cast<int>(j);
      to.insert({first + i * r.row_stride + j * r.col_stride, row});
    }
  }
}

Access access_of(const Unit& unit, const float* base) {
  Access access;
  for (int k = 0; k < unit.count; ++k) {
    for (const Ref& r : unit.first[k].in) note(r, base, access.reads);
    for (const Ref& r : unit.first[k].out) note(r, base, access.writes);
  }
  return access;
}

// Whether they touch a float that one of them writes; with `by_row` only as different rows.
bool collide(const Access& a, const Access& b, bool by_row) {
  const auto among = [&](const auto& some, const auto& others) {
    for (const auto& [place, row] : some) {
      const auto end = others.upper_bound({place, static_cast<int>(kRows)});
      for (auto at = others.lower_bound({place, -1}); at != end; ++at) {
        if (!by_row || row < 0 || row != at->second) return true;
      }
    }
    return false;
  };
  return among(a.writes, b.writes) || among(a.writes, b.reads) || among(a.reads, b.writes);
}

void check(bool good, const char* what) { test::check_that(good, what, __FILE__, 0); }

class Programs {
 public:
  explicit Programs(uint64_t seed) : random_(seed), memory_(kMemory) {}

  std::vector<Instr> next() {
    std::vector<Instr> program(1);
    program[0].op = Op::Begin;
    const int count = 5 + below(30);
    for (int n = 0; n < count; ++n) program.push_back(instr());
    return program;
  }
  const float* base() const { return memory_.data(); }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  float* place() { return memory_.data() + below(kMemory / 2); }
  Ref number() { return {place(), {1, false}, {1, false}, 1, 1}; }
  Ref rows() {
    const int64_t width = 1 + below(6);
    return {place(), {1, true}, {width, false}, width + below(3), 1};
  }
  Ref line() { return {place(), {1, false}, {1, true}, 1, 1}; }
  Ref matrix() { return {place(), {3, false}, {4, false}, 4, 1}; }
  Ref like(const Ref& r) {
    Ref other = r;
    if (below(2) == 0) other.data = place();
    if (below(4) == 0) other.row_stride = 0;
    return other;
  }

  Instr instr() {
    Instr i;
    i.op = Op::Add;
    switch (below(8)) {
      case 0:
        i.in = {number(), number()};
        i.out = {number()};
        break;
      case 1:
        i.op = Op::Record;
        i.in = {number()};
        break;
      case 2:
        i.op = Op::Update;
        i.in = {matrix()};
        i.out = {matrix()};
        break;
      case 3:
        i.op = Op::Sum;
        i.attrs.i[2] = 1;
        i.in = {rows()};
        i.out = {number()};
        break;
      case 4:
        i.out = {line()};
        i.in = {like(i.out[0]), number()};
        break;
      default:
        i.out = {rows()};
        i.in = {like(i.out[0]), like(i.out[0])};
    }
    return i;
  }

  std::mt19937_64 random_;
  std::vector<float> memory_;
};

void check_pair(const Unit& a, const Unit& b, int stage_a, int stage_b, const float* base) {
  const Op first = a.first->op, second = b.first->op;
  if (first == Op::Begin) check(stage_a == 0, "begin comes first");
  if ((first == Op::Record && second == Op::Update) ||
      (first == Op::Update && second == Op::Record))
    check(stage_a < stage_b, "record and update");
  const Access x = access_of(a, base), y = access_of(b, base);
  if (!collide(x, y, false)) return;
  check(stage_a <= stage_b, "units that conflict keep their order");
  if (stage_a != stage_b) return;
  check(a.kind == Kind::numbers || a.kind == Kind::rows, "a conflict within a wave");
  if (a.kind == Kind::rows) check(!collide(x, y, true), "a conflict between rows");
}

void test_random_programs() {
  std::map<Kind, int> shared;  // units that share a launch
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Programs programs(seed);
    const std::vector<Instr> program = programs.next();
    const std::vector<Unit> units = units_of(program);
    std::map<const Instr*, std::pair<int, int>> found;  // (stage, place in it)
    int number = 0;
    for (const Stage& stage : staged(units, kRows)) {
      for (size_t k = 0; k < stage.units.size(); ++k) {
        check(stage.units[k].kind == stage.kind, "one kind");
        found[stage.units[k].first] = {number, static_cast<int>(k)};
      }
      if (stage.units.size() > 1) shared[stage.kind] += static_cast<int>(stage.units.size());
      ++number;
    }
    check(found.size() == units.size(), "each once");
    for (size_t j = 0; j < units.size(); ++j) {
      for (size_t i = 0; i < j; ++i) {
        const auto [stage_a, place_a] = found[units[i].first];
        const auto [stage_b, place_b] = found[units[j].first];
        check_pair(units[i], units[j], stage_a, stage_b, programs.base());
        if (stage_a == stage_b) check(place_a < place_b, "within a launch as listed");
      }
    }
  }
  for (const Kind kind : {Kind::numbers, Kind::rows, Kind::any, Kind::update})
    check(shared[kind] > 100, "launches are shared");
}

}  // namespace
}  // namespace feedfwd::gpu

int main() {
  feedfwd::gpu::test_random_programs();
  return feedfwd::test::check_summary();
}
