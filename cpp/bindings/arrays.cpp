#include "arrays.h"

#include "gil.h"

namespace feedfwd::bindings {

std::shared_ptr<void> keep(const py::array& array) {
  struct Kept {
    py::array array;
    std::vector<py::weakref> pins;  // on it and on whose memory it shows
  };
  auto kept = std::make_unique<Kept>();
  kept->array = array;
  for (py::object at = array; py::isinstance<py::array>(at); at = at.attr("base"))
    kept->pins.emplace_back(at);
  return std::shared_ptr<void>(kept.release(), [](void* p) {
    with_interpreter([](void* q) { delete static_cast<Kept*>(q); }, p);
  });
}

std::shared_ptr<void> keep_object(const py::object& object) {
  return std::shared_ptr<void>(new py::object(object), [](void* p) {
    with_interpreter([](void* q) { delete static_cast<py::object*>(q); }, p);
  });
}

}  // namespace feedfwd::bindings
