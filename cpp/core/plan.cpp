#include "core/plan.h"

#include "core/plan_internal.h"

namespace feedfwd {
namespace {

void check(const Graph& graph, const PlanRequest& request) {
  if (request.capacity < 1) throw std::invalid_argument("plan: capacity must be at least 1");
  if (request.shards < 1) throw std::invalid_argument("plan: shards must be at least 1");
  if (request.input_types.size() != graph.inputs().size()) {
    throw std::invalid_argument("plan: " + std::to_string(request.input_types.size()) +
                                " input types came, " + std::to_string(graph.inputs().size()) +
                                " expected");
  }
  for (ValueId v : request.outputs) {
    if (request.shards > 1 && graph.type(v).shape.batch) {
      throw std::invalid_argument(
          "plan: an output per row cannot be asked for with several shards");
    }
  }
  if (request.loss != kNoValue &&
      (!is_float(graph.type(request.loss).dtype) || graph.type(request.loss).shape.rank != 0)) {
    throw std::invalid_argument("plan: the loss must be a float scalar, " +
                                graph.type(request.loss).shape.str() + " came");
  }
}

void describe(const Graph& graph, const PlanRequest& request, Plan& plan) {
  plan.capacity = request.capacity;
  plan.shards = request.shards;
  plan.input_types = request.input_types;
  for (ValueId v : graph.inputs()) {
    const Shape& shape = graph.type(v).shape;
    if (!shape.batch) {
      throw std::invalid_argument("plan: input of shape " + shape.str() +
                                  " came, one with a batch expected");
    }
    plan.input_cols.push_back(shape.count());
  }
  for (ValueId v : request.outputs) plan.outputs.push_back(graph.type(v));
  if (!request.has_update) return;
  for (const auto& [variable, gradient] : request.update.gradients) {
    const ValueType& type = graph.type(gradient);
    plan.gradients.push_back({variable, type.dtype, layout_of(type.shape)});
  }
}

}  // namespace

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
  check(graph, request);
  describe(graph, request, plan);
  planning::Draft draft = planning::list_steps(graph, request, plan);
  if (request.order_seed != 0) {
    planning::shuffle(draft.steps, request.order_seed);
  } else {
    planning::hoist(draft.steps);
  }
  if (request.fuse) planning::fuse(draft.steps, draft.buffers.size());
  planning::share_in_place(draft);
  planning::place(draft, request, plan);
  for (planning::Step& step : draft.steps) plan.instrs.push_back(std::move(step.instr));
  return plan;
}

}  // namespace feedfwd
