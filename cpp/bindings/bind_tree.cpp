// What a layer is made of: layers and variables in its attributes, and in lists, tuples and dicts
// there. Asked anew at every fit, since nobody tells when a list grows.
#include <algorithm>
#include <unordered_set>

#include "convert.h"
#include "entry.h"

namespace feedfwd::bindings {
namespace {

// What may be gone through while other threads change `x`: itself, where Python has its lock. A
// class of one's own may go through its items in an order of its own (OrderedDict does).
py::object steady(py::handle x) {
  const bool plain =
      PyDict_CheckExact(x.ptr()) || PyList_CheckExact(x.ptr()) || PyTuple_CheckExact(x.ptr());
  if (!plain) {
    PyObject* items = PyDict_Check(x.ptr()) ? PyMapping_Values(x.ptr()) : PySequence_List(x.ptr());
    if (!items) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(items);
  }
#ifdef Py_GIL_DISABLED
  PyObject* copy = PyDict_Check(x.ptr()) ? PyDict_Copy(x.ptr()) : PySequence_Tuple(x.ptr());
  if (!copy) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(copy);
#else
  return py::reinterpret_borrow<py::object>(x);
#endif
}

// A list that holds itself has no end.
struct Deeper {
  Deeper() {
    if (Py_EnterRecursiveCall(" in what a layer is made of")) throw py::error_already_set();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
};

PyObject* weights_name = nullptr;
PyObject* trainable_name = nullptr;
PyObject* variable_name = nullptr;

py::object attribute(py::handle of, PyObject* name) {
  PyObject* const found = PyObject_GetAttr(of.ptr(), name);
  if (!found) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(found);
}

struct Parts {
  std::vector<py::object> layers;  // each once, without the one they are parts of
  py::list variables;
};

class Scan {
 public:
  // `layer`: the class of all layers; `passed`: a set of attributes that are passed by.
  Scan(py::handle layer, py::handle passed)
      : layer_(reinterpret_cast<PyTypeObject*>(layer.ptr())),
        variable_(reinterpret_cast<PyTypeObject*>(py::type::of<VariableImpl>().ptr())),
        passed_(passed) {}

  Parts parts(py::handle owner) const {
    Parts found;
    std::unordered_set<PyObject*> seen = {owner.ptr()};
    PyObject* attributes = PyObject_GenericGetDict(owner.ptr(), nullptr);
    if (!attributes) throw py::error_already_set();
    const py::object held = steady(py::reinterpret_steal<py::object>(attributes));
    PyObject *name, *value;
    for (Py_ssize_t at = 0; PyDict_Next(held.ptr(), &at, &name, &value);) {
      if (!holds(value)) continue;
      const int is_passed = PySet_Contains(passed_.ptr(), name);
      if (is_passed < 0) throw py::error_already_set();
      if (!is_passed) look(value, found, seen);
    }
    return found;
  }

  // `at` and all below it, depth first, each once, with the variables they hold.
  void tree(py::handle at, std::unordered_set<PyObject*>& seen, py::list& found) const {
    if (!seen.insert(at.ptr()).second) return;
    const Deeper guard;
    const Parts own = parts(at);
    found.append(py::make_tuple(at, own.variables));
    for (const py::object& child : own.layers) tree(child, seen, found);
  }

  // The trained variables of `at` and all below it, in order, each once; false where they are not
  // simply the weights that attributes hold: a layer is not trained, or keeps a weight elsewhere.
  bool trained(py::handle at, std::unordered_set<PyObject*>& seen, py::list& found) const {
    if (!seen.insert(at.ptr()).second) return true;
    const Deeper guard;
    const Parts own = parts(at);
    const py::object flag = attribute(at, trainable_name), weights = attribute(at, weights_name);
    const int is_trained = PyObject_IsTrue(flag.ptr());
    if (is_trained < 0) throw py::error_already_set();
    if (!is_trained || !PyList_CheckExact(weights.ptr()) ||
        PyList_GET_SIZE(weights.ptr()) != static_cast<Py_ssize_t>(own.variables.size()))
      return false;
    for (size_t i = 0; i < own.variables.size(); ++i) {
      const py::object variable = own.variables[i];
      const py::object weight = py::reinterpret_borrow<py::object>(
          PyList_GET_ITEM(weights.ptr(), static_cast<Py_ssize_t>(i)));
      if (!attribute(weight, variable_name).is(variable) ||
          PyList_GET_SIZE(weights.ptr()) != static_cast<Py_ssize_t>(own.variables.size()))
        return false;
      if (!seen.insert(variable.ptr()).second) continue;
      const auto* held = held_in<VariableImpl>(variable.ptr());
      if (held && held->trainable) found.append(variable);
    }
    return std::all_of(own.layers.begin(), own.layers.end(),
                       [&](const py::object& child) { return trained(child, seen, found); });
  }

 private:
  bool is_variable(PyObject* x) const { return PyObject_TypeCheck(x, variable_); }
  bool is_layer(PyObject* x) const { return PyObject_TypeCheck(x, layer_); }
  bool holds(PyObject* x) const {
    return PyList_Check(x) || PyTuple_Check(x) || PyDict_Check(x) || is_variable(x) || is_layer(x);
  }

  void look(PyObject* x, Parts& found, std::unordered_set<PyObject*>& seen) const {
    if (is_variable(x)) {
      found.variables.append(py::handle(x));
    } else if (is_layer(x)) {
      if (seen.insert(x).second) found.layers.push_back(py::reinterpret_borrow<py::object>(x));
    } else if (PyList_Check(x) || PyTuple_Check(x) || (PyDict_Check(x) && !PyDict_CheckExact(x))) {
      const Deeper guard;
      const py::object items = steady(x);  // a list or a tuple
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i)
        look(PySequence_Fast_GET_ITEM(items.ptr(), i), found, seen);
    } else if (PyDict_Check(x)) {
      const Deeper guard;
      const py::object items = steady(x);
      PyObject *key, *value;
      for (Py_ssize_t at = 0; PyDict_Next(items.ptr(), &at, &key, &value);)
        look(value, found, seen);
    }
  }

  PyTypeObject *layer_, *variable_;
  py::handle passed_;
};

}  // namespace

void bind_tree(py::module_& m) {
  weights_name = PyUnicode_InternFromString("_weights");
  trainable_name = PyUnicode_InternFromString("_trainable");
  variable_name = PyUnicode_InternFromString("variable");
  m.def("parts", [](const py::object& owner, const py::type& layer, const py::frozenset& passed) {
    const Parts found = Scan(layer, passed).parts(owner);
    py::list layers;
    for (const py::object& part : found.layers) layers.append(part);
    return py::make_tuple(layers, found.variables);
  });
  m.def("tree", [](const py::object& owner, const py::type& layer, const py::frozenset& passed) {
    py::list found;
    std::unordered_set<PyObject*> seen;
    Scan(layer, passed).tree(owner, seen, found);
    return found;
  });
  m.def("trained",
        [](const py::object& owner, const py::type& layer,
           const py::frozenset& passed) -> py::object {
          py::list found;
          std::unordered_set<PyObject*> seen;
          if (!Scan(layer, passed).trained(owner, seen, found)) return py::none();
          return found;
        });
}

}  // namespace feedfwd::bindings
