// The steps of a plan in the order of the graph, before anything is moved, joined or placed.
#include <algorithm>

#include "core/lower.h"
#include "core/plan_internal.h"

namespace feedfwd::planning {

int Draft::named(Space space, int index, int slot) {
  const auto [it, added] =
      named_.try_emplace({space, index, slot}, static_cast<int>(buffers.size()));
  if (added) buffers.push_back({space, index, slot, 0});
  return it->second;
}

int Draft::work(int64_t bytes) {
  buffers.push_back({Space::work, 0, 0, bytes});
  return static_cast<int>(buffers.size()) - 1;
}

namespace {

bool is_leaf(Op op) { return op == Op::Input || op == Op::Parameter || op == Op::Constant; }

bool contains(const std::vector<int>& v, int x) {
  return std::find(v.begin(), v.end(), x) != v.end();
}

class Lister {
 public:
  Lister(const Graph& graph, const PlanRequest& request, Plan& plan)
      : graph_(graph), request_(request), plan_(plan) {}

  Draft take() {
    mark_needed();
    for (shard_ = 0; shard_ < request_.shards; ++shard_) list_shard();
    while (sums_.size() > 1) add_top();
    if (request_.has_update) list_updates();
    list_write_backs(true);
    return std::move(draft_);
  }

 private:
  struct Place {  // of a value
    int buffer = -1;
    Form form;
  };
  struct WriteBack {
    int variable = 0;
    Place from;
  };
  struct PartialSum {
    int level = 0, arena = 0;
  };

  // ---- what is asked for ----

  void mark_needed() {
    std::vector<ValueId> roots = request_.outputs;
    if (request_.loss != kNoValue) roots.push_back(request_.loss);
    if (request_.has_update) {
      for (const auto& [variable, gradient] : request_.update.gradients) roots.push_back(gradient);
    }
    if (request_.write_back) {
      for (const auto& [variable, value] : graph_.assigned()) roots.push_back(value);
    }
    needed_.assign(graph_.nodes().size(), false);
    for (ValueId v : roots) needed_[graph_.producer_index(v)] = true;
    for (size_t i = graph_.nodes().size(); i-- > 0;) {
      if (!needed_[i]) continue;
      for (ValueId v : graph_.nodes()[i].inputs) needed_[graph_.producer_index(v)] = true;
    }
  }

  // ---- one shard ----

  void list_shard() {
    places_.assign(graph_.values(), {});
    arena_ = static_cast<int>(sums_.size());
    Attrs attrs;
    attrs.i = {shard_, request_.shards};
    emit(Op::Begin, attrs, {}, {}, {}, {});
    if (request_.has_update) {
      plan_.gradient_arenas = std::max(plan_.gradient_arenas, arena_ + 1);
      claim_padded_gradients();
    }
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (needed_[i]) list_node(graph_.nodes()[i]);
    }
    for (size_t k = 0; k < request_.outputs.size(); ++k) {
      const ValueId v = request_.outputs[k];
      bring(v, draft_.named(Space::output, static_cast<int>(k)), dense(graph_.type(v)));
    }
    if (request_.has_update) {
      for (const auto& [variable, v] : request_.update.gradients)
        bring(v, gradient(variable), laid_out(v));
      sums_.push_back({0, arena_});
      while (sums_.size() > 1 && sums_.back().level == sums_[sums_.size() - 2].level) add_top();
    }
    save_assigned();
    list_write_backs(false);
  }

  void list_node(const Node& node) {
    const ValueId first = node.first_output;
    if (node.op == Op::Input) {
      list_gather(static_cast<int>(node.attrs.i[0]), first);
    } else if (node.op == Op::Parameter) {
      places_[first] = {draft_.named(Space::variable, static_cast<int>(node.attrs.i[0])),
                        laid_out(first)};
    } else if (node.op == Op::Constant) {
      places_[first] = {draft_.named(Space::constant, static_cast<int>(node.attrs.i[0])),
                        dense(graph_.type(first))};
    } else {
      list_lowered(node);
    }
    if (request_.loss >= first && request_.loss < first + node.outputs) {
      Attrs attrs;
      attrs.i = {shard_, request_.shards};
      const Place& loss = places_[request_.loss];
      emit(Op::Record, attrs, {natural(loss)}, {loss.buffer}, {}, {});
    }
  }

  void list_gather(int index, ValueId v) {
    const ValueType& type = graph_.type(v);
    places_[v] = {work(type), dense(type)};
    Operand to;
    to.rows = {1, true};
    to.cols = {type.shape.count(), false};
    to.row_stride = to.cols.n;
    to.dtype = type.dtype;
    Operand from = to;
    from.dtype = request_.input_types[index];
    Attrs attrs;
    attrs.i[0] = 1 + index;
    emit(Op::Gather, attrs, {from}, {draft_.named(Space::input, index)}, {to}, {places_[v].buffer});
  }

  void list_lowered(const Node& node) {
    std::vector<Form> in, out;
    for (ValueId v : node.inputs) in.push_back(places_[v].form);
    for (int k = 0; k < node.outputs; ++k) {
      const ValueId v = node.first_output + k;
      const Place& place = places_[v];
      out.push_back(place.buffer >= 0 ? place.form : dense(graph_.type(v)));
    }
    const Lowered lowered = lower(node.op, node.attrs, in, out);
    if (lowered.alias >= 0 && places_[node.first_output].buffer < 0) {
      places_[node.first_output] = {places_[node.inputs[lowered.alias]].buffer, out[0]};
      return;
    }
    std::vector<int> temporaries;
    for (const ValueType& type : lowered.temporaries) temporaries.push_back(work(type));
    for (int k = 0; k < node.outputs; ++k) {
      const ValueId v = node.first_output + k;
      if (places_[v].buffer < 0) places_[v] = {work(graph_.type(v)), out[k]};
    }
    for (const LoweredInstr& instr : lowered.instrs) list_instr(node, instr, temporaries);
  }

  void list_instr(const Node& node, const LoweredInstr& instr,
                  const std::vector<int>& temporaries) {
    const auto resolve = [&](const std::vector<View>& views, std::vector<Operand>& operands,
                             std::vector<int>& buffers) {
      for (const View& view : views) {
        buffers.push_back(view.of == View::Of::temporary ? temporaries[view.index]
                          : view.of == View::Of::input
                              ? places_[node.inputs[view.index]].buffer
                              : places_[node.first_output + view.index].buffer);
        Operand operand;
        operand.rows = view.rows;
        operand.cols = view.cols;
        operand.row_stride = view.row_stride;
        operand.col_stride = view.col_stride;
        operand.dtype = view.dtype;
        operands.push_back(operand);
      }
    };
    std::vector<Operand> in, out;
    std::vector<int> in_buffers, out_buffers;
    resolve(instr.in, in, in_buffers);
    resolve(instr.out, out, out_buffers);
    emit(instr.op, instr.attrs, std::move(in), std::move(in_buffers), std::move(out),
         std::move(out_buffers));
  }

  // ---- places ----

  int64_t bytes_of(const ValueType& type) const {
    const int64_t n = checked_mul(type.shape.count(), static_cast<int64_t>(size_of(type.dtype)));
    return type.shape.batch ? checked_mul(n, request_.capacity) : n;
  }

  int work(const ValueType& type) { return draft_.work(bytes_of(type)); }

  int gradient(int variable) { return draft_.named(Space::gradient, variable, arena_); }

  // In the layout of a variable.
  Form laid_out(ValueId v) const { return laid_out(graph_.type(v)); }
  static Form laid_out(const ValueType& type) {
    const Layout layout = layout_of(type.shape);
    return layout.rows == 1 ? dense(type) : Form{type, layout.row_stride};
  }

  static Operand natural(const Place& place) {
    const Shape& shape = place.form.type.shape;
    Operand operand;
    operand.rows = shape.view_rows();
    operand.cols = shape.view_cols();
    operand.row_stride = place.form.row_stride;
    operand.dtype = place.form.type.dtype;
    return operand;
  }

  void emit(Op op, const Attrs& attrs, std::vector<Operand> in, std::vector<int> in_buffers,
            std::vector<Operand> out, std::vector<int> out_buffers) {
    const auto locate = [&](std::vector<Operand>& operands, const std::vector<int>& buffers) {
      for (size_t k = 0; k < operands.size(); ++k) set_place(operands[k], buffers[k]);
    };
    locate(in, in_buffers);
    locate(out, out_buffers);
    Step step{{op, attrs, std::move(in), std::move(out), 0},
              std::move(in_buffers),
              std::move(out_buffers),
              {},
              {}};
    note_accesses(step);
    draft_.steps.push_back(std::move(step));
  }

  void set_place(Operand& operand, int buffer) const {
    operand.space = draft_.buffers[buffer].space;
    operand.index = draft_.buffers[buffer].index;
    operand.slot = draft_.buffers[buffer].slot;
  }

  void copy(const Place& from, const Place& to) {
    emit(Op::Copy, {}, {natural(from)}, {from.buffer}, {natural(to)}, {to.buffer});
  }

  // A gradient whose rows are padded must be written in its layout by its producer: its readers see
  // the strides too.
  void claim_padded_gradients() {
    for (const auto& [variable, v] : request_.update.gradients) {
      const Form form = laid_out(v);
      if (is_dense(form) || is_leaf(graph_.producer(v).op) || places_[v].buffer >= 0) continue;
      places_[v] = {gradient(variable), form};
    }
  }

  // Puts the value into `buffer`: its producer writes there if it is dense and still in the work
  // arena, else a copy.
  void bring(ValueId v, int buffer, const Form& form) {
    const int from = places_[v].buffer;
    if (from == buffer) return;
    if (draft_.buffers[from].space != Space::work || !is_dense(form) ||
        !is_dense(places_[v].form)) {
      copy(places_[v], {buffer, form});
      return;
    }
    for (auto step = draft_.steps.rbegin(); step->instr.op != Op::Begin; ++step)
      move(*step, from, buffer);
    for (Place& place : places_) {
      if (place.buffer == from) place.buffer = buffer;
    }
  }

  void move(Step& step, int from, int to) const {
    bool touched = false;
    const auto rename = [&](std::vector<int>& buffers, std::vector<Operand>& operands) {
      for (size_t k = 0; k < buffers.size(); ++k) {
        if (buffers[k] != from) continue;
        buffers[k] = to;
        set_place(operands[k], to);
        touched = true;
      }
    };
    rename(step.in, step.instr.in);
    rename(step.out, step.instr.out);
    if (touched) note_accesses(step);
  }

  // ---- what a step leaves behind ----

  // Adds the two newest partial sums of gradients, left + right, into the left one's arena.
  void add_top() {
    const int right = sums_.back().arena;
    sums_.pop_back();
    PartialSum& left = sums_.back();
    ++left.level;
    for (const auto& [variable, v] : request_.update.gradients) {
      const Place a{draft_.named(Space::gradient, variable, left.arena), laid_out(v)};
      const Place b{draft_.named(Space::gradient, variable, right), laid_out(v)};
      emit(Op::Add, {}, {natural(a), natural(b)}, {a.buffer, b.buffer}, {natural(a)}, {a.buffer});
    }
  }

  // Clip factors of the updates: one buffer for each gradient, or none.
  std::vector<int> list_clip_factors() {
    const UpdateRequest& update = request_.update;
    const ValueType scalar{DType::f64, {}};
    const auto place = [&] { return Place{work(scalar), dense(scalar)}; };
    std::vector<int> factors;
    std::vector<Operand> sums;
    std::vector<int> sum_buffers;
    Attrs attrs;
    attrs.f[0] = update.clip_at;
    for (const auto& [variable, v] : update.gradients) {
      const Place sum = place(), from{draft_.named(Space::gradient, variable), laid_out(v)};
      emit(Op::SumSquares, {}, {natural(from)}, {from.buffer}, {natural(sum)}, {sum.buffer});
      sums.push_back(natural(sum));
      sum_buffers.push_back(sum.buffer);
      if (update.clip == Clip::global_norm) continue;
      const Place factor = place();
      emit(Op::ClipFactor, attrs, {natural(sum)}, {sum.buffer}, {natural(factor)}, {factor.buffer});
      factors.push_back(factor.buffer);
    }
    if (update.clip == Clip::global_norm) {
      const Place factor = place();
      emit(Op::ClipFactor, attrs, std::move(sums), std::move(sum_buffers), {natural(factor)},
           {factor.buffer});
      factors.assign(update.gradients.size(), factor.buffer);
    }
    return factors;
  }

  void list_updates() {
    const UpdateRequest& update = request_.update;
    std::vector<int> factors;
    if (update.clip == Clip::norm || update.clip == Clip::global_norm)
      factors = list_clip_factors();
    Attrs attrs;
    attrs.fn = update.optimizer;
    attrs.i[0] = update.flags;
    attrs.f[0] = update.clip == Clip::value ? update.clip_at : 0.0;
    for (size_t k = 0; k < update.gradients.size(); ++k) {
      const auto& [variable, v] = update.gradients[k];
      attrs.i[1] = contains(update.decayed, variable);
      std::vector<int> in{draft_.named(Space::gradient, variable)},
          out{draft_.named(Space::variable, variable)};
      for (int s = 0; s < update.slots; ++s) out.push_back(draft_.named(Space::slot, variable, s));
      const Operand view = natural({in[0], laid_out(v)});
      std::vector<Operand> operands{view};
      if (!factors.empty()) {
        in.push_back(factors[k]);
        operands.push_back(natural({factors[k], dense({DType::f64, {}})}));
      }
      std::vector<Operand> state(out.size(), view);
      emit(Op::Update, attrs, std::move(operands), std::move(in), std::move(state), std::move(out));
    }
  }

  // Finds what assigned variables become. A value that lies in a variable or a gradient may be
  // overwritten before it is written back, so it is saved.
  void save_assigned() {
    write_backs_.clear();
    if (!request_.write_back) return;
    for (const auto& [variable, v] : graph_.assigned()) {
      Place from = places_[v];
      if (from.buffer == draft_.named(Space::variable, variable)) continue;
      const Space space = draft_.buffers[from.buffer].space;
      if (space == Space::variable || space == Space::gradient) {
        const Place saved{work(graph_.type(v)), dense(graph_.type(v))};
        copy(from, saved);
        from = saved;
      }
      write_backs_.push_back({variable, from});
    }
  }

  void list_write_backs(bool after_all) {
    for (const WriteBack& w : write_backs_) {
      const bool once = request_.shards == 1 || contains(request_.per_step, w.variable);
      if (once != after_all) continue;
      copy(w.from, {draft_.named(Space::variable, w.variable), laid_out(w.from.form.type)});
    }
  }

  const Graph& graph_;
  const PlanRequest& request_;
  Plan& plan_;
  Draft draft_;
  std::vector<bool> needed_;   // by node
  std::vector<Place> places_;  // by value, of this shard
  std::vector<WriteBack> write_backs_;
  std::vector<PartialSum> sums_;  // of gradients, rising arenas
  int shard_ = 0, arena_ = 0;
};

}  // namespace

Draft list_steps(const Graph& graph, const PlanRequest& request, Plan& plan) {
  return Lister(graph, request, plan).take();
}

}  // namespace feedfwd::planning
