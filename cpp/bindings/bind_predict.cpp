// Model.predict: a method in Python with a short way in front of it, for the call that is like the
// last one.
#include <cstddef>

#include "bound_program.h"
#include "entry.h"

#include <structmember.h>

namespace feedfwd::bindings {
namespace {

// What `predict` is in Model: called as predict(model, x), it looks whether model._quick, which the
// method leaves behind as (model._structure, program), serves; all else is the method's.
struct Predict {
  PyObject object;
  vectorcallfunc call;
  PyObject* method;
  PyObject* weak;  // references
};

PyTypeObject* program_type = nullptr;
PyObject* quick_name = nullptr;
PyObject* structure_name = nullptr;

// Not by the type's __getattr__, which would have the error of a missing attribute made.
py::object attribute(PyObject* of, PyObject* name) {
  auto found = py::reinterpret_steal<py::object>(PyObject_GenericGetAttr(of, name));
  if (!found && !PyErr_ExceptionMatches(PyExc_AttributeError)) throw py::error_already_set();
  if (!found) PyErr_Clear();
  return found;
}

py::object predict_quickly(PyObject* model, PyObject* x) {
  const py::object quick = attribute(model, quick_name);
  if (!quick || !PyTuple_CheckExact(quick.ptr()) || PyTuple_GET_SIZE(quick.ptr()) != 2) return {};
  PyObject* const program = PyTuple_GET_ITEM(quick.ptr(), 1);
  if (!Py_IS_TYPE(program, program_type) ||
      !attribute(model, structure_name).is(py::handle(PyTuple_GET_ITEM(quick.ptr(), 0))))
    return {};
  BoundProgram* const held = held_in<BoundProgram>(program);
  return held ? held->predict_one(x) : py::object();
}

PyObject* call_predict(PyObject* self, PyObject* const* args, size_t flagged, PyObject* names) {
  if (PyVectorcall_NARGS(flagged) == 2 && !names) {
    PyObject* const found =
        enter([&] { return predict_quickly(args[0], args[1]).release().ptr(); });
    if (found || PyErr_Occurred()) return found;
  }
  return PyObject_Vectorcall(reinterpret_cast<Predict*>(self)->method, args, flagged, names);
}

PyObject* bind_to(PyObject* self, PyObject* instance, PyObject*) {
  if (instance) return PyMethod_New(self, instance);
  return py::handle(self).inc_ref().ptr();
}

// Name, module, annotations and so on are the method's.
PyObject* get(PyObject* self, PyObject* name) {
  PyObject* const own = PyObject_GenericGetAttr(self, name);
  if (own || !PyErr_ExceptionMatches(PyExc_AttributeError)) return own;
  PyErr_Clear();
  return PyObject_GetAttr(reinterpret_cast<Predict*>(self)->method, name);
}

// What the type has too and get() would find there.
PyObject* get_of_method(PyObject* self, void* name) {
  return PyObject_GetAttrString(reinterpret_cast<Predict*>(self)->method,
                                static_cast<const char*>(name));
}

PyObject* repr(PyObject* self) { return PyObject_Repr(reinterpret_cast<Predict*>(self)->method); }

// Pickled and copied by its name, as the method would be.
PyObject* reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(reinterpret_cast<Predict*>(self)->method, "__qualname__");
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<Predict*>(self)->method);
  return 0;
}

int clear(PyObject* self) {
  Py_CLEAR(reinterpret_cast<Predict*>(self)->method);
  return 0;
}

void deallocate(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  PyObject_ClearWeakRefs(self);
  clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyTypeObject* make_type() {
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, offsetof(Predict, call), READONLY, nullptr},
      {"__weaklistoffset__", T_PYSSIZET, offsetof(Predict, weak), READONLY, nullptr},
      {"__wrapped__", T_OBJECT_EX, offsetof(Predict, method), READONLY, nullptr},
      {}};
  static char doc[] = "__doc__", module[] = "__module__";
  static PyGetSetDef properties[] = {{doc, get_of_method, nullptr, nullptr, doc},
                                     {module, get_of_method, nullptr, nullptr, module},
                                     {}};
  static PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};
  static PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                {Py_tp_descr_get, reinterpret_cast<void*>(bind_to)},
                                {Py_tp_repr, reinterpret_cast<void*>(repr)},
                                {Py_tp_getattro, reinterpret_cast<void*>(get)},
                                {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(clear)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(deallocate)},
                                {Py_tp_members, members},
                                {Py_tp_getset, properties},
                                {Py_tp_methods, methods},
                                {0, nullptr}};
  static PyType_Spec spec = {"feedfwd._core.Predict", sizeof(Predict), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                                 Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  PyObject* const type = PyType_FromSpec(&spec);
  if (!type) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

void bind_predict(py::module_& m) {
  static PyTypeObject* const type = make_type();
  program_type = reinterpret_cast<PyTypeObject*>(py::type::of<BoundProgram>().ptr());
  quick_name = PyUnicode_InternFromString("_quick");
  structure_name = PyUnicode_InternFromString("_structure");
  m.def("with_short_way", [](const py::object& method) {
    auto* const made = PyObject_GC_New(Predict, type);
    if (!made) throw py::error_already_set();
    made->call = call_predict;
    made->method = py::object(method).release().ptr();
    made->weak = nullptr;
    PyObject_GC_Track(made);
    return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(made));
  });
}

}  // namespace feedfwd::bindings
