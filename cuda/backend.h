#pragma once

#include "core/backend.h"

namespace feedfwd::gpu {

// Throws std::invalid_argument with one sentence that says why there is none.
std::shared_ptr<Backend> make_backend();

}  // namespace feedfwd::gpu
