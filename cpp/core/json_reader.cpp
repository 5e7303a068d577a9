#include "core/json_reader.h"

#include <limits>
#include <stdexcept>

namespace feedfwd {
namespace {

void append_utf8(std::string& to, uint32_t code) {
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xC0 | code >> 6);
    to += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    to += static_cast<char>(0xE0 | code >> 12);
    to += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    to += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    to += static_cast<char>(0xF0 | code >> 18);
    to += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    to += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    to += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

void JsonReader::fail(const char* expected) const {
  throw std::invalid_argument("header: expected " + std::string(expected) + " at byte " +
                              std::to_string(at_));
}

void JsonReader::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
}

bool JsonReader::take(char sign) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != sign) return false;
  ++at_;
  return true;
}

void JsonReader::expect(char sign) {
  const char expected[] = {'\'', sign, '\'', '\0'};
  if (!take(sign)) fail(expected);
}

void JsonReader::finish() {
  skip_space();
  if (at_ != text_.size()) fail("the end");
}

int64_t JsonReader::integer() {
  skip_space();
  const size_t start = at_;
  int64_t value = 0;
  for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
    const int64_t digit = text_[at_] - '0';
    if (value > (std::numeric_limits<int64_t>::max() - digit) / 10) fail("a number below 2^63");
    value = value * 10 + digit;
  }
  if (at_ == start) fail("an integer of at least 0");
  if (at_ - start > 1 && text_[start] == '0') fail("an integer without leading zeros");
  return value;
}

std::string JsonReader::string() {
  expect('"');
  std::string result;
  while (true) {
    if (at_ >= text_.size()) fail("the end of a string");
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      ++at_;
      return result;
    }
    if (c < 0x20) fail("a character that is no control character");
    if (c == '\\') {
      ++at_;
      escape(result);
    } else if (c < 0x80) {
      result += static_cast<char>(c);
      ++at_;
    } else {
      utf8(result);
    }
  }
}

uint32_t JsonReader::hex4() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    uint32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<uint32_t>(c - 'A' + 10);
    else
      fail("four hexadecimal digits");
    code = code << 4 | digit;
  }
  return code;
}

void JsonReader::escape(std::string& to) {
  constexpr std::string_view kSigns = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (at_ >= text_.size()) fail("an escape");
  const char sign = text_[at_];
  ++at_;
  if (sign != 'u') {
    const size_t which = kSigns.find(sign);
    if (which == std::string_view::npos) fail("a known escape");
    to += kMeanings[which];
    return;
  }
  uint32_t code = hex4();
  if (code >= 0xDC00 && code < 0xE000) fail("the first half of a surrogate pair");
  if (code >= 0xD800 && code < 0xDC00) {
    if (text_.substr(at_, 2) != "\\u") fail("the second half of a surrogate pair");
    at_ += 2;
    const uint32_t low = hex4();
    if (low < 0xDC00 || low >= 0xE000) fail("the second half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(to, code);
}

// One character of two bytes and more, in its shortest form, no surrogate.
void JsonReader::utf8(std::string& to) {
  const auto lead = static_cast<unsigned char>(text_[at_]);
  size_t count = 0;
  if (lead >= 0xC2 && lead < 0xE0) count = 2;
  if (lead >= 0xE0 && lead < 0xF0) count = 3;
  if (lead >= 0xF0 && lead < 0xF5) count = 4;
  if (count == 0 || text_.size() - at_ < count) fail("UTF-8");
  uint32_t code = lead & (0xFFu >> (count + 1));
  for (size_t i = 1; i < count; ++i) {
    const auto c = static_cast<unsigned char>(text_[at_ + i]);
    if ((c & 0xC0) != 0x80) fail("UTF-8");
    code = code << 6 | (c & 0x3F);
  }
  const bool overlong = (count == 3 && code < 0x800) || (count == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) fail("UTF-8");
  to.append(text_.substr(at_, count));
  at_ += count;
}

}  // namespace feedfwd
