// The header of model files: good ones are read right, no bad one is believed or ends in a crash.
#include <algorithm>
#include <set>
#include <stdexcept>

#include "check.h"
#include "core/fingerprint.h"
#include "core/safetensors.h"

namespace {

using feedfwd::check_header_length;
using feedfwd::FileHeader;
using feedfwd::fingerprint;
using feedfwd::parse_safetensors;

const std::string kGood = R"({"__metadata__":{"k":"v\n\u00e9\ud83d\ude00","":""},)"
                          R"("b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
                          R"( "a" : {"data_offsets":[0,8],"shape":[],"dtype":"F64"},)"
                          R"("none":{"dtype":"I8","shape":[0,7],"data_offsets":[32,32]}}   )";

int64_t size_of_file(const std::string& header, int64_t data) {
  return 8 + static_cast<int64_t>(header.size()) + data;
}

// The sentence of the refusal; "" where the header was accepted.
std::string refusal(const std::string& header, int64_t data) {
  try {
    parse_safetensors(header, size_of_file(header, data));
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

void good_headers() {
  const FileHeader h = parse_safetensors(kGood, size_of_file(kGood, 32));
  CHECK(h.metadata.size() == 2);
  CHECK(h.metadata[0].first == "k" && h.metadata[0].second == "v\n\xC3\xA9\xF0\x9F\x98\x80");
  CHECK(h.entries.size() == 3);
  CHECK(h.entries[0].name == "a" && h.entries[0].shape.empty() && h.entries[0].end == 8);
  CHECK(h.entries[1].name == "b" && h.entries[1].shape == std::vector<int64_t>({2, 3}));
  CHECK(h.entries[2].name == "none" && h.entries[2].begin == 32);
  CHECK(refusal("{}", 0).empty());
  const std::string borders = R"({"__metadata__":{"k":"\u07ff\u0800"}})";
  CHECK(parse_safetensors(borders, size_of_file(borders, 0)).metadata[0].second ==
        "\xDF\xBF\xE0\xA0\x80");
  CHECK(refusal(R"({"__metadata__":{}})", 0).empty());
  CHECK(refusal("{\"\xE2\x82\xAC\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1)
            .empty());
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

void bad_headers() {
  struct Case {
    std::string header;
    int64_t data;
    const char* why;
  };
  const std::string deep(100000, '[');
  const Case cases[] = {
      {"", 0, "'{'"},
      {"[]", 0, "'{'"},
      {"{", 0, "'\"'"},
      {"{}x", 0, "the end"},
      {"{},", 0, "the end"},
      {R"({"w":)" + deep, 0, "'{'"},
      {R"({"w":{"dtype":)" + deep, 0, "'\"'"},
      {R"({"w":{"shape":)" + deep, 0, "an integer"},
      {entry("F32", "[1]", "[0,4]") + "}", 4, "the end"},
      {entry("F31", "[1]", "[0,4]"), 4, "'F31', which is not known"},
      {entry("BF16", "[1]", "[0,2]"), 2, "'BF16', which is not known"},
      {entry("F32", "[-1]", "[0,4]"), 4, "an integer of at least 0"},
      {entry("F32", "[01]", "[0,4]"), 4, "leading zeros"},
      {entry("F32", "[1.0]", "[0,4]"), 4, "','"},
      {entry("F32", "[1e0]", "[0,4]"), 4, "','"},
      {entry("F32", "[1,]", "[0,4]"), 4, "an integer"},
      {entry("F32", "[9223372036854775808]", "[0,4]"), 4, "a number below 2^63"},
      {entry("F32", "[4611686018427387904]", "[0,4]"), 4, "overflows"},
      {entry("F32", "[4294967296,4294967296]", "[0,4]"), 4, "overflows"},
      {entry("F32", "[4294967296,4294967296,0]", "[0,0]"), 0, "overflows"},
      {entry("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "more than 16"},
      {entry("F32", "[1]", "[0,8]"), 8, "4 bytes by its shape"},
      {entry("F32", "[1]", "[4,0]"), 4, "4 bytes by its shape"},
      {entry("F32", "[1]", "[0]"), 4, "two data_offsets"},
      {entry("F32", "[1]", "[0,4,4]"), 4, "more than 2"},
      {entry("F32", "[1]", "[4,8]"), 8, "begins at byte 4 of the data, expected 0"},
      {entry("F32", "[1]", "[0,4]"), 5, "have 4 bytes, the file holds 5"},
      {entry("F32", "[1]", "[0,4]"), 3, "have 4 bytes, the file holds 3"},
      {R"({"w":{"dtype":"U8","shape":[1]}})", 1, "lacks"},
      {R"({"w":{}})", 0, "lacks"},
      {R"({"w":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "once each"},
      {R"({"w":{"kind":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "once each"},
      {R"({"__metadata__":{"a":1}})", 0, "'\"'"},
      {R"({"__metadata__":{"a":"1","a":"1"}})", 0, "'a' twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "twice"},
      {R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
       R"("w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
       2, "'w' stands there twice"},
      {R"({"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
       R"("w":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3, "begins at byte 1 of the data, expected 2"},
      {R"({"v":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
       R"("w":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "begins at byte 2 of the data, expected 1"},
      {R"({"\x":{}})", 0, "a known escape"},
      {R"({"\ud800":{}})", 0, "second half"},
      {R"({"\ud800\u0041":{}})", 0, "second half"},
      {R"({"\udc00":{}})", 0, "first half"},
      {R"({"\u12g4":{}})", 0, "hexadecimal"},
      {"{\"\n\":{}}", 0, "control character"},
      {"{\"\x1F\":{}}", 0, "control character"},
      {R"({"\ud800\ue000":{}})", 0, "second half"},
      {"{\"\xE2\x28\xA1\":{}}", 0, "UTF-8"},
      {"{\"\xF0\x8F\xBF\xBF\":{}}", 0, "UTF-8"},
      {"{\"\xC0\x80\":{}}", 0, "UTF-8"},
      {"{\"\xE0\x80\x80\":{}}", 0, "UTF-8"},
      {"{\"\xED\xA0\x80\":{}}", 0, "UTF-8"},
      {"{\"\xF4\x90\x80\x80\":{}}", 0, "UTF-8"},
      {"{\"\xE2\x82", 0, "UTF-8"},
      {"{\"\xFF\":{}}", 0, "UTF-8"},
  };
  for (const Case& c : cases) {
    const std::string said = refusal(c.header, c.data);
    if (!CHECK(said.find(c.why) != std::string::npos))
      std::printf("  %s\n  said: %s\n", c.header.substr(0, 120).c_str(), said.c_str());
  }
}

// What the messages show of a name stays UTF-8, on one line, and does not end at a zero.
void names_in_messages() {
  const auto said = [](const std::string& name) { return refusal("{\"" + name + "\":{}}", 0); };
  std::string accents, euros;
  for (int i = 0; i < 40; ++i) accents += "\xC3\xA9";
  for (int i = 0; i < 40; ++i) euros += "\xE2\x82\xAC";
  CHECK(said(accents) ==
        "header: '" + accents.substr(0, 56) + "...' lacks dtype, shape or data_offsets");
  CHECK(said(euros) ==
        "header: '" + euros.substr(0, 57) + "...' lacks dtype, shape or data_offsets");
  CHECK(said(R"(a\u0000\n\u007fb)") == "header: 'a???b' lacks dtype, shape or data_offsets");
}

// Memory that ends where the header ends: a character cut off there is not read any further.
void cut_in_a_character() {
  const std::string text = "{\"\xF0\x9F\x98\x80";
  for (size_t n = 2; n <= text.size(); ++n) {
    const std::vector<char> exact(text.begin(), text.begin() + static_cast<long>(n));
    bool refused = false;
    try {
      parse_safetensors(std::string_view(exact.data(), n), size_of_file("", 0) + 100);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    CHECK(refused);
  }
}

void too_many() {
  std::string many = "{";
  for (int i = 0; i <= 1'000'000; ++i)
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
            R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK(refusal(many + "}", 0).find("more than 1000000 arrays") != std::string::npos);
}

void lengths() {
  const auto refused = [](uint64_t declared, int64_t size) {
    try {
      check_header_length(declared, size);
      return false;
    } catch (const std::invalid_argument&) {
      return true;
    }
  };
  CHECK(check_header_length(0, 8) == 0);
  CHECK(check_header_length(92, 100) == 92);
  CHECK(refused(93, 100));
  CHECK(refused(0, 7));
  CHECK(refused(~uint64_t{0}, 100));
  CHECK(refused(uint64_t{1} << 63, INT64_MAX));
  CHECK(refused((uint64_t{64} << 20) + 1, INT64_MAX));
}

// Every prefix is refused, every flipped bit is refused or read as something that fits the file.
void damage() {
  int accepted = 0;
  for (size_t n = 0; n + 3 < kGood.size(); ++n) CHECK(!refusal(kGood.substr(0, n), 32).empty());
  for (size_t bit = 0; bit < 8 * kGood.size(); ++bit) {
    std::string flipped = kGood;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    accepted += refusal(flipped, 32).empty();
  }
  CHECK(accepted > 0 && accepted < static_cast<int>(4 * kGood.size()));
}

void hashes() {
  unsigned char bytes[200];
  for (int i = 0; i < 200; ++i) bytes[i] = static_cast<unsigned char>(i * 37 + 11);
  // From the formula written again in tests/unit/test_files_core.py.
  const std::pair<size_t, uint64_t> known[] = {
      {0, 0xBE6A19FFA620CEEDULL},  {1, 0x3B9202E94D6CC9B6ULL},  {63, 0x7E9C3CBE853BDDBEULL},
      {64, 0x69A3023075CA1D17ULL}, {65, 0x2816F0FBFC6C9609ULL}, {200, 0xC1B7CC7B2D074804ULL}};
  for (const auto& [n, value] : known) CHECK(fingerprint(bytes, n, 3) == value);
  std::set<uint64_t> seen;
  for (size_t n = 0; n <= 200; ++n) seen.insert(fingerprint(bytes, n, 0));
  for (uint64_t seed = 1; seed < 100; ++seed) seen.insert(fingerprint(bytes, 200, seed));
  CHECK(seen.size() == 300);
  // Each bit of the input changes about half of the bits: of 64, 8 ... 56 are 6 standard
  // deviations.
  double changed = 0;
  for (int bit = 0; bit < 1600; ++bit) {
    const uint64_t before = fingerprint(bytes, 200, 7);
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1 << bit % 8);
    const int flips = __builtin_popcountll(before ^ fingerprint(bytes, 200, 7));
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1 << bit % 8);
    CHECK(flips >= 8 && flips <= 56);
    changed += flips;
  }
  CHECK(changed / 1600 > 31.5 && changed / 1600 < 32.5);
  // Nor do two flipped bits take each other back, or give what two others give.
  std::vector<uint64_t> pairs;
  const auto flip = [&](int bit) {
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1 << bit % 8);
  };
  for (int i = 0; i < 1600; ++i) {
    flip(i);
    for (int j = 0; j <= i; ++j) {  // j == i: the data as they were, kept once
      flip(j);
      if (j < i || i == 0) pairs.push_back(fingerprint(bytes, 200, 7));
      flip(j);
    }
    flip(i);
  }
  std::sort(pairs.begin(), pairs.end());
  CHECK(std::adjacent_find(pairs.begin(), pairs.end()) == pairs.end());
}

}  // namespace

int main() {
  good_headers();
  bad_headers();
  names_in_messages();
  cut_in_a_character();
  too_many();
  lengths();
  damage();
  hashes();
  return feedfwd::test::check_summary();
}
