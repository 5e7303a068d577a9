// Arrays of other libraries on the GPU, and ours for them: the CUDA array interface (version 3) and
// DLPack.
#include "arrays.h"
#include "gil.h"

namespace feedfwd::bindings {
namespace {

// The structures of DLPack 0.8 (dlpack.h), which the capsule "dltensor" holds.
struct DlDevice {
  int32_t type, id;
};
struct DlType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DlTensor {
  void* data;
  DlDevice device;
  int32_t rank;
  DlType type;
  int64_t* shape;
  int64_t* strides;  // in elements; null: C order
  uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};
constexpr int32_t kDlCpu = 1, kDlCuda = 2;
enum : uint8_t { kDlInt = 0, kDlFloat = 2, kDlBool = 6 };
constexpr const char *kFresh = "dltensor", *kUsed = "used_dltensor";

struct DtypeNames {
  DType dtype;
  const char* typestr;
  DlType dl;
};
constexpr DtypeNames kDtypes[] = {
    {DType::f32, "<f4", {kDlFloat, 32, 1}}, {DType::f64, "<f8", {kDlFloat, 64, 1}},
    {DType::i32, "<i4", {kDlInt, 32, 1}},   {DType::i64, "<i8", {kDlInt, 64, 1}},
    {DType::b8, "|b1", {kDlBool, 8, 1}},
};

const DtypeNames& names_of(DType dtype) {
  for (const DtypeNames& n : kDtypes)
    if (n.dtype == dtype) return n;
  throw TypeError(std::string("no other library knows dtype ") + name_of(dtype));
}

// Memory of another library's, as its interface describes it.
struct Foreign {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::vector<int64_t> shape, strides;  // strides in elements; empty: C order
  std::shared_ptr<void> owner;
};

[[noreturn]] void refuse_dtype(const std::string& argument, const std::string& got) {
  throw TypeError(argument + ": got dtype " + got +
                  " on the GPU, expected float32, float64, int32, int64 or bool");
}

Foreign by_interface(const py::object& x, Backend& backend, const std::string& argument) {
  const auto interface = x.attr("__cuda_array_interface__").cast<py::dict>();
  Foreign f;
  const auto typestr = interface["typestr"].cast<std::string>();
  const DtypeNames* found = nullptr;
  for (const DtypeNames& n : kDtypes)
    if (typestr == n.typestr) found = &n;
  if (!found) refuse_dtype(argument, typestr);
  f.dtype = found->dtype;
  f.shape = interface["shape"].cast<std::vector<int64_t>>();
  f.data = reinterpret_cast<void*>(
      interface["data"].cast<py::tuple>()[0].cast<uintptr_t>());  // null where it is empty
  const auto size = static_cast<int64_t>(size_of(f.dtype));
  if (interface.contains("strides") && !interface["strides"].is_none()) {
    for (const int64_t bytes : interface["strides"].cast<std::vector<int64_t>>()) {
      if (bytes % size != 0) throw std::invalid_argument(argument + ": its strides split elements");
      f.strides.push_back(bytes / size);
    }
  }
  if (interface.contains("stream") && !interface["stream"].is_none())
    backend.wait_for(interface["stream"].cast<uintptr_t>());
  f.owner = keep_object(x);
  return f;
}

Foreign by_dlpack(const py::object& x, Backend& backend, const std::string& argument) {
  const auto device = x.attr("__dlpack_device__")().cast<std::pair<int32_t, int32_t>>();
  if (device.first != kDlCuda || device.second != 0)
    throw std::invalid_argument(argument + ": expected an array on the first CUDA device");
  const py::object capsule = x.attr("__dlpack__")(py::arg("stream") = backend.stream());
  auto* managed = static_cast<DlManaged*>(PyCapsule_GetPointer(capsule.ptr(), kFresh));
  if (managed == nullptr) throw py::error_already_set();
  PyCapsule_SetName(capsule.ptr(), kUsed);
  Foreign f;
  f.owner = std::shared_ptr<void>(managed, [](void* p) {
    with_interpreter(
        [](void* q) {
          auto* m = static_cast<DlManaged*>(q);
          if (m->deleter) m->deleter(m);
        },
        p);
  });
  const DlTensor& t = managed->tensor;
  const DtypeNames* found = nullptr;
  for (const DtypeNames& n : kDtypes)
    if (t.type.code == n.dl.code && t.type.bits == n.dl.bits && t.type.lanes == 1) found = &n;
  if (!found) refuse_dtype(argument, "of " + std::to_string(t.type.bits) + " bits");
  f.dtype = found->dtype;
  f.shape.assign(t.shape, t.shape + t.rank);
  if (t.strides) f.strides.assign(t.strides, t.strides + t.rank);
  f.data = static_cast<char*>(t.data) + t.byte_offset;
  return f;
}

Tensor copied(const Tensor& t) {
  const Tensor own = concrete_like(t->type, t->backend);
  const Extent rows = t->type.shape.view_rows(), cols = t->type.shape.view_cols();
  const DType dtype = t->type.dtype;
  const Ref from{t->storage.data(), rows, cols, t->row_stride, 1, dtype};
  t->backend->run({Op::Copy, {}, {from}, {{own->storage.data(), rows, cols, cols.n, 1, dtype}}, 0});
  return own;
}

// Lets memory go once everything on the device is done with it, other libraries' work too.
struct Finish {
  std::shared_ptr<void> kept;
  std::shared_ptr<Backend> backend;
  void operator()(void*) const { backend->finish(); }
};

// Whether the leading axes lie one after the other, so that rows x columns describe it.
bool is_rows(const Foreign& f, const Shape& shape) {
  for (int i = shape.rank - 3; i >= 0; --i)
    if (f.strides[i] != f.strides[i + 1] * shape.dims[i + 1]) return false;
  return true;
}

// Aliases the memory where its rows are dense, else a copy there.
Tensor tensor_of(Foreign f, const std::shared_ptr<Backend>& backend, const std::string& argument) {
  ValueType type{f.dtype, {}};
  if (f.shape.size() > static_cast<size_t>(kMaxRank))
    throw std::invalid_argument(argument + ": got " + std::to_string(f.shape.size()) +
                                " dimensions, expected at most " + std::to_string(kMaxRank));
  type.shape.rank = static_cast<int>(f.shape.size());
  for (int i = 0; i < type.shape.rank; ++i) type.shape.dims[i] = f.shape[i];
  const Extent rows = type.shape.view_rows(), cols = type.shape.view_cols();
  const size_t bytes =
      static_cast<size_t>(checked_mul(type.shape.count(), static_cast<int64_t>(size_of(f.dtype))));
  int64_t row_stride = cols.n, col_stride = 1;
  if (!f.strides.empty() && type.shape.count() > 0) {
    const int rank = type.shape.rank;
    if (rank >= 2 && !is_rows(f, type.shape))
      throw std::invalid_argument(argument +
                                  ": its axes lie in an order that cannot be used "
                                  "there; pass a contiguous copy");
    col_stride = rank == 0 ? 1 : f.strides[rank - 1];
    row_stride = rank >= 2 ? f.strides[rank - 2] : cols.n * col_stride;
  }
  // What was asked for must be done before its owner may write there again.
  std::shared_ptr<void> owner(f.data, Finish{f.owner, backend});
  auto alias = std::make_shared<TensorImpl>();
  alias->type = type;
  alias->backend = backend;
  alias->storage = {{f.data, bytes, std::move(owner)}, 0};
  alias->row_stride = cols.n;
  if (row_stride == cols.n && col_stride == 1) return alias;
  const Tensor dense = concrete_like(type, backend);
  const Ref from{f.data, rows, cols, row_stride, col_stride, f.dtype};
  const Ref to{dense->storage.data(), rows, cols, cols.n, 1, f.dtype};
  backend->run({Op::Copy, {}, {from}, {to}, 0});
  backend->finish();
  return dense;
}

// A tensor of its own memory, all written: what another library may look at.
Tensor shareable(const Tensor& t) {
  const Tensor own = t->reads == nullptr ? t : copied(t);
  own->backend->finish();
  Block& block = own->storage.block;
  if (std::get_deleter<Finish>(block.owner) == nullptr)
    block.owner = std::shared_ptr<void>(block.data, Finish{block.owner, own->backend});
  return own;
}

py::dict array_interface(const Tensor& t) {
  if (t->kind != TensorImpl::Kind::concrete || t->backend->stream() == 0)
    throw py::attribute_error("__cuda_array_interface__: the Tensor is not on a GPU");
  const Tensor own = shareable(t);
  py::dict d;
  d["shape"] = shape_tuple(own->type.shape);
  d["typestr"] = names_of(own->type.dtype).typestr;
  d["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(own->storage.data()), false);
  d["strides"] = py::none();
  d["version"] = 3;
  d["stream"] = py::none();  // all is written
  d["owner"] = py::cast(own);
  return d;
}

struct Exported {
  DlManaged managed{};
  Tensor tensor;
  int64_t shape[kMaxRank], strides[kMaxRank];
};

py::capsule to_dlpack(const Tensor& t, const py::object&, const py::object&,
                      const py::object& device, const py::object& copy) {
  if (t->kind != TensorImpl::Kind::concrete) throw TypeError("a symbolic Tensor has no values");
  const bool fresh = !copy.is_none() && copy.cast<bool>();
  const Tensor own = shareable(fresh ? copied(t) : t);
  const int32_t kind = own->backend->stream() != 0 ? kDlCuda : kDlCpu;
  if (!device.is_none() && device.cast<std::pair<int32_t, int32_t>>() != std::pair(kind, 0)) {
    py::set_error(PyExc_BufferError, "__dlpack__: the Tensor is on another device");
    throw py::error_already_set();
  }
  auto exported = std::make_unique<Exported>();
  exported->tensor = own;
  const Shape& shape = own->type.shape;
  int64_t stride = 1;
  for (int i = shape.rank - 1; i >= 0; --i) {
    exported->shape[i] = shape.dims[i];
    exported->strides[i] = stride;
    stride *= shape.dims[i];
  }
  exported->managed = {{own->storage.data(),
                        {kind, 0},
                        shape.rank,
                        names_of(own->type.dtype).dl,
                        exported->shape,
                        exported->strides,
                        0},
                       exported.get(),
                       [](DlManaged* m) { delete static_cast<Exported*>(m->context); }};
  return py::capsule(&exported.release()->managed, kFresh, [](PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, kFresh)) return;  // another library has it
    auto* m = static_cast<DlManaged*>(PyCapsule_GetPointer(capsule, kFresh));
    m->deleter(m);
  });
}

}  // namespace

Tensor from_device(const py::object& x, const std::string& argument) {
  std::shared_ptr<Backend> backend;
  try {
    backend = get_backend("cuda");
  } catch (const std::invalid_argument& why) {
    throw std::invalid_argument(
        argument + ": got an array on a GPU, expected one in the CPU's memory; " + why.what());
  }
  if (py::isinstance<TensorImpl>(x)) return on_backend(x.cast<Tensor>(), backend);
  return tensor_of(py::hasattr(x, "__cuda_array_interface__") ? by_interface(x, *backend, argument)
                                                              : by_dlpack(x, *backend, argument),
                   backend, argument);
}

// Whether an object's memory is on a GPU, by what it says of itself.
bool is_on_device(const py::object& x) {
  if (py::isinstance<py::array>(x)) return false;
  if (py::isinstance<TensorImpl>(x)) {
    const Tensor t = x.cast<Tensor>();
    return t->backend && t->backend->stream() != 0;
  }
  if (py::hasattr(x, "__cuda_array_interface__")) return true;
  if (!py::hasattr(x, "__dlpack_device__")) return false;
  const auto device = x.attr("__dlpack_device__")().cast<py::tuple>();
  return py::int_(device[0]).cast<int32_t>() == kDlCuda;
}

void bind_device(py::module_& m) {
  m.def("from_device", &from_device, py::arg("x"), py::arg("argument") = "x");
  m.def("is_on_device", &is_on_device);
  m.def("finish", [](const std::string& device) { get_backend(device)->finish(); });
  m.def("device_name",
        [](const std::string& device) { return get_backend(device)->description(); });
  m.def("device_processors",
        [](const std::string& device) { return get_backend(device)->processors(); });
  m.def("device_seconds", [](const std::string& device, const py::function& work) {
    return get_backend(device)->seconds([&] { work(); });
  });
  m.def("device_roof", [](const std::string& device) {
    const std::shared_ptr<Backend> backend = get_backend(device);
    const Backend::Roof roof = backend->roof();
    return py::make_tuple(backend->description(), roof.flops, roof.bytes);
  });
  m.def("to_device", [](const Tensor& t, const std::string& device) {
    if (t->kind != TensorImpl::Kind::concrete) throw TypeError("a symbolic Tensor has no values");
    return on_backend(t, get_backend(device));
  });
  auto tensor = static_cast<py::class_<TensorImpl, Tensor>>(m.attr("Tensor"));
  tensor.def_property_readonly("__cuda_array_interface__", &array_interface);
  tensor.def("__dlpack_device__", [](const Tensor& t) {
    if (t->kind != TensorImpl::Kind::concrete) throw TypeError("a symbolic Tensor has no values");
    return py::make_tuple(t->backend->stream() != 0 ? kDlCuda : kDlCpu, 0);
  });
  tensor.def("__dlpack__", &to_dlpack, py::kw_only(), py::arg("stream") = py::none(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
             py::arg("copy") = py::none());
}

}  // namespace feedfwd::bindings
