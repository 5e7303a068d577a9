// The op set as Python calls it: operands of any kind, dtypes promoted, ranks and axes brought to
// what the graph takes.
#pragma once

#include "convert.h"

namespace feedfwd::bindings {

Tensor op_map(const std::string& function, const py::handle& x, double alpha);
// The operands of an op with two.
std::vector<Arg> both(Arg a, Arg b);
Tensor op_binary(Op op, const py::handle& a, const py::handle& b);
Tensor op_matmul(const py::handle& a, const py::handle& b);
Tensor op_transpose(const Arg& x, const py::object& axes);
Tensor op_reshape(const Arg& x, const py::handle& shape);
Tensor op_getitem(const Arg& x, const py::handle& key);
Op op_named(const std::string& name);
int normal_axis(const py::handle& axis, int rank, const char* argument);

}  // namespace feedfwd::bindings
