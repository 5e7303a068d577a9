// A slow float64 backend that takes groups at their word: it runs them in tiles of 2 x 3, so that a
// group, an in-place output or a slot that is not legal gives other numbers. Map is x / (1 + |x|);
// the update is plain gradient descent.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "core/backend.h"

namespace feedfwd::testing {

struct Rect {
  int64_t row0, row1, col0, col1;
};

class Interpreter : public Backend {
 public:
  int instr_overrun =
      -1;  // this instruction writes one element too many, for the test of the guards

  std::string name() const override { return "interpreter"; }
  Block allocate(size_t bytes) override {
    const size_t whole = (bytes + 63) / 64 * 64;
    std::shared_ptr<void> p(std::aligned_alloc(64, whole), std::free);
    std::memset(p.get(), 0, whole);
    return {p.get(), bytes, p};
  }
  Block adopt(const void* host, size_t bytes, std::shared_ptr<void> keep) override {
    return {const_cast<void*>(host), bytes, keep};
  }
  void upload(void* to, const void* host, size_t bytes) override { std::memcpy(to, host, bytes); }
  void download(void* host, const void* from, size_t bytes) override {
    std::memcpy(host, from, bytes);
  }
  void run(const Instr&) override { throw std::logic_error("not here"); }

  struct Listing : Code {
    std::vector<Instr> instrs;
  };
  std::unique_ptr<Code> compile(std::vector<Instr> program, int64_t) override {
    auto code = std::make_unique<Listing>();
    code->instrs = std::move(program);
    return code;
  }
  void submit(Code& program, StepState& state, int64_t steps) override {
    const auto& instrs = static_cast<Listing&>(program).instrs;
    for (int64_t s = 0; s < steps; ++s) {
      for (size_t i = 0; i < instrs.size(); i += 1 + instrs[i].fused)
        run_group(&instrs[i], state, i);
    }
  }

 private:
  static double& at(const Ref& x, int64_t r, int64_t c) {
    return static_cast<double*>(x.data)[r * x.row_stride + c * x.col_stride];
  }
  static int64_t rows(const Ref& x, const StepState& s) { return x.rows.at(s.rows); }
  static int64_t cols(const Ref& x, const StepState& s) { return x.cols.at(s.rows); }

  static Ref rows_of(const Instr& gather, const StepState& s) {
    Ref in = gather.in[0];
    in.data = const_cast<void*>(s.inputs[gather.attrs.i[0] - 1]);
    return in;
  }

  void run_group(const Instr* group, StepState& s, size_t index) {
    if (group->fused > 0) {
      const int64_t m = rows(group->out[0], s), n = cols(group->out[0], s);
      for (int64_t r = 0; r < m; r += 2) {
        for (int64_t c = 0; c < n; c += 3) {
          for (int k = 0; k <= group->fused; ++k)
            run_rect(group[k], s, {r, std::min(r + 2, m), c, std::min(c + 3, n)});
        }
      }
    } else {
      run_whole(*group, s);
    }
    if (static_cast<int>(index) == instr_overrun) at(group->out[0], rows(group->out[0], s), 0) = 1;
  }

  void run_whole(const Instr& i, StepState& s) {
    switch (i.op) {
      case Op::Begin:
        return begin(i, s);
      case Op::Gather:
        for (int64_t r = 0; r < s.rows; ++r) {
          const int64_t from = s.order ? s.order[s.offset + r] : s.offset + r;
          for (int64_t c = 0; c < cols(i.out[0], s); ++c)
            at(i.out[0], r, c) = at(rows_of(i, s), from, c);
        }
        return;
      case Op::Sum:
        return sum(i, s);
      case Op::Record:
        s.losses[s.index] =
            (i.attrs.i[0] ? s.losses[s.index] : 0) + at(i.in[0], 0, 0) * s.rows / s.batch_rows;
        return;
      case Op::SumSquares: {
        double total = 0;
        for (int64_t r = 0; r < rows(i.in[0], s); ++r) {
          for (int64_t c = 0; c < cols(i.in[0], s); ++c)
            total += at(i.in[0], r, c) * at(i.in[0], r, c);
        }
        at(i.out[0], 0, 0) = total;
        return;
      }
      case Op::ClipFactor: {
        double total = 0;
        for (const Ref& x : i.in) total += at(x, 0, 0);
        at(i.out[0], 0, 0) = i.attrs.f[0] / std::max(std::sqrt(total), i.attrs.f[0]);
        return;
      }
      default:
        run_rect(i, s, {0, rows(i.out[0], s), 0, cols(i.out[0], s)});
    }
  }

  static void begin(const Instr& i, StepState& s) {
    const int64_t shard = i.attrs.i[0], shards = i.attrs.i[1];
    if (shard == 0) ++s.index;
    const int64_t first = s.first_row + s.index * s.batch_size;
    s.batch_rows = std::min(s.batch_size, s.total_rows - first);
    s.row_base = s.batch_rows * shard / shards;
    s.rows = s.batch_rows * (shard + 1) / shards - s.row_base;
    s.offset = first + s.row_base;
  }

  static void sum(const Instr& i, const StepState& s) {
    const Ref &x = i.in[0], &y = i.out[0];
    const int64_t kind = i.attrs.i[2];
    for (int64_t k = 0; k < rows(y, s) * cols(y, s); ++k) at(y, k / cols(y, s), k % cols(y, s)) = 0;
    for (int64_t r = 0; r < rows(x, s); ++r) {
      for (int64_t c = 0; c < cols(x, s); ++c) {
        const int64_t k = kind == 0 ? r : kind == 1 ? c : 0;
        at(y, k / cols(y, s), k % cols(y, s)) += at(x, r, c);
      }
    }
  }

  static void run_rect(const Instr& i, const StepState& s, const Rect& t) {
    for (int64_t r = t.row0; r < t.row1; ++r) {
      for (int64_t c = t.col0; c < t.col1; ++c) {
        if (i.op == Op::Update) {
          const double factor = i.in.size() > 1 ? at(i.in[1], 0, 0) : 1;
          at(i.out[0], r, c) -= 0.01 * factor * at(i.in[0], r, c);
        } else {
          at(i.out[0], r, c) = element(i, s, r, c);
        }
      }
    }
  }

  static double element(const Instr& i, const StepState& s, int64_t r, int64_t c) {
    if (i.op == Op::Matmul) {
      const bool ta = i.attrs.i[0], tb = i.attrs.i[1];
      double total = 0;
      for (int64_t k = 0; k < (ta ? rows(i.in[0], s) : cols(i.in[0], s)); ++k) {
        total += (ta ? at(i.in[0], k, r) : at(i.in[0], r, k)) *
                 (tb ? at(i.in[1], c, k) : at(i.in[1], k, c));
      }
      return total;
    }
    const double a = at(i.in[0], r, c);
    const double b = i.in.size() > 1 ? at(i.in[1], r, c) : 0;
    switch (i.op) {
      case Op::Copy:
      case Op::BroadcastTo:
        return a;
      case Op::Map:
        return a / (1 + std::fabs(a));
      case Op::MapGrad:
        return b * (1 - std::fabs(a)) * (1 - std::fabs(a));
      case Op::Add:
        return a + b;
      case Op::Subtract:
        return a - b;
      case Op::Multiply:
        return a * b;
      default:
        throw std::logic_error(std::string("interpreter: ") + name_of(i.op));
    }
  }
};

}  // namespace feedfwd::testing
