// The caller's NumPy arrays while the core reads them.
#pragma once

#include <memory>

#include "convert.h"

namespace feedfwd::bindings {

// Keeps the array and its memory: NumPy resizes no array that has a weak reference. It may be
// dropped by any thread.
std::shared_ptr<void> keep(const py::array& array);
// The same for any object.
std::shared_ptr<void> keep_object(const py::object& object);

}  // namespace feedfwd::bindings
