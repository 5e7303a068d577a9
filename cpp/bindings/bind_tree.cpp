// What a layer is made of: layers and variables in its attributes, and in lists, tuples and dicts
// there. Asked anew at every fit, since nobody tells when a list grows.
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

  // What tells one tree from another, of objects that live: layers, whether each is trained, how
  // many weights it knows of, the variables it holds and whether they are trained.
  void mark(py::handle at, std::unordered_set<PyObject*>& seen,
            std::vector<uintptr_t>& found) const {
    if (!seen.insert(at.ptr()).second) return;
    const Deeper guard;
    const Parts own = parts(at);
    const auto known = py::reinterpret_steal<py::object>(PyObject_GetAttr(at.ptr(), weights_name));
    const auto trained =
        py::reinterpret_steal<py::object>(PyObject_GetAttr(at.ptr(), trainable_name));
    const int is_trained = trained ? PyObject_IsTrue(trained.ptr()) : -1;
    const Py_ssize_t count = known && is_trained >= 0 ? PyObject_Size(known.ptr()) : -1;
    if (count < 0) throw py::error_already_set();
    found.insert(found.end(),
                 {reinterpret_cast<uintptr_t>(at.ptr()), static_cast<uintptr_t>(is_trained),
                  static_cast<uintptr_t>(count), static_cast<uintptr_t>(own.variables.size())});
    for (const py::handle v : own.variables) {
      const auto* variable = held_in<VariableImpl>(v.ptr());
      found.push_back(reinterpret_cast<uintptr_t>(v.ptr()));
      found.push_back(variable && variable->trainable);
    }
    for (const py::object& child : own.layers) mark(child, seen, found);
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
  m.def("tree_mark", [](const py::object& owner, const py::type& layer,
                        const py::frozenset& passed) {
    std::vector<uintptr_t> found;
    std::unordered_set<PyObject*> seen;
    Scan(layer, passed).mark(owner, seen, found);
    return py::bytes(reinterpret_cast<const char*>(found.data()), found.size() * sizeof(uintptr_t));
  });
}

}  // namespace feedfwd::bindings
