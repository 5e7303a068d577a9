// What the reader of model files needs of the core.
#include <pybind11/stl.h>

#include "convert.h"
#include "core/fingerprint.h"
#include "core/safetensors.h"

namespace feedfwd::bindings {
namespace {

constexpr size_t kLong = 1 << 16;

uint64_t hash_of(const py::buffer& data, uint64_t seed) {
  const py::buffer_info info = data.request();
  if (!PyBuffer_IsContiguous(info.view(), 'C'))
    throw std::invalid_argument("fingerprint: expected contiguous memory");
  const auto bytes = static_cast<size_t>(info.size * info.itemsize);
  if (bytes < kLong) return fingerprint(info.ptr, bytes, seed);
  const py::gil_scoped_release free;
  return fingerprint(info.ptr, bytes, seed);
}

py::tuple parse(const py::bytes& text, int64_t file_size) {
  const FileHeader header = parse_safetensors(static_cast<std::string_view>(text), file_size);
  py::dict metadata;
  for (const auto& [key, value] : header.metadata) metadata[py::str(key)] = py::str(value);
  py::list entries;
  for (const FileEntry& e : header.entries)
    entries.append(py::make_tuple(e.name, e.dtype, py::tuple(py::cast(e.shape)), e.begin, e.end));
  return py::make_tuple(metadata, entries);
}

}  // namespace

void bind_files(py::module_& m) {
  m.def("fingerprint", &hash_of, py::arg("data"), py::arg("seed") = 0);
  m.def("check_header_length", &check_header_length);
  m.def("parse_safetensors", &parse);
}

}  // namespace feedfwd::bindings
