#include "convert.h"
#include "core/tensor.h"
#include "cpu/dispatch.h"
#include "gil.h"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  using namespace feedfwd::bindings;
  m.doc() = "The compiled core of feedfwd. Private.";
  m.attr("__version__") = FEEDFWD_VERSION;
  m.attr("numerics_version") = 1;
  m.attr("_layer_name") =
      py::none();  // set by the layers: names the one that runs, for error messages
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const feedfwd::TypeError& e) {
      py::set_error(PyExc_TypeError, e.what());
    }
  });
  feedfwd::active_isa();  // an unavailable FEEDFWD_ISA is an error here
  bind_tensor(m);
  bind_ops(m);
  bind_specs(m);
  bind_tape(m);
  bind_program(m);
  bind_optimizer(m);
  bind_machine(m);
  bind_files(m);
  guard_module(m);
}
