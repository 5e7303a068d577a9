// apply(): where an op goes. Functional operands make a description, traced ones a graph node,
// concrete ones values.
#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "core/host.h"
#include "core/lower.h"
#include "core/tensor.h"

namespace feedfwd {
namespace {

std::vector<ValueType> types_of(const std::vector<Arg>& inputs) {
  std::vector<ValueType> types;
  types.reserve(inputs.size());
  for (const Arg& a : inputs) types.push_back(a.type());
  return types;
}

std::vector<Tensor> describe(Op op, const std::vector<Arg>& inputs, const Attrs& attrs) {
  std::vector<Tensor> out;
  for (const ValueType& type : infer(op, types_of(inputs), attrs)) {
    Tensor t = placeholder(type);
    t->op = op;
    t->attrs = attrs;
    t->inputs = inputs;
    t->output = static_cast<int>(out.size());
    out.push_back(std::move(t));
  }
  return out;
}

std::vector<Tensor> trace(TraceImpl& into, Op op, const std::vector<Arg>& inputs,
                          const Attrs& attrs) {
  std::vector<ValueId> ids;
  for (const Arg& a : inputs) ids.push_back(into.value_of(a));
  const ValueId first = into.graph.add(op, std::move(ids), attrs);
  std::vector<Tensor> out;
  for (int i = 0; i < into.graph.producer(first).outputs; ++i)
    out.push_back(into.wrap(into.graph.output(first, i)));
  return out;
}

// Whether it takes longer than letting go of the interpreter and taking it back. A matrix product
// counts its shorter axes too.
bool is_long(Op op, const std::vector<ValueType>& in, const std::vector<ValueType>& out) {
  int64_t most = 0;
  for (const ValueType& t : in) most = std::max(most, t.shape.count());
  for (const ValueType& t : out) most = std::max(most, t.shape.count());
  return most >= (op == Op::Matmul ? kLongOp / 16 : kLongOp);
}

// Where an op on these runs, with all of them there: on the device that one of them is on, and what
// lies in host memory (arrays, numbers) comes to it.
std::shared_ptr<Backend> bring_together(std::vector<Tensor>& in) {
  if (in.empty()) return get_backend("cpu");
  std::shared_ptr<Backend> backend = in[0]->backend;
  bool alike = true;
  for (const Tensor& t : in) alike = alike && t->backend == backend;
  if (alike) return backend;
  const std::shared_ptr<Backend> host = get_backend("cpu");
  for (const Tensor& t : in)
    if (t->backend != host) backend = t->backend;
  for (Tensor& t : in) t = on_backend(t, backend);
  return backend;
}

// What is the same in every call of an op with attributes on operands of these forms.
struct Prepared {
  Op op;
  Attrs attrs;
  std::vector<Form> in;
  std::vector<ValueType> results, temporaries;
  int alias;
  bool is_long;
  std::vector<Instr> instrs;
  std::vector<std::pair<View::Of, int>> memory;  // of all their operands, in order

  bool is_for(Op other, const Attrs& its, const std::vector<Tensor>& operands) const {
    // Of equal numbers that are not the same, -0 and +0, ops may make different bits.
    using Bits = std::array<uint64_t, 2>;
    if (other != op || operands.size() != in.size() || !(its == attrs) ||
        std::bit_cast<Bits>(its.f) != std::bit_cast<Bits>(attrs.f))
      return false;
    for (size_t k = 0; k < in.size(); ++k)
      if (operands[k]->row_stride != in[k].row_stride || !(operands[k]->type == in[k].type))
        return false;
    return true;
  }
};

std::unique_ptr<Prepared> prepare(Op op, const Attrs& attrs, const std::vector<Tensor>& in) {
  auto p = std::make_unique<Prepared>();
  p->op = op;
  p->attrs = attrs;
  std::vector<ValueType> types;
  for (const Tensor& t : in) {
    types.push_back(t->type);
    p->in.push_back({t->type, t->row_stride});
  }
  p->results = infer(op, types, attrs);
  std::vector<Form> out;
  for (const ValueType& type : p->results) out.push_back(dense(type));
  Lowered lowered = lower(op, attrs, p->in, out);
  p->alias = lowered.alias;
  p->is_long = is_long(op, types, p->results);
  const auto ref = [&](const View& v) {
    p->memory.emplace_back(v.of, v.index);
    return Ref{nullptr, v.rows, v.cols, v.row_stride, v.col_stride, v.dtype};
  };
  for (const LoweredInstr& l : lowered.instrs) {
    Instr& instr = p->instrs.emplace_back(Instr{l.op, l.attrs, {}, {}, 0});
    for (const View& v : l.in) instr.in.push_back(ref(v));
    for (const View& v : l.out) instr.out.push_back(ref(v));
  }
  p->temporaries = std::move(lowered.temporaries);
  return p;
}

// What this thread prepared last, by a hash: a loop makes the same calls again and again.
std::unique_ptr<Prepared>& place_for(Op op, const Attrs& attrs, const std::vector<Tensor>& in) {
  constexpr size_t kPlaces = 64;
  thread_local std::unique_ptr<Prepared> places[kPlaces];
  uint64_t hash = static_cast<uint64_t>(op) + 64u * attrs.fn;
  const auto mix = [&](int64_t x) {
    hash = (hash ^ static_cast<uint64_t>(x)) * 0x9E3779B97F4A7C15u;
  };
  for (int k = 0; k < 3; ++k) mix(attrs.i[static_cast<size_t>(k)]);
  for (const Tensor& t : in) mix(t->type.shape.dims[0] + 31 * t->row_stride);
  return places[hash >> 58];
}

std::vector<Tensor> run_prepared(Prepared& p, const std::vector<Tensor>& in,
                                 const std::shared_ptr<Backend>& backend) {
  std::vector<Tensor> out;
  out.reserve(p.results.size());
  if (p.alias >= 0 && in[p.alias]->reads == nullptr) {
    auto same = std::make_shared<TensorImpl>(*in[p.alias]);
    same->type = p.results[0];
    same->row_stride = p.results[0].shape.view_cols().n;
    out.push_back(std::move(same));
    return out;
  }
  for (const ValueType& type : p.results) out.push_back(concrete_like(type, backend));
  if (p.alias >= 0) {  // of a variable's memory, which may change: a copy
    const TensorImpl& from = *in[p.alias];
    Ref flat{from.storage.data(), {1}, {from.type.shape.count()}, 0, 1, from.type.dtype};
    Ref to = flat;
    to.data = out[0]->storage.data();
    const Released free(from.type.shape.count() >= kLongOp);
    backend->run({Op::Copy, {}, {flat}, {to}, 0});
    return out;
  }
  std::vector<Tensor> temporaries;
  for (const ValueType& type : p.temporaries) temporaries.push_back(concrete_like(type, backend));
  const Released free(p.is_long);
  auto where = p.memory.begin();
  const auto place = [&](Ref& ref) {
    const auto [of, index] = *where++;
    const auto& from = of == View::Of::input ? in : of == View::Of::output ? out : temporaries;
    ref.data = from[static_cast<size_t>(index)]->storage.data();
  };
  for (Instr& instr : p.instrs) {
    for (Ref& ref : instr.in) place(ref);
    for (Ref& ref : instr.out) place(ref);
    backend->run(instr);
  }
  return out;
}

std::vector<Tensor> compute(Op op, std::vector<Tensor>& in, const Attrs& attrs) {
  const std::shared_ptr<Backend> backend = bring_together(in);
  std::unique_ptr<Prepared>& place = place_for(op, attrs, in);
  // Taken out meanwhile: a signal handler may compute within this call.
  std::unique_ptr<Prepared> prepared = std::move(place);
  if (!prepared || !prepared->is_for(op, attrs, in)) prepared = prepare(op, attrs, in);
  std::vector<Tensor> out = run_prepared(*prepared, in, backend);
  place = std::move(prepared);
  return out;
}

}  // namespace

std::vector<Tensor> apply(Op op, const std::vector<Arg>& inputs, const Attrs& attrs) {
  bool functional = false, traced = false;
  for (const Arg& a : inputs) {
    functional |= a.tensor && a.tensor->kind == TensorImpl::Kind::functional;
    traced |= (a.tensor && a.tensor->kind == TensorImpl::Kind::traced) || a.variable;
  }
  if (functional) return describe(op, inputs, attrs);
  if (TraceImpl* active = TraceImpl::active(); active && (traced || inputs.empty()))
    return trace(*active, op, inputs, attrs);

  for (const Arg& a : inputs)
    if (a.variable) a.variable->materialize();
  const Hold reading = hold(inputs);
  std::vector<Tensor> read_inputs;
  read_inputs.reserve(inputs.size());
  for (const Arg& a : inputs) {
    if (a.tensor && a.tensor->kind != TensorImpl::Kind::concrete)
      throw TypeError(
          std::string(name_of(op)) +
          ": a symbolic Tensor is used after the call that made it; return it from call() instead");
    read_inputs.push_back(a.tensor ? a.tensor : read(a.variable));
  }
  std::vector<Tensor> out = compute(op, read_inputs, attrs);
  if (TapeImpl::any_active()) TapeImpl::record_all(op, inputs, read_inputs, attrs, out);
  return out;
}

Tensor apply1(Op op, const std::vector<Arg>& inputs, const Attrs& attrs) {
  return std::move(apply(op, inputs, attrs).front());
}

void assign(const Variable& variable, const Arg& value) {
  if (TraceImpl* active = TraceImpl::active()) {
    const int index = active->index_of(variable);
    active->graph.assign(index, active->value_of(value));
    return;
  }
  if (value.tensor && value.tensor->kind != TensorImpl::Kind::concrete)
    throw TypeError("assign: a symbolic Tensor has no values");
  if (value.variable) value.variable->materialize();
  const Hold held = hold({value}, {variable});
  Tensor from = value.tensor ? value.tensor : read(value.variable);
  if (!variable->backend) variable->backend = from->backend;
  from = on_backend(from, variable->backend);
  if (variable->pending()) {
    const int64_t bytes = variable->layout.bytes(variable->type.dtype);
    variable->storage = {variable->backend->allocate(static_cast<size_t>(bytes)), 0};
  }
  variable->detach_reader();
  const ValueType& type = variable->type;
  Ref in{from->storage.data(),
         type.shape.view_rows(),
         type.shape.view_cols(),
         from->row_stride,
         1,
         type.dtype};
  Ref out = in;
  out.data = variable->storage.data();
  out.row_stride = variable->layout.row_stride;
  const Released free(variable->layout.elements() >= kLongOp);
  variable->backend->run({Op::Copy, {}, {in}, {out}, 0});
}

}  // namespace feedfwd
