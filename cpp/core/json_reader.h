// Reads JSON token by token: as much of it as a safetensors header may hold, and no more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace feedfwd {

// Every call throws std::invalid_argument, with the byte where it is wrong, for anything else than
// what it is asked for.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  void expect(char sign);
  bool take(char sign);  // whether `sign` came; if not, nothing is read
  std::string string();
  int64_t integer();  // not negative
  void finish();      // nothing but white space is left
  size_t position() const { return at_; }

 private:
  void skip_space();
  [[noreturn]] void fail(const char* expected) const;
  uint32_t hex4();
  void escape(std::string& to);
  void utf8(std::string& to);

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace feedfwd
