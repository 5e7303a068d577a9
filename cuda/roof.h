#pragma once

#include <functional>

#include "core/backend.h"
#include "cuda/code.h"

namespace feedfwd::gpu {

// Of what `work` asks the queue for, by the device's clock.
double seconds_of(const Queue& queue, const std::function<void()>& work);
Backend::Roof measured_roof(const Queue& queue);

}  // namespace feedfwd::gpu
