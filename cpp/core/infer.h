// What the shape rules share. Each rule gets one Call and gives the types of the results.
#pragma once

#include <string>
#include <vector>

#include "core/graph.h"

namespace feedfwd {

struct Call {
  Op op;
  const std::vector<ValueType>& in;
  const Attrs& attrs;

  void expect_inputs(size_t count) const;
  // std::invalid_argument: "op: what".
  [[noreturn]] void fail(const std::string& what) const;
  // TypeError: "op: dtype ... came, ... expected".
  [[noreturn]] void fail_dtype(DType came, const std::string& expected) const;
  void expect_float(int input) const;
  void expect_number(int input) const;
  void expect_same_dtype(int a, int b) const;
  void expect_same_shape(int a, int b) const;
  // attrs.i[index] as an axis of input 0.
  int axis(int index) const;
};

// NumPy's rule from the trailing axis on; the batch meets itself or 1, and only where both end on
// the result's axis 0.
Shape broadcast(const Call& call, const Shape& a, const Shape& b);
Shape without_axis(const Shape& shape, int axis);
// Axes in `mask` left out, or kept with extent 1.
Shape reduced(const Shape& shape, int64_t mask, bool keepdims);

using Types = std::vector<ValueType>;
Types infer_elementwise(const Call& call);
Types infer_rows(const Call& call);  // linear algebra, reductions, rows
Types infer_form(const Call& call);

}  // namespace feedfwd
