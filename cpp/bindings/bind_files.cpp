// What the reader of model files needs of the core.
#include <pybind11/stl.h>

#include "convert.h"
#include "core/safetensors.h"

namespace feedfwd::bindings {
namespace {

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
  m.def("check_header_length", &check_header_length);
  m.def("parse_safetensors", &parse);
}

}  // namespace feedfwd::bindings
