// libFuzzer: any bytes as a whole model file. Whatever the reader accepts must fit the file.
#include <cstdlib>
#include <cstring>
#include <set>
#include <stdexcept>

#include "core/safetensors.h"

namespace {

void require(bool good) {
  if (!good) std::abort();
}

void check(const feedfwd::FileHeader& header, int64_t data_bytes) {
  std::set<std::string> names;
  int64_t at = 0;
  for (const feedfwd::FileEntry& entry : header.entries) {
    require(names.insert(entry.name).second);
    require(entry.begin == at && entry.end >= entry.begin);
    at = entry.end;
    int64_t elements = 1;
    for (const int64_t extent : entry.shape) {
      require(extent >= 0);
      elements *= extent;
    }
    const int64_t bytes = entry.end - entry.begin;
    require(elements == 0 ? bytes == 0 : bytes % elements == 0 && bytes / elements <= 8);
  }
  require(at == data_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  uint64_t declared = 0;
  for (int i = 7; i >= 0; --i) declared = declared << 8 | data[i];
  const auto file_size = static_cast<int64_t>(size);
  try {
    const int64_t length = feedfwd::check_header_length(declared, file_size);
    const std::string_view text(reinterpret_cast<const char*>(data) + 8,
                                static_cast<size_t>(length));
    check(feedfwd::parse_safetensors(text, file_size), file_size - 8 - length);
  } catch (const std::invalid_argument&) {
  }
  // The header alone too: most changes of the length above end before the parser.
  try {
    const std::string_view text(reinterpret_cast<const char*>(data) + 8, size - 8);
    check(feedfwd::parse_safetensors(text, file_size), 0);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
