#include "core/plan.h"

#include "core/plan_internal.h"

namespace feedfwd {

Layout layout_of(const Shape& shape) {
  if (shape.batch)
    throw std::invalid_argument("variable: shape " + shape.str() +
                                " came, one without a batch expected");
  Layout layout;
  layout.rows = shape.view_rows().n;
  layout.cols = shape.view_cols().n;
  if (layout.cols > 4) checked_add(layout.cols, 15);
  layout.row_stride = layout.cols > 4 ? round_up(layout.cols, 16) : layout.cols;
  checked_mul(checked_mul(layout.rows, layout.row_stride), 8);
  return layout;
}

Plan make_plan(const Graph& graph, const PlanRequest& request) {
  Plan plan;
  planning::Draft draft = planning::list_steps(graph, request, plan);
  if (request.order_seed != 0) {
    planning::shuffle(draft.steps, request.order_seed);
  } else {
    planning::hoist(draft.steps);
  }
  if (request.fuse) planning::fuse(draft.steps, draft.buffers.size());
  planning::share_in_place(draft);
  planning::place(draft, request.guard, plan);
  for (planning::Step& step : draft.steps) plan.instrs.push_back(std::move(step.instr));
  return plan;
}

}  // namespace feedfwd
