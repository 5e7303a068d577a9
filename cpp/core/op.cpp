#include "core/op.h"

namespace feedfwd {

const char* name_of(Op op) {
  static constexpr const char* kNames[] = {
#define FF_OP_NAME(id, name) name,
      FF_OPS(FF_OP_NAME)
#undef FF_OP_NAME
  };
  return kNames[static_cast<int>(op)];
}

}  // namespace feedfwd
