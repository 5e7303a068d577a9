// Tensors and variables as Python sees them, and apply(): the one entry for eager, taped, traced
// and functional ops.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/backend.h"
#include "core/graph.h"
#include "core/guard.h"
#include "core/plan.h"
#include "core/program.h"

namespace feedfwd {

struct TensorImpl;
struct VariableImpl;
class TraceImpl;
using Tensor = std::shared_ptr<TensorImpl>;
using Variable = std::shared_ptr<VariableImpl>;

// Exactly one of the two is set.
struct Arg {
  Tensor tensor;
  Variable variable;
  const ValueType& type() const;
};

struct TensorImpl {
  enum class Kind : uint8_t { concrete, traced, functional };
  Kind kind = Kind::concrete;
  ValueType type;

  // concrete
  std::shared_ptr<Backend> backend;
  Storage storage;
  int64_t row_stride = 1;
  const VariableImpl* reads = nullptr;  // set while this is an alias of that variable's memory
  Guarded guard;                        // the variable's, while `reads` is set
  // Set where a 2-D transpose made this: matmul takes the source and a flag instead (numerics, rule
  // 1).
  std::shared_ptr<Arg> transposed_from;

  // traced
  std::shared_ptr<TraceImpl> trace;
  ValueId value = kNoValue;

  // functional: made by an op (no inputs: a placeholder)
  std::shared_ptr<void> note;  // what the maker of a placeholder wants to find again
  Op op = Op::Input;
  Attrs attrs;
  std::vector<Arg> inputs;
  int output = 0;
};

struct VariableImpl {
  ValueType type;
  std::string name;
  bool trainable = true;
  std::shared_ptr<Backend> backend;
  Storage storage;
  Layout layout;
  // Of the memory. What else is here changes under the interpreter's lock alone, and `storage` and
  // `guard` only while that is held for writing.
  Guarded guard = std::make_shared<AccessGuard>();
  // Pending: no values yet; make() must call set_dense().
  std::function<void(VariableImpl&)> make;
  std::weak_ptr<TensorImpl> reader;

  bool pending() const { return storage.block.data == nullptr; }
  void materialize();  // calls make if pending; no-op otherwise
  // Before any write to the memory, with the guard held for writing: tensors that alias it get a
  // copy of their own.
  void detach_reader();
  void upload(const void* host);     // dense, into memory that is there and held for writing
  void set_dense(const void* host);  // dense row-major bytes of type.dtype
  void get_dense(void* host) const;
  void retype(DType dtype, std::shared_ptr<Backend> to);
  void move_to(Storage to);  // copies the bytes and re-binds
};

// The guards of what the operands read, for reading, and of `written`, for writing.
Hold hold(const std::vector<Arg>& read, const std::vector<Variable>& written = {});

Variable make_variable(const ValueType& type, std::string name, bool trainable);
// The variable's current value: an alias that becomes a copy when the variable is written.
Tensor read(const Variable& variable);
Tensor concrete_like(const ValueType& type, std::shared_ptr<Backend> backend);  // not set
Tensor from_host(const ValueType& type, const void* dense, std::shared_ptr<Backend> backend);
void to_host(const TensorImpl& tensor, void* dense);
// The tensor itself, or its values in that backend's memory.
Tensor on_backend(const Tensor& tensor, const std::shared_ptr<Backend>& backend);
Tensor scalar(double value, DType dtype, std::shared_ptr<Backend> backend);
Tensor placeholder(const ValueType& type);

// Runs, records or traces one op. Operands have the dtypes the op wants already.
std::vector<Tensor> apply(Op op, const std::vector<Arg>& inputs, const Attrs& attrs = {});
Tensor apply1(Op op, const std::vector<Arg>& inputs, const Attrs& attrs = {});
inline Arg arg(Tensor t) { return {std::move(t), nullptr}; }
inline Arg arg(Variable v) { return {nullptr, std::move(v)}; }

// All values, one moment's. `hosts` are dense, one each.
void get_all(const std::vector<Variable>& variables, const std::vector<void*>& hosts);
// Sets all, or none where memory runs out.
void set_all(const std::vector<Variable>& variables, const std::vector<const void*>& hosts);

// Eager or traced assignment; `value` has the variable's shape and dtype.
void assign(const Variable& variable, const Arg& value);

// One arena: trainable matrices, other trainable variables, the rest (numerics, rule 9). False
// where they lie in one already and nothing moved.
bool pack(const std::vector<Variable>& variables);

// Tracing: a stack per thread; the top one is active.
class TraceImpl : public std::enable_shared_from_this<TraceImpl> {
 public:
  static TraceImpl* active();
  void enter();
  void exit();

  Tensor input(const ValueType& type);
  int index_of(const Variable& variable);  // registers it at first use
  Tensor wrap(ValueId value);
  // An operand as a value of this graph; throws TypeError for a tensor of another trace.
  ValueId value_of(const Arg& operand);
  // d target / d sources, kNoValue where unconnected.
  std::vector<ValueId> gradient(ValueId target, const std::vector<ValueId>& sources, bool sharded);

  Graph graph;
  std::vector<Variable> variables;

 private:
  std::unordered_map<const VariableImpl*, int> index_;
};

// Gradient tape over eager ops.
class TapeImpl {
 public:
  TapeImpl(bool persistent, bool watch_variables);
  void enter();
  void exit();
  void watch(const Arg& x);
  std::vector<Variable> watched() const { return watched_; }
  // Watched, or made from something watched: what gradient() accepts as a source without complaint.
  bool knows(const Arg& x) const;
  std::vector<Tensor> gradient(const std::vector<Arg>& targets, const std::vector<Arg>& sources,
                               const std::vector<Tensor>& seeds);
  void reset();
  // Called by apply() for each eager op while this tape is entered.
  void record(Op op, const std::vector<Arg>& inputs, const std::vector<Tensor>& read,
              const Attrs& attrs, const std::vector<Tensor>& outputs);
  static bool any_active();
  static void record_all(Op op, const std::vector<Arg>& inputs, const std::vector<Tensor>& read,
                         const Attrs& attrs, const std::vector<Tensor>& outputs);

 private:
  bool tracked(const Arg& x) const;
  ValueId leaf(const Arg& x, const Tensor& tensor);
  ValueId find(const Arg& x) const;

  bool persistent_, watch_variables_;
  bool entered_ = false, used_ = false, paused_ = false;
  Graph graph_;
  std::vector<Tensor> tensors_;  // by value id; null for values not kept
  std::unordered_map<const TensorImpl*, ValueId> ids_;
  std::unordered_map<const VariableImpl*, ValueId> variable_ids_;
  std::vector<bool> needs_;  // by value id: depends on something watched
  std::vector<Variable> watched_, held_;
};

}  // namespace feedfwd
