// Between Python objects and the core's tensors: dtypes, shapes, arrays, weak scalars.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <span>
#include <string>

#include "core/tensor.h"

namespace feedfwd::bindings {

namespace py = pybind11;

DType parse_dtype(const py::handle& x, const char* argument);  // a compute dtype
DType data_dtype(const std::string& name);                     // any dtype of data
DType data_dtype(const py::dtype& dtype);
py::dtype numpy_dtype(DType t);

py::tuple shape_tuple(const Shape& shape);
Shape shape_from(const py::handle& x,
                 const char* argument);  // None stands for the batch, leading only

py::array new_array(const ValueType& type);  // not filled
py::array to_numpy(const TensorImpl& t);
py::array to_numpy(const VariableImpl& v);

// A Python operand before its dtype is settled: a Tensor or Variable, an array made a Tensor, or a
// weak scalar.
struct Loose {
  Arg arg;          // empty for a weak scalar
  py::object weak;  // bool, int or float
  bool is_weak() const { return weak.ptr() != nullptr; }
};
Loose loosen(const py::handle& x, const char* argument);
// The dtype an op of these computes in (numerics of the package: weak scalars adapt, float64 wins).
DType promote(std::span<const Loose* const> operands);
// `x` in that dtype: weak scalars become constants, others are cast where they differ.
Arg settle(Loose x, DType dtype, const char* argument);
// The Python object of a tensor.
py::object to_python(const Tensor& tensor);
// One operand on its own: weak floats are float32, weak ints int32 (int64 where they need it).
Arg to_arg(const py::handle& x, const char* argument);
Arg cast_arg(Arg x, DType dtype);
Arg floating(const Arg& x);  // ints and bools become float32

std::string type_name(const py::handle& x);
// What a message shows of a value: its repr, cut.
std::string shown(const py::handle& x);
// An int or what NumPy has for one; TypeError and invalid_argument that name the argument.
int64_t integer(const py::handle& x, const char* argument);
// "layer 'dense_1': " while a layer runs, else "".
std::string where_we_are();

// An array of another library's on the GPU, by what it says of itself, and as a Tensor there.
bool is_on_device(const py::object& x);
Tensor from_device(const py::object& x, const std::string& argument);

void bind_arrays(py::module_& m);
void bind_convert(py::module_& m);  // behind bind_tensor
void bind_tensor(py::module_& m);
void bind_ops(py::module_& m);
void bind_specs(py::module_& m);
void bind_tape(py::module_& m);
void bind_tree(py::module_& m);
void bind_program(py::module_& m);
void bind_predict(py::module_& m);
void bind_optimizer(py::module_& m);
void bind_machine(py::module_& m);
void bind_device(py::module_& m);
void bind_files(py::module_& m);

}  // namespace feedfwd::bindings
