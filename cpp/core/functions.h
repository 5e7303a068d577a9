// The unary functions of core/math/functions.h by number and by name.
#pragma once

#include <string>
#include <vector>

#include "core/math/functions.h"
#include "core/op.h"

namespace feedfwd {

enum class Unary : FunctionId {
#define FF_UNARY_ENUM(Struct) Struct,
  FF_UNARY_FUNCTIONS(FF_UNARY_ENUM)
#undef FF_UNARY_ENUM
};

// Throws std::invalid_argument, listing the known ones.
FunctionId function_id(const std::string& name);
const char* function_name(FunctionId fn);
std::vector<std::string> function_names();
// Whether the derivative is written in terms of the function's output (else of its input).
bool from_output(FunctionId fn);
// Whether Map takes integers too.
bool takes_integers(FunctionId fn);

}  // namespace feedfwd
