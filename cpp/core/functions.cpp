#include "core/functions.h"

#include <iterator>
#include <stdexcept>

namespace feedfwd {

namespace {

struct Facts {
  const char* name;
  bool from_output, integers;
};

constexpr Facts kFacts[] = {
#define FF_FACTS(Struct) {math::Struct::name, math::Struct::from_output, math::Struct::integers},
    FF_UNARY_FUNCTIONS(FF_FACTS)
#undef FF_FACTS
};

const Facts& facts(FunctionId fn) {
  if (fn >= std::size(kFacts)) {
    throw std::invalid_argument("function " + std::to_string(fn) + " came, one below " +
                                std::to_string(std::size(kFacts)) + " expected");
  }
  return kFacts[fn];
}

}  // namespace

FunctionId function_id(const std::string& name) {
  for (size_t k = 0; k < std::size(kFacts); ++k) {
    if (name == kFacts[k].name) return static_cast<FunctionId>(k);
  }
  std::string known;
  for (const Facts& f : kFacts) known += (known.empty() ? "" : ", ") + std::string(f.name);
  throw std::invalid_argument("function '" + name + "' came, one of " + known + " expected");
}

const char* function_name(FunctionId fn) { return facts(fn).name; }

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Facts& f : kFacts) names.push_back(f.name);
  return names;
}

bool from_output(FunctionId fn) { return facts(fn).from_output; }
bool takes_integers(FunctionId fn) { return facts(fn).integers; }

}  // namespace feedfwd
