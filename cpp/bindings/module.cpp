#include <stdexcept>
#include <system_error>

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
    } catch (const std::length_error&) {  // a container larger than any memory
      PyErr_NoMemory();
    } catch (const std::system_error& e) {  // no threads left, for example
      py::set_error(PyExc_OSError, e.what());
    }
  });
  feedfwd::active_isa();  // an unavailable FEEDFWD_ISA is an error here
  bind_arrays(m);
  bind_tensor(m);
  bind_convert(m);
  bind_ops(m);
  bind_specs(m);
  bind_tape(m);
  bind_tree(m);
  bind_program(m);
  bind_predict(m);
  bind_optimizer(m);
  bind_machine(m);
  bind_device(m);
  bind_files(m);
  guard_module(m);
}
