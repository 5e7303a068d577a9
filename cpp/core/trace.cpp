#include <cstring>

#include "core/tensor.h"

namespace feedfwd {
namespace {
thread_local std::vector<TraceImpl*> tracing;
}

TraceImpl* TraceImpl::active() { return tracing.empty() ? nullptr : tracing.back(); }
void TraceImpl::enter() { tracing.push_back(this); }
void TraceImpl::exit() {
  if (tracing.empty() || tracing.back() != this)
    throw std::invalid_argument("Trace: left in another order than entered");
  tracing.pop_back();
}

Tensor TraceImpl::wrap(ValueId value) {
  auto t = std::make_shared<TensorImpl>();
  t->kind = TensorImpl::Kind::traced;
  t->type = graph.type(value);
  t->trace = shared_from_this();
  t->value = value;
  return t;
}

Tensor TraceImpl::input(const ValueType& type) { return wrap(graph.input(type)); }

int TraceImpl::index_of(const Variable& variable) {
  const auto [it, added] = index_.emplace(variable.get(), static_cast<int>(variables.size()));
  if (added) {
    variables.push_back(variable);
    graph.parameter(it->second, variable->type);
  }
  return it->second;
}

ValueId TraceImpl::value_of(const Arg& operand) {
  if (operand.variable) return graph.parameter(index_of(operand.variable), operand.variable->type);
  const TensorImpl& t = *operand.tensor;
  if (t.kind == TensorImpl::Kind::traced) {
    if (t.trace.get() != this) throw TypeError("a symbolic Tensor of one trace is used in another");
    return t.value;
  }
  auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(t.type.shape.count()) *
                                                        size_of(t.type.dtype));
  to_host(t, bytes->data());
  return graph.constant({t.type, std::move(bytes)});
}

std::vector<ValueId> TraceImpl::gradient(ValueId target, const std::vector<ValueId>& sources,
                                         bool sharded) {
  ValueId seed = kNoValue;
  if (sharded) {
    Attrs own, whole, to;
    own.i[0] = whole.i[0] = whole.i[1] = 1;
    to.dtype = graph.type(target).dtype;
    const ValueId mine = graph.add(Op::Cast, {graph.add(Op::Rows, {}, own)}, to);
    const ValueId all = graph.add(Op::Cast, {graph.add(Op::Rows, {}, whole)}, to);
    seed = graph.add(Op::Divide, {mine, all});
  }
  return differentiate(graph, {target}, {seed}, sources);
}

}  // namespace feedfwd
