// A Program with what Python needs beside it: the data it reads, the variables whose aliases a run
// must part from, and who may use it when.
#pragma once

#include <algorithm>

#include "convert.h"
#include "core/float_state.h"
#include "core/optimizer.h"

namespace feedfwd::bindings {

// Where a pass over the data stands. Counted here, in the call that makes the steps, so that no
// signal can come between a step and its being counted.
struct Cursor {
  int64_t steps = 0, rows = 0;
  double total = 0;  // sum of loss * rows

  void count(double loss, int64_t size) {
    const FloatState nearest;
    steps += 1;
    rows += size;
    total += loss * static_cast<double>(size);
  }
  double mean() const {
    const FloatState nearest;
    // Volatile: the compiler knows of no rounding mode and would divide before it is set.
    const volatile double sum = total;
    const volatile double quotient = sum / static_cast<double>(std::max<int64_t>(rows, 1));
    return quotient;
  }
};

using Order = std::optional<py::array_t<int64_t, py::array::c_style>>;
using Rates = py::array_t<double, py::array::c_style | py::array::forcecast>;

class BoundProgram {
 public:
  BoundProgram(const std::shared_ptr<TraceImpl>& trace, PlanRequest request,
               const std::string& device, std::shared_ptr<Optimizer> optimizer);

  // Whether the variables still lie where the plan was bound to.
  bool is_current() const;
  void bind(const py::sequence& arrays);
  // `rates`: one for all steps, or an array with one each.
  py::tuple run(int64_t total_rows, int64_t batch_size, int64_t first_row, int64_t steps,
                const Order& order, bool order_changed, const py::object& rates,
                double weight_decay, Cursor* cursor);
  // The outputs for all rows, computed from one moment's weights; None where the variables have
  // moved. Any number of threads may call it.
  py::object predict(const py::sequence& arrays);
  // The same for one array that is exactly what the program was made for, into one output; nothing
  // for everything else. The short way of small predictions.
  py::object predict_one(py::handle x);
  // The same from tensors in the program's device's memory, to tensors there.
  py::object predict_there(const std::vector<Tensor>& inputs);
  py::list outputs(int64_t rows);
  std::string str();

 private:
  // One instance of the program; predictions side by side have one each.
  struct Lane {
    Guarded guard = std::make_shared<AccessGuard>();
    std::unique_ptr<Program> program;
  };
  struct Outputs {
    std::vector<char*> to;
    std::vector<int64_t> row_bytes;
    bool is_there = false;  // in the backend's memory
  };
  static void take_outputs(const Program& program, int64_t first, int64_t rows,
                           const Outputs& outputs);

  std::vector<Source> sources_of(const py::sequence& arrays) const;
  void check_run(const Program::Run& r, const Order& order) const;
  std::vector<double> scalars_of(const py::object& rates, int64_t steps, double decay) const;
  std::pair<Hold, Lane*> lane();
  py::object compute(std::vector<Source> sources, const Outputs& outputs, py::object results);
  bool predict_brief(const void* data, int64_t rows, void* to);
  std::unique_ptr<Program> instance() const;
  void predict_rows(Program& program, int64_t rows, const Outputs& outputs) const;

  std::shared_ptr<TraceImpl> trace_;
  std::shared_ptr<Optimizer> optimizer_;
  std::shared_ptr<Backend> backend_;
  PlanRequest request_;
  Bindings bindings_;
  std::vector<ValueType> output_types_;
  std::vector<Claim> readers_;             // of all variables
  std::vector<Claim> writers_;             // the same, for writing where a run changes them
  py::object input_descr_, output_descr_;  // NumPy's, for predict_one
  std::vector<int> updated_;
  std::vector<const void*> memory_;
  int64_t first_block_;  // rows that surely take well under a second
  int64_t brief_rows_;   // rows that take some microseconds
  std::vector<std::unique_ptr<Lane>> lanes_;
  size_t turn_ = 0;  // whose turn it is to be waited for
};

}  // namespace feedfwd::bindings
