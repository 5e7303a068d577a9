// Entries from Python written with CPython's own API, for calls so short that pybind11's dispatch
// would be a good part of them.
#pragma once

#include <pybind11/pybind11.h>

#include "gil.h"

namespace feedfwd::bindings {

// f() with what pybind11 does around a function: exceptions become Python's.
template <class F>
PyObject* enter(F f) {
  const Call call;
  try {
    return f();
  } catch (py::error_already_set& error) {
    error.restore();
#ifdef __GLIBCXX__
  } catch (abi::__forced_unwind&) {
    throw;
#endif
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

// The C++ object in an instance of exactly the type that py::class_ made for T; null where its
// __init__ was not called.
template <class T>
T* held_in(PyObject* instance) {
  return static_cast<T*>(
      reinterpret_cast<py::detail::instance*>(instance)->get_value_and_holder().value_ptr());
}

}  // namespace feedfwd::bindings
