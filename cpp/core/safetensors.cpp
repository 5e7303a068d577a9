#include "core/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <unordered_set>

#include "core/json_reader.h"
#include "core/types.h"

namespace feedfwd {
namespace {

constexpr int64_t kMaxHeader = int64_t{64} << 20;
constexpr size_t kMaxEntries = 1'000'000;
constexpr size_t kMaxAxes = 16;

struct FileDtype {
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<FileDtype, 12> kDtypes = {{{"BOOL", 1},
                                                {"U8", 1},
                                                {"I8", 1},
                                                {"U16", 2},
                                                {"I16", 2},
                                                {"F16", 2},
                                                {"U32", 4},
                                                {"I32", 4},
                                                {"F32", 4},
                                                {"U64", 8},
                                                {"I64", 8},
                                                {"F64", 8}}};

[[noreturn]] void fail(const std::string& what) { throw std::invalid_argument("header: " + what); }

// Cut between two characters, and without those that would end or break the sentence.
std::string quoted(const std::string& name) {
  size_t end = name.size() <= 60 ? name.size() : 57;
  while (end < name.size() && (name[end] & 0xC0) == 0x80) --end;
  std::string shown = name.substr(0, end);
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return "'" + shown + (end < name.size() ? "...'" : "'");
}

// "key": before each value; false after the last one.
bool next_key(JsonReader& json, bool first, std::string& key) {
  if (json.take('}')) return false;
  if (!first) json.expect(',');
  key = json.string();
  json.expect(':');
  return true;
}

void read_metadata(JsonReader& json, FileHeader& header) {
  std::unordered_set<std::string> seen;
  json.expect('{');
  std::string key;
  for (bool first = true; next_key(json, first, key); first = false) {
    if (!seen.insert(key).second) fail("the metadata have " + quoted(key) + " twice");
    header.metadata.emplace_back(key, json.string());
  }
}

std::vector<int64_t> read_integers(JsonReader& json, size_t most) {
  std::vector<int64_t> values;
  json.expect('[');
  while (!json.take(']')) {
    if (!values.empty()) json.expect(',');
    if (values.size() == most)
      fail("a list of more than " + std::to_string(most) + " numbers at byte " +
           std::to_string(json.position()));
    values.push_back(json.integer());
  }
  return values;
}

FileEntry read_entry(JsonReader& json, const std::string& name) {
  FileEntry entry;
  entry.name = name;
  bool dtype = false, shape = false, offsets = false;
  json.expect('{');
  std::string key;
  for (bool first = true; next_key(json, first, key); first = false) {
    if (key == "dtype" && !dtype) {
      entry.dtype = json.string();
      dtype = true;
    } else if (key == "shape" && !shape) {
      entry.shape = read_integers(json, kMaxAxes);
      shape = true;
    } else if (key == "data_offsets" && !offsets) {
      const std::vector<int64_t> ends = read_integers(json, 2);
      if (ends.size() != 2) fail(quoted(name) + " needs two data_offsets");
      entry.begin = ends[0];
      entry.end = ends[1];
      offsets = true;
    } else {
      fail(quoted(name) + " has the key " + quoted(key) +
           ", expected dtype, shape and data_offsets, once each");
    }
  }
  if (!dtype || !shape || !offsets) fail(quoted(name) + " lacks dtype, shape or data_offsets");
  return entry;
}

// a * b of numbers that are not negative; -1 where int64 cannot hold it.
int64_t product(int64_t a, int64_t b) {
  if (a != 0 && b > std::numeric_limits<int64_t>::max() / a) return -1;
  return a * b;
}

void check_size(const FileEntry& entry) {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const FileDtype& d) { return d.name == entry.dtype; });
  if (found == kDtypes.end())
    fail(quoted(entry.name) + " has the dtype " + quoted(entry.dtype) + ", which is not known");
  int64_t bytes = found->bytes;
  bool empty = false;
  for (const int64_t extent : entry.shape) {
    empty = empty || extent == 0;
    if (bytes >= 0 && extent > 0) bytes = product(bytes, extent);
  }
  if (empty) bytes = bytes < 0 ? bytes : 0;
  if (bytes < 0) fail("the shape of " + quoted(entry.name) + " overflows");
  if (entry.end < entry.begin || entry.end - entry.begin != bytes)
    fail(quoted(entry.name) + " has " + std::to_string(bytes) +
         " bytes by its shape, but offsets " + std::to_string(entry.begin) + " to " +
         std::to_string(entry.end));
}

void check_layout(std::vector<FileEntry>& entries, int64_t data_bytes) {
  std::stable_sort(entries.begin(), entries.end(), [](const FileEntry& a, const FileEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  int64_t at = 0;
  for (const FileEntry& entry : entries) {
    if (entry.begin != at)
      fail(quoted(entry.name) + " begins at byte " + std::to_string(entry.begin) +
           " of the data, expected " + std::to_string(at));
    at = entry.end;
  }
  if (at != data_bytes)
    fail("the arrays have " + std::to_string(at) + " bytes, the file holds " +
         std::to_string(data_bytes));
}

}  // namespace

int64_t check_header_length(uint64_t declared, int64_t file_size) {
  if (declared > static_cast<uint64_t>(kMaxHeader))
    throw std::invalid_argument("the header's length is " + std::to_string(declared) +
                                " bytes, expected at most " + std::to_string(kMaxHeader));
  const auto length = static_cast<int64_t>(declared);
  if (file_size < 8 || length > file_size - 8)
    throw std::invalid_argument("the header's length is " + std::to_string(length) +
                                " bytes, in a file of " + std::to_string(file_size));
  return length;
}

FileHeader parse_safetensors(std::string_view text, int64_t file_size) {
  const int64_t length = check_header_length(text.size(), file_size);
  FileHeader header;
  JsonReader json(text);
  std::unordered_set<std::string> seen;
  json.expect('{');
  std::string key;
  for (bool first = true; next_key(json, first, key); first = false) {
    if (!seen.insert(key).second) fail(quoted(key) + " stands there twice");
    if (seen.size() > kMaxEntries) fail("more than " + std::to_string(kMaxEntries) + " arrays");
    if (key == "__metadata__") {
      read_metadata(json, header);
    } else {
      header.entries.push_back(read_entry(json, key));
      check_size(header.entries.back());
    }
  }
  json.finish();
  check_layout(header.entries, file_size - 8 - length);
  return header;
}

}  // namespace feedfwd
