// Whole programs on the CPU backend: fused instructions, ragged batches, shards, losses that are
// not finite; the same bits for every instruction set and number of parts.
#include <atomic>
#include <cstdlib>
#include <new>
#include <tuple>

#include "kernel_harness.h"

using namespace feedfwd;
using namespace feedfwd::test;

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

// Counted: steps allocate nothing once the first is made.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes > 0 ? bytes : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace {

Attrs unary(int fn) {
  Attrs attrs;
  attrs.fn = static_cast<FunctionId>(fn);
  return attrs;
}
constexpr int kTanh = 11, kSquare = 3;  // places in FF_UNARY_FUNCTIONS

// `program` as it is and with nothing fused: equal bits in all outs.
template <class... Out>
void fused_as_unfused(const std::string& what, std::vector<Instr> program, Array<Out>&... out) {
  const std::tuple<Array<Out>...> before(out...);
  everywhere(what, program, out...);
  const std::tuple<Array<Out>...> fused(out...);
  for (Instr& i : program) i.fused = 0;
  std::tie(out...) = before;
  everywhere(what + " unfused", program, out...);
  std::apply(
      [&](const auto&... f) { check((same(f, out) && ...), what + ": fused is not unfused"); },
      fused);
}

// tanh(x w + b) with dropout, each follower at the matmul's tiles.
template <class T>
void dense_layer(int64_t m, int64_t k, int64_t n) {
  Array<T> x(m, k), w(k, n, round_up(n, 16)), b(1, n), y(m, n), z(m, n), d(m, n, n + 3);
  Array<int64_t> counter(1, 1);
  counter(0, 0) = 5;
  fill(x), fill(w, -0.3, 0.3), fill(b);
  Attrs drop;
  drop.f[0] = 0.25;
  std::vector<Instr> program = {instr(Op::Matmul, {x.ref(), w.ref()}, {y.ref()}),
                                instr(Op::Add, {y.ref(), b.broadcast(m, n)}, {y.ref()}),
                                instr(Op::Map, {y.ref()}, {z.ref()}, unary(kTanh)),
                                instr(Op::Dropout, {z.ref(), counter.ref()}, {d.ref()}, drop)};
  program[0].fused = 3;
  fused_as_unfused("dense layer", program, y, z, d);
  expect_near<T>("dense layer", z, static_cast<double>(4 * k + 8), [&](int64_t r, int64_t c) {
    double sum = 0;
    for (int64_t i = 0; i < k; ++i) sum += double(x(r, i)) * double(w(i, c));
    return std::tanh(sum + double(b(0, c)));
  });
}

template <class T>
void elementwise_chain(int64_t rows, int64_t cols) {
  Array<T> a(rows, cols), b(rows, 1), t(rows, cols), u(rows, cols, cols + 1);
  fill(a), fill(b);
  std::vector<Instr> program = {instr(Op::Subtract, {a.ref(), b.broadcast(rows, cols)}, {t.ref()}),
                                instr(Op::Map, {t.ref()}, {t.ref()}, unary(kSquare)),
                                instr(Op::Multiply, {t.ref(), a.ref()}, {u.ref()})};
  program[0].fused = 2;
  fused_as_unfused("chain", program, t, u);
  expect<T>("chain", u, [&](int64_t r, int64_t c) {
    const T d = a(r, c) - b(r, 0);
    return d * d * a(r, c);
  });
}

// Gradient descent on mean((x w - y)^2) by hand, several steps over shuffled rows.
struct Regression {
  static constexpr int64_t kRows = 23, kBatch = 8, kIn = 5, kSteps = 3;
  Array<double> data{kRows, kIn}, target{kRows, 1};
  Array<float> x{kBatch, kIn}, y{kBatch, 1}, p{kBatch, 1}, dp{kBatch, 1}, sq{kBatch, 1};
  Array<float> loss{1, 1}, w{kIn, 1}, g{kIn, 1};
  Array<int64_t> count{1, 1};
  Array<float> scale{1, 1};
  double scalars[kSteps * kStepScalars] = {};
  double losses[kSteps] = {};
  std::vector<int64_t> order;

  Regression() {
    fill(data), fill(target), fill(w);
    for (int64_t k = 0; k < kRows; ++k) order.push_back((7 * k + 3) % kRows);
    for (int64_t s = 0; s < kSteps; ++s)
      scalars[s * kStepScalars] = 0.02 / static_cast<double>(s + 1);
  }
  static Ref batched(Ref r) {
    r.rows = {1, true};
    return r;
  }
  std::vector<Instr> program() {
    Attrs begin, rows, record, transpose_a;
    begin.i = {0, 1};
    rows.i = {1, 0};
    record.i = {0, 1};
    transpose_a.i = {1, 0, 0};
    const Ref bx = batched(x.ref()), by = batched(y.ref()), bp = batched(p.ref()),
              bdp = batched(dp.ref()), bsq = batched(sq.ref());
    Ref one_scale = scale.ref();
    one_scale.row_stride = one_scale.col_stride = 0;
    one_scale.rows = {1, true};
    Attrs columns;
    columns.i[2] = 1;
    Attrs lanes;
    lanes.i[2] = 1;
    return {instr(Op::Begin, {}, {}, begin),
            instr(Op::Gather, {data.ref()}, {bx}),
            instr(Op::Gather, {target.ref()}, {by}),
            instr(Op::Matmul, {bx, w.ref()}, {bp}, lanes),
            instr(Op::Subtract, {bp, by}, {bdp}),
            instr(Op::Map, {bdp}, {bsq}, unary(kSquare)),
            instr(Op::Rows, {}, {count.ref()}, rows),
            instr(Op::Cast, {count.ref()}, {scale.ref()}),
            instr(Op::Divide, {bsq, one_scale}, {bsq}),
            instr(Op::Sum, {bsq}, {loss.ref()}, columns),
            instr(Op::Record, {loss.ref()}, {}, record),
            instr(Op::Divide, {bdp, one_scale}, {bdp}),
            instr(Op::Matmul, {bx, bdp}, {g.ref()}, transpose_a),
            instr(Op::Update, {g.ref()}, {w.ref()})};
  }
  StepState state() {
    StepState s;
    s.total_rows = kRows;
    s.batch_size = kBatch;
    s.order = order.data();
    s.scalars = scalars;
    s.losses = losses;
    return s;
  }
};

void training() {
  Regression r;
  const Array<float> w0 = r.w;
  double w[Regression::kIn], want[Regression::kSteps];
  for (int64_t k = 0; k < Regression::kIn; ++k) w[k] = w0(k, 0);
  for (int64_t s = 0; s < Regression::kSteps; ++s) {
    const int64_t n = std::min(Regression::kBatch, Regression::kRows - s * Regression::kBatch);
    double g[Regression::kIn] = {};
    want[s] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = r.order[static_cast<size_t>(s * Regression::kBatch + i)];
      double d = -r.target(row, 0);
      for (int64_t k = 0; k < Regression::kIn; ++k) d += r.data(row, k) * w[k];
      want[s] += d * d / static_cast<double>(n);
      for (int64_t k = 0; k < Regression::kIn; ++k)
        g[k] += d * r.data(row, k) / static_cast<double>(n);
    }
    for (int64_t k = 0; k < Regression::kIn; ++k) w[k] -= r.scalars[s * kStepScalars] * g[k];
  }
  std::vector<Array<float>> first;
  for (const Kernels* kernels : available_kernels()) {
    for (int parts : {1, 2, 3}) {
      for (double solo_ns : {0.0, 1e9}) {
        team().set(parts);
        r.w = w0;
        CpuCode code(r.program(), Regression::kBatch, *kernels, solo_ns);
        StepState state = r.state();
        code.submit(state, Regression::kSteps);
        const std::string what =
            std::string("training ") + kernels->name + " " + std::to_string(parts);
        check(state.index == 2 && state.rows == 7 && state.bad_step == -1, what + ": state");
        for (int64_t s = 0; s < Regression::kSteps; ++s) {
          check(std::abs(r.losses[s] - want[s]) < 100 * 0x1p-23 * want[s], what + ": loss");
        }
        for (int64_t k = 0; k < Regression::kIn; ++k) {
          check(std::abs(r.w(k, 0) - w[k]) < 100 * 0x1p-23 * 3, what + ": weights");
        }
        if (first.empty()) first.push_back(r.w);
        check(same(first[0], r.w), what + ": bits");
      }
    }
  }
}

// A NaN in the second batch: its update and all later ones do nothing.
void bad_step() {
  for (int parts : {1, 2, 3}) {
    for (double solo_ns : {0.0, 200.0, 1e9}) {
      for (bool losses : {true, false}) {
        team().set(parts);
        Regression r;
        CpuCode code(r.program(), Regression::kBatch, active_kernels(), solo_ns);
        StepState state = r.state();
        code.submit(state, 1);
        const Array<float> after_one = r.w;
        r.target(r.order[9], 0) = NAN;
        code.submit(state, 0);
        if (!losses) state.losses = nullptr;
        code.submit(state, 2);
        check(state.bad_step == 1, "bad step is noted");
        check(same(after_one, r.w), "no update after a bad step");
        if (losses) {
          check(std::isfinite(r.losses[0]) && std::isnan(r.losses[1]) && std::isnan(r.losses[2]),
                "losses from the bad step on are NaN");
        }
      }
    }
  }
}

void no_allocation() {
  for (int parts : {1, 2, 3}) {
    for (double solo_ns : {0.0, 1e9}) {
      team().set(parts);
      Regression r;
      CpuCode code(r.program(), Regression::kBatch, active_kernels(), solo_ns);
      StepState state = r.state();
      code.submit(state, 1);
      const int64_t before = allocations;
      code.submit(state, 2);
      const bool none = allocations == before;  // a message is allocated, too
      check(none, "steps after the first allocate nothing");
    }
  }
}

// The rows of a program that has room for many and gets few: those of the same rows among many.
void few_rows() {
  constexpr int64_t kRows = 40, kIn = 200, kMiddle = 300, kOut = 120;
  Array<float> data(kRows, kIn), x(kRows, kIn), w1(kIn, kMiddle), b(1, kMiddle), h(kRows, kMiddle);
  Array<float> w2(kMiddle, kOut), y(kRows, kOut), whole(kRows, kOut);
  fill(data), fill(w1), fill(b), fill(w2);
  const auto batched = [](Ref r) {
    r.rows = {1, true};
    return r;
  };
  Attrs begin;
  begin.i = {0, 1};
  const Ref bh = batched(h.ref());
  std::vector<Instr> program = {instr(Op::Begin, {}, {}, begin),
                                instr(Op::Gather, {data.ref()}, {batched(x.ref())}),
                                instr(Op::Matmul, {batched(x.ref()), w1.ref()}, {bh}),
                                instr(Op::Add, {bh, batched(b.broadcast(kRows, kMiddle))}, {bh}),
                                instr(Op::Map, {bh}, {bh}, unary(kTanh)),
                                instr(Op::Matmul, {bh, w2.ref()}, {batched(y.ref())})};
  program[2].fused = 2;
  const auto run = [&](Code& code, int64_t first, int64_t rows) {
    StepState state;
    state.first_row = first;
    state.batch_size = rows;
    state.total_rows = first + rows;
    static_cast<CpuProgram&>(code).submit(state, 1);
  };
  for (const Kernels* kernels : available_kernels()) {
    for (int parts : {1, 2, 3}) {
      for (double solo_ns : {0.0, 2e3, 1e9}) {
        team().set(parts);
        CpuProgram code(program, kRows, *kernels, solo_ns);
        run(code, 0, kRows);
        check(y.guarded() && h.guarded(), "many rows: nothing beside");
        if (kernels == available_kernels().front() && parts == 1) whole = y;
        check(same(whole, y), "many rows: bits");
        for (int64_t rows : {1, 2, 3, 15, 16, 17}) {
          const int64_t first = 3 * rows % 20;
          fill(y);
          run(code, first, rows);
          bool equal = true;
          for (int64_t r = 0; r < rows; ++r) {
            equal = equal && std::memcmp(&y(r, 0), &whole(first + r, 0), kOut * sizeof(float)) == 0;
          }
          check(equal && y.guarded() && h.guarded(),
                std::to_string(rows) + " rows: bits of " + kernels->name);
        }
      }
    }
  }
}

// Two shards share a batch of 8, then one of 7: rows 4 + 4, 3 + 4.
void shards() {
  Array<int64_t> rows(2, 1);
  Array<float> loss(1, 1);
  loss(0, 0) = 2;
  std::vector<Instr> program;
  for (int64_t s : {0, 1}) {
    Attrs attrs, one;
    attrs.i = {s, 2};
    one.i = {1, 0};
    Ref out = rows.ref();
    out.data = &rows(s, 0);
    out.rows = {1};
    program.push_back(instr(Op::Begin, {}, {}, attrs));
    program.push_back(instr(Op::Rows, {}, {out}, one));
    program.push_back(instr(Op::Record, {loss.ref()}, {}, attrs));
  }
  CpuCode code(program, 4, active_kernels(), 0);
  double losses[2];
  StepState state;
  state.total_rows = 15;
  state.batch_size = 8;
  state.losses = losses;
  code.submit(state, 1);
  check(rows(0, 0) == 4 && rows(1, 0) == 4 && state.row_base == 4 && state.offset == 4, "shards");
  code.submit(state, 1);
  check(rows(0, 0) == 3 && rows(1, 0) == 4 && state.row_base == 3 && state.offset == 11,
        "ragged shards");
  check(losses[0] == 2 && losses[1] == 2, "shard losses add up");
}

void backend_and_dispatch() {
  const std::shared_ptr<Backend> cpu = make_cpu_backend();
  for (size_t bytes : {size_t{0}, size_t{100}, size_t{9} << 20}) {
    const Block b = cpu->allocate(bytes);
    bool zero = true;
    for (size_t k = 0; k < bytes; ++k) zero = zero && static_cast<char*>(b.data)[k] == 0;
    check(zero && reinterpret_cast<uintptr_t>(b.data) % 64 == 0, "allocate");
  }
  bool refused = false;
  try {
    cpu->allocate(size_t{1} << 62);
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  check(refused, "bad_alloc");
  check(available_isas().front() == "generic", "generic is always there");
  Array<float> a(1, 3), out(1, 3);
  fill(a);
  cpu->run(instr(Op::Copy, {a.ref()}, {out.ref()}));
  check(same(a, out), "eager copy");
  Array<int32_t> ints(1, 3);
  bool typed = false;
  try {
    cpu->run(instr(Op::Softmax, {ints.ref()}, {ints.ref()}));
  } catch (const TypeError&) {
    typed = true;
  }
  check(typed, "softmax of integers");
}

void clip() {
  Array<double> sums(1, 1), more(1, 1), out(1, 1);
  sums(0, 0) = 9, more(0, 0) = 16;
  Attrs attrs;
  attrs.f[0] = 2;
  everywhere("clip", {instr(Op::ClipFactor, {sums.ref(), more.ref()}, {out.ref()}, attrs)}, out);
  check(out(0, 0) == 0.4, "clip factor");
}

}  // namespace

int main() {
  dense_layer<float>(37, 50, 29), dense_layer<double>(16, 400, 65),
      dense_layer<float>(130, 64, 700);
  elementwise_chain<float>(40, 90), elementwise_chain<double>(3, 5000),
      elementwise_chain<float>(5000, 1);
  training();
  bad_step();
  no_allocation();
  few_rows();
  shards();
  clip();
  backend_and_dispatch();
  return summary();
}
