// The header of a safetensors file, checked to the last byte before anything is believed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace feedfwd {

struct FileEntry {
  std::string name, dtype;  // dtype: BOOL U8 I8 U16 I16 U32 I32 U64 I64 F16 F32 F64
  std::vector<int64_t> shape;
  int64_t begin = 0, end = 0;  // bytes of the data section
};

struct FileHeader {
  std::vector<FileEntry> entries;  // in the order of their data, which they fill without a gap
  std::vector<std::pair<std::string, std::string>> metadata;
};

// The header's length as a file of `file_size` bytes declares it; throws std::invalid_argument
// where the file cannot hold it or it is beyond 64 MiB.
int64_t check_header_length(uint64_t declared, int64_t file_size);

// Throws std::invalid_argument with one sentence: no JSON of that form, a name twice, an unknown
// dtype, a size that overflows or does not fit the offsets, a gap, an overlap, or another end than
// the file's. Allocates in proportion to `header` only.
FileHeader parse_safetensors(std::string_view header, int64_t file_size);

}  // namespace feedfwd
