// What a step does besides arithmetic on tensors: where it stands in the epoch, its loss, scalars.
#pragma once

#include "cpu/bound.h"

namespace feedfwd {

// Begin: sets the step's place; only shard 0 of a step raises the index.
void begin_step(const BoundOp& op, StepState& state);
// Record: adds a shard's loss; after the last one notes a loss that is not finite.
void record_loss(const BoundOp& op, StepState& state);
// Rows and ClipFactor: one number each.
void count_rows(const BoundOp& op, const StepState& state);
void clip_factor(const BoundOp& op, const StepState& state);

}  // namespace feedfwd
