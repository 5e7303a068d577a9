// Program: a Plan bound to a backend and to memory.
#pragma once

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
  std::vector<Storage> variables;           // by graph variable index
  std::vector<std::vector<Storage>> slots;  // [variable][slot]; empty without an update
};

// Rows a program reads: `rows` rows of `cols` elements of `dtype`, one after the other.
struct Source {
  Block block;  // of host memory, or of the backend's where `is_there`
  DType dtype = DType::f32;
  int64_t rows = 0, cols = 1;
  bool is_there = false;

  int64_t row_bytes() const { return checked_mul(cols, static_cast<int64_t>(size_of(dtype))); }
};

class Stream;

class Program {
 public:
  Program(const Graph& graph, Plan plan, std::shared_ptr<Backend> backend, Bindings bindings);

  ~Program();

  // Arrays for the graph's inputs, one each, equal numbers of rows; not needed without inputs. The
  // backend adopts them whole, or where its memory is too small takes them piece by piece with each
  // run. Throws std::invalid_argument for another number, dtype or width.
  void bind(std::vector<Source> sources);

  // Lets go of the arrays; the next run needs others.
  void unbind();

  struct Run {
    int64_t total_rows = 0, batch_size = 1, first_row = 0, steps = 1;
    // In host memory, unchanged as long as the run is on.
    const int64_t* order = nullptr;   // total_rows long, or null
    bool order_changed = true;        // false: `order` holds what the run before had
    const double* scalars = nullptr;  // kStepScalars per step, or null
    double* losses = nullptr;         // host, one per step, or null
  };
  // Runs the steps; returns the final state (bad_step!). Losses are downloaded. One run at a time.
  // With guards in the plan throws std::logic_error that names the slot whose neighbourhood was
  // written to.
  StepState run(const Run& run);
  // One step over `rows` rows of each input, which lie in memory the backend reads; nothing is
  // bound.
  void run_there(const void* const* inputs, int64_t rows);
  // Rows 0 .. rows of the index-th output as the last step left them, dense, to host memory.
  void read_output(int index, int64_t rows, void* host) const;
  // The same, to the backend's memory.
  void copy_output(int index, int64_t rows, void* to) const;

  const Plan& plan() const { return plan_; }
  Backend& backend() const { return *backend_; }

 private:
  Ref resolve(const Operand& operand) const;
  std::unique_ptr<Code> compiled() const;
  char* base_of(const Operand& operand) const;
  void allocate();
  void load_constants(const Graph& graph);
  void check_sources(const std::vector<Source>& sources) const;
  void check_run(const Run& run) const;
  StepState run_whole(const Run& run, const void* const* inputs);
  // The first call of a size allocates, later ones do not.
  void* stage(Block& block, const void* host, int64_t elements);
  void check_guards() const;
  int64_t output_elements(int index, int64_t rows) const;

  Plan plan_;
  std::shared_ptr<Backend> backend_;
  Bindings bindings_;
  std::vector<Source> sources_;
  std::vector<Block> adopted_;
  std::vector<const void*> inputs_;  // their addresses
  std::unique_ptr<Stream> stream_;   // instead, where they are too large
  bool bound_ = false;
  std::vector<Block> constants_, outputs_;
  std::vector<Block> gradients_;           // one arena each
  std::vector<int64_t> gradient_offsets_;  // by variable
  Block work_, order_, scalars_, losses_;
  std::unique_ptr<Code> code_;
};

}  // namespace feedfwd
