#include "gil.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "core/guard.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace feedfwd::bindings {
namespace {

std::atomic<bool> leaving{false};
std::atomic<int> inside{0};  // threads in a call of this module that are not parked
std::atomic<unsigned long> main_thread{0};
thread_local int depth = 0;  // calls of this module that this thread is in
constexpr auto kLongestWait = std::chrono::seconds(60);

bool is_main() { return PyThread_get_thread_ident() == main_thread.load(); }
bool must_park() { return leaving.load() && !is_main(); }

// Before 3.14 a thread that wants the lock of an ending interpreter is unwound by force, through
// frames that cannot be. So it sleeps here, without the lock, until the process is gone.
[[noreturn]] void park() {
  inside.fetch_sub(1);
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

#ifdef Py_GIL_DISABLED
PyMutex api{};
thread_local bool has_api = false;
void lock_api() {
  PyMutex_Lock(&api);
  has_api = true;
}
void unlock_api() {
  has_api = false;
  PyMutex_Unlock(&api);
}
#endif

// The token: the thread's state, and in its lowest bit whether the module's lock was had.
void* release() {
  if (!PyGILState_Check()) return nullptr;
  uintptr_t had = 0;
#ifdef Py_GIL_DISABLED
  had = has_api ? 1 : 0;
  if (had) unlock_api();
#endif
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(PyEval_SaveThread()) | had);
}

void reacquire(void* token) {
  if (must_park()) park();
  const auto bits = reinterpret_cast<uintptr_t>(token);
  PyEval_RestoreThread(reinterpret_cast<PyThreadState*>(bits & ~uintptr_t{1}));
#ifdef Py_GIL_DISABLED
  if (bits & 1) lock_api();
#endif
}

void look() {
  if (must_park()) park();
  if (!is_main()) return;  // the others have no signals to handle
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// As pybind11 registers its functions; all have one entry.
using Entry = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
Entry entry = nullptr;

PyObject* gate(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  const Call call;
  return entry(self, args, n, names);
}

void put_gate(const py::handle& x) {
  PyObject* f = x.ptr();
  if (!f || f == Py_None) return;
  if (PyInstanceMethod_Check(f)) f = PyInstanceMethod_GET_FUNCTION(f);
  if (Py_IS_TYPE(f, &PyStaticMethod_Type) || Py_IS_TYPE(f, &PyClassMethod_Type)) {
    put_gate(x.attr("__func__"));
    return;
  }
  if (PyObject_TypeCheck(f, &PyProperty_Type)) {
    put_gate(x.attr("fget"));
    put_gate(x.attr("fset"));
    return;
  }
  if (!PyCFunction_Check(f)) return;
  PyMethodDef* def = reinterpret_cast<PyCFunctionObject*>(f)->m_ml;
  if (def->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return;
  const auto own = reinterpret_cast<Entry>(reinterpret_cast<void (*)()>(def->ml_meth));
  if (own == gate) return;
  if (!entry) entry = own;
  if (entry == own)
    def->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&gate));
}

// At exit: other threads come out of their calls, or park; from here on there is one thread.
void leave() {
  main_thread.store(PyThread_get_thread_ident());
  leaving.store(true);
  {
    const py::gil_scoped_release free;
    const auto end = std::chrono::steady_clock::now() + kLongestWait;
    while (inside.load() > 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  forget_other_threads();
}

void in_child() {
  inside.store(depth > 0 ? 1 : 0);
  main_thread.store(PyThread_get_thread_ident());
#ifdef Py_GIL_DISABLED
  api = PyMutex{};
  if (has_api) lock_api();
#endif
}

}  // namespace

Call::Call() {
  if (depth++ == 0) inside.fetch_add(1);
  if (must_park()) {
    PyEval_SaveThread();
    park();
  }
#ifdef Py_GIL_DISABLED
  mine_ = !has_api;
  if (mine_) lock_api();
#endif
}

Call::~Call() {
#ifdef Py_GIL_DISABLED
  if (mine_) unlock_api();
#endif
  if (--depth == 0) inside.fetch_sub(1);
}

#ifdef Py_GIL_DISABLED
Callout::Callout() : held_(has_api) {
  if (held_) unlock_api();
}
Callout::~Callout() {
  if (held_) lock_api();
}
#endif

void with_interpreter(void (*f)(void*), void* what) {
  if (PyGILState_Check()) {
    f(what);
    return;
  }
  if (leaving.load() || !Py_IsInitialized()) return;
  const py::gil_scoped_acquire gil;
  f(what);
}

void guard_module(py::module_& m) {
  host() = {&release, &reacquire, &look};
  const py::object threading = py::module_::import("threading");
  main_thread.store(threading.attr("main_thread")().attr("ident").cast<unsigned long>());
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, &in_child);
#endif
  for (const auto& item : py::reinterpret_borrow<py::dict>(m.attr("__dict__"))) {
    put_gate(item.second);
    if (!PyType_Check(item.second.ptr())) continue;
    const py::dict own(item.second.attr("__dict__"));  // of a mappingproxy: a copy
    for (const auto& member : own) put_gate(member.second);
  }
  py::module_::import("atexit").attr("register")(py::cpp_function(&leave));
}

}  // namespace feedfwd::bindings
