// Program: a Plan bound to a backend and to memory. Executor: the mini-batch loop, written once.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/plan.h"

namespace feedfwd {

// A place in backend memory that keeps its block alive.
struct Storage {
  Block block;
  int64_t offset = 0;  // bytes
  char* data() const { return static_cast<char*>(block.data) + offset; }
};

struct Bindings {
  std::vector<Storage> variables;            // by graph variable index
  std::vector<std::vector<Storage>> slots;   // [variable][slot]; empty without an update
};

// Rows a program reads: `rows` rows of `cols` elements of `dtype`, `row_stride` elements apart.
struct Source {
  Block block;
  DType dtype = DType::f32;
  int64_t rows = 0, cols = 1, row_stride = 1;
};

class Program {
 public:
  Program(const Graph& graph, Plan plan, std::shared_ptr<Backend> backend, Bindings bindings);

  // Arrays for the graph's inputs, one each, equal numbers of rows. Binding other arrays of the same types and widths
  // re-uses everything. Throws std::invalid_argument for another number, dtype or width.
  void bind(std::vector<Source> sources);

  struct Run {
    int64_t total_rows = 0, batch_size = 1, first_row = 0, steps = 1;
    const int64_t* order = nullptr;          // host, total_rows long, or null
    bool order_changed = true;               // false: `order` holds what the run before had
    const double* scalars = nullptr;         // host, kStepScalars per step, or null
    double* losses = nullptr;                // host, one per step, or null
  };
  // Runs the steps; returns the final state (bad_step!). Uploads order only when it differs from the last (by address
  // and version the executor passes on), losses are downloaded. One run at a time.
  StepState run(const Run& run);
  // Rows 0 .. rows of the index-th output as the last step left them, dense, to host memory.
  void read_output(int index, int64_t rows, void* host) const;

  const Plan& plan() const { return plan_; }
  Backend& backend() const { return *backend_; }

 private:
  Ref resolve(const Operand& operand) const;

  Plan plan_;
  std::shared_ptr<Backend> backend_;
  Bindings bindings_;
  std::vector<Source> sources_;
  std::vector<Block> constants_, outputs_, gradients_;
  Block work_, order_, scalars_, losses_;
  std::unique_ptr<Code> code_;
};

}  // namespace feedfwd
