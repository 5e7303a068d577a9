#include <random>

#include "convert.h"
#include "core/cuda_module.h"
#include "core/float_state.h"
#include "core/host.h"
#include "core/math/elementary.h"
#include "core/random.h"
#include "cpu/dispatch.h"
#include "cpu/roof.h"

namespace feedfwd::bindings {
namespace {

constexpr int64_t kLongDraw = 1 << 14;  // numbers drawn without the interpreter

Purpose purpose_named(const std::string& name) {
  if (name == "weight") return Purpose::weight;
  if (name == "dropout") return Purpose::dropout;
  if (name == "shuffle") return Purpose::shuffle;
  if (name == "user") return Purpose::user;
  throw std::invalid_argument("purpose: got '" + name +
                              "', expected weight, dropout, shuffle or user");
}

py::array draw_array(const std::string& kind, const py::object& shape, double a, double b,
                     uint64_t seed, uint32_t step, uint32_t stream) {
  const Draw how =
      kind == "uniform"  ? Draw::uniform
      : kind == "normal" ? Draw::normal
      : kind == "truncated_normal"
          ? Draw::truncated_normal
          : throw std::invalid_argument("draw: got '" + kind +
                                        "', expected uniform, normal or truncated_normal");
  const Shape extents = shape_from(shape, "shape");
  std::vector<double> values;
  {
    const Released free(extents.count() >= kLongDraw);
    values = draw(how, extents.count(), a, b, seed, step, stream);
  }
  py::array_t<double> out(
      std::vector<py::ssize_t>(extents.dims.begin(), extents.dims.begin() + extents.rank));
  std::copy(values.begin(), values.end(), out.mutable_data());
  return out;
}

double scalar_function(const std::string& name, double x, double y) {
  if (name == "exp") return math::exp(x);
  if (name == "log") return math::log(x);
  if (name == "cos") return math::cos(x);
  if (name == "sqrt") return math::sqrt(x);
  if (name == "pow") return math::pow(x, y);
  throw std::invalid_argument("scalar: got '" + name + "', expected exp, log, pow, cos or sqrt");
}

std::string resolve_device(const std::string& device) { return get_backend(device)->name(); }

// The module beside this one, if it was built and can be loaded.
std::shared_ptr<Backend> make_cuda_backend() {
  const py::gil_scoped_acquire gil;
  const std::string missing = "device 'cuda' is not available: ";
  try {
    const py::object capsule = py::module_::import("feedfwd._cuda").attr("backend");
    const auto* found =
        static_cast<const CudaModule*>(PyCapsule_GetPointer(capsule.ptr(), kCudaCapsule));
    if (found == nullptr) throw py::error_already_set();
    if (std::string(found->version) != FEEDFWD_VERSION) {
      throw std::invalid_argument(missing + "feedfwd._cuda is of version " + found->version +
                                  ", this is " + FEEDFWD_VERSION + "; install feedfwd anew");
    }
    return found->make();
  } catch (const py::error_already_set& error) {
    if (error.matches(PyExc_ModuleNotFoundError)) {
      throw std::invalid_argument(missing +
                                  "this build of feedfwd has no CUDA backend; use device='cpu'");
    }
    if (!error.matches(PyExc_ImportError)) throw;
    throw std::invalid_argument(missing + "feedfwd._cuda cannot be loaded (" + error.what() +
                                "); use device='cpu'");
  }
}

// The contract's floating-point state (rule 3) for what Python computes of a run's numbers.
class FloatScope {
 public:
  void enter() { state_.emplace(); }
  void leave(const py::args&) { state_.reset(); }

 private:
  std::optional<FloatState> state_;
};

}  // namespace

void bind_machine(py::module_& m) {
  set_cuda_maker(make_cuda_backend);
  m.def("draw", &draw_array);
  m.def("stream_of", [](uint32_t position, const std::string& purpose) {
    return stream_of(position, purpose_named(purpose));
  });
  m.def("shuffled", [](int64_t n, uint64_t seed, uint32_t epoch) {
    py::array_t<int64_t> order(checked_rows(n));
    int64_t* const to = order.mutable_data();
    {
      const Released free(n >= kLongDraw);
      shuffle(n, seed, epoch, to);
    }
    return order;
  });
  m.def("entropy_seed", [] {
    std::random_device device;
    return ((static_cast<uint64_t>(device()) << 32) | device()) >> 1;
  });
  m.def("scalar", &scalar_function, py::arg("function"), py::arg("x"), py::arg("y") = 0.0);
  m.def("set_num_threads", [](int n) { set_num_threads(n); });
  m.def("get_num_threads", [] { return get_num_threads(); });
  m.def("active_isa", [] { return std::string(active_isa()); });
  m.def("available_isas", [] { return available_isas(); });
  m.def("fma_peak", [](int threads, bool single) {
    const Released free;
    return fma_peak(threads, single);
  });
  m.def("copy_bandwidth", [](int threads) {
    const Released free;
    return copy_bandwidth(threads);
  });
  m.def("devices", [] {
    std::vector<std::string> names = {"cpu"};
    try {
      get_backend("cuda");
      names.push_back("cuda");
    } catch (const std::exception&) {  // its sentence is for who asks for the device
    }
    return names;
  });
  m.def("check_device", &resolve_device);
  py::class_<FloatScope>(m, "FloatState")
      .def(py::init<>())
      .def("__enter__", &FloatScope::enter)
      .def("__exit__", &FloatScope::leave);
}

}  // namespace feedfwd::bindings
