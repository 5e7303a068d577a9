// What begins and ends a step, for host and device alike.
#pragma once

#include "core/bound.h"
#include "core/math/numeric.h"

namespace feedfwd::math {

FF_HD void begin_step(const BoundOp& op, StepState& state) {
  const int64_t shard = op.i[0], shards = op.i[1] > 1 ? op.i[1] : 1;
  if (shard == 0) ++state.index;
  const int64_t first = state.first_row + state.index * state.batch_size;
  const int64_t left = state.total_rows > first ? state.total_rows - first : 0;
  state.batch_rows = left < state.batch_size ? left : state.batch_size;
  state.row_base = state.batch_rows * shard / shards;
  state.rows = state.batch_rows * (shard + 1) / shards - state.row_base;
  state.offset = first + state.row_base;
}

FF_HD void record_loss(const BoundOp& op, StepState& state) {
  const BoundRef& in = op.in[0];
  double loss = in.dtype == DType::f32 ? *reinterpret_cast<const float*>(in.data)
                                       : *reinterpret_cast<const double*>(in.data);
  // Whole batches keep the loss's bits: x * n / n may not be x.
  if (state.rows != state.batch_rows) {
    loss = state.rows == 0
               ? 0.0
               : loss * static_cast<double>(state.rows) / static_cast<double>(state.batch_rows);
  }
  double& total = state.losses[state.index];
  total = op.i[0] == 0 ? loss : total + loss;
  const bool last = op.i[0] + 1 >= op.i[1];
  const bool finite = total - total == 0;
  if (last && !finite && state.bad_step < 0) state.bad_step = state.index;
}

FF_HD void count_rows(const BoundOp& op, const StepState& state) {
  const int64_t rows = op.i[1] != 0 ? state.batch_rows : state.rows;
  *reinterpret_cast<int64_t*>(op.out[0].data) = op.i[0] * (rows > 1 ? rows : 1);
}

FF_HD void clip_factor(const BoundOp& op) {
  double sum = 0;
  for (int k = 0; k < op.inputs; ++k) {
    const double x = *reinterpret_cast<const double*>(op.in[k].data);
    sum = k == 0 ? x : sum + x;
  }
  const double norm = sqrt(sum), clip = op.f[0];
  *reinterpret_cast<double*>(op.out[0].data) = clip / (norm > clip ? norm : clip);
}

}  // namespace feedfwd::math
