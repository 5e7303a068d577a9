// How calls from Python, the interpreter's lock, forks and the end of the process go together.
#pragma once

#include <pybind11/pybind11.h>

#include "core/host.h"

namespace feedfwd::bindings {

namespace py = pybind11;

// Around a call into Python that may wait for other threads: in an interpreter without its lock,
// this module's own (which stands in for it) is free meanwhile. Nothing where Python has its lock.
class Callout {
 public:
#ifdef Py_GIL_DISABLED
  Callout();
  ~Callout();

 private:
  bool held_;
#else
  Callout() {}
#endif
};

template <class F>
py::object call_out(F f) {
  [[maybe_unused]] const Callout out;
  return f();
}

// One call from Python into this module. pybind11's functions have it by guard_module, entries of
// our own by enter() of entry.h.
class Call {
 public:
  Call();
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

#ifdef Py_GIL_DISABLED
 private:
  bool mine_;
#endif
};

// Runs `f` with the interpreter, whoever calls; not at all once the process ends.
void with_interpreter(void (*f)(void*), void* what);

// Hooks, fork and exit handlers; every function of the module goes through one gate.
void guard_module(py::module_& m);

}  // namespace feedfwd::bindings
