// feedfwd._cuda: the backend, for feedfwd._core to find when a device is asked for. The capsule
// holds the maker; both modules come from one build.
#include <Python.h>

#include "core/cuda_module.h"
#include "cuda/backend.h"

namespace {

const feedfwd::CudaModule module_contents = {FEEDFWD_VERSION, &feedfwd::gpu::make_backend};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_cuda", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__cuda() {
  PyObject* module = PyModule_Create(&definition);
  if (module == nullptr) return nullptr;
  PyObject* capsule = PyCapsule_New(const_cast<feedfwd::CudaModule*>(&module_contents),
                                    feedfwd::kCudaCapsule, nullptr);
  if (capsule == nullptr || PyModule_AddObject(module, "backend", capsule) < 0) {
    Py_XDECREF(capsule);
    Py_DECREF(module);
    return nullptr;
  }
  return module;
}
