// The Graph: pure values in order of creation, their shapes inferred and checked as they are added.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/op.h"

namespace feedfwd {

using ValueId = int32_t;
constexpr ValueId kNoValue = -1;

struct ValueType {
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const ValueType&) const = default;
};

// Shape rule of every op: types of the results from types of the operands. Throws
// std::invalid_argument or TypeError with op, what came and what was expected.
std::vector<ValueType> infer(Op op, const std::vector<ValueType>& inputs, const Attrs& attrs);

struct Node {
  Op op;
  Attrs attrs;
  std::vector<ValueId> inputs;
  ValueId first_output = kNoValue;  // outputs are consecutive
  int outputs = 1;
};

// The dense bytes of a constant, row-major, shared with whoever made it.
struct ConstantData {
  ValueType type;
  std::shared_ptr<const std::vector<std::byte>> bytes;
};

class Graph {
 public:
  ValueId input(const ValueType& type);
  // `type.shape` of the index-th variable; called again it gives the variable's current value.
  ValueId parameter(int index, const ValueType& type);
  ValueId constant(ConstantData data);
  ValueId constant(double value, DType dtype);
  // Adds a node (an equal pure node that exists already is NOT reused: gradient order depends on
  // consumers).
  ValueId add(Op op, std::vector<ValueId> inputs, const Attrs& attrs = {});
  // The second and later outputs of the node that made `first`.
  ValueId output(ValueId first, int index) const;
  // From here on the variable's value is `value`; written back when a step ends.
  void assign(int variable, ValueId value);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& producer(ValueId v) const { return nodes_[producer_[v]]; }
  int producer_index(ValueId v) const { return producer_[v]; }
  const ValueType& type(ValueId v) const { return types_[v]; }
  int values() const { return static_cast<int>(types_.size()); }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<ConstantData>& constants() const { return constants_; }
  // (variable index, value) for each variable assigned to.
  const std::vector<std::pair<int, ValueId>>& assigned() const { return assigned_; }
  // Value id of Parameter node of the variable (its value before any assign), or kNoValue.
  ValueId initial(int variable) const;
  std::string str() const;

 private:
  ValueId append(Node node, std::vector<ValueType> types);

  std::vector<Node> nodes_;
  std::vector<int> producer_;
  std::vector<ValueType> types_;
  std::vector<ValueId> inputs_;
  std::vector<ConstantData> constants_;
  std::vector<std::pair<int, ValueId>> parameters_;
  std::vector<std::pair<int, ValueId>> assigned_;
};

// Appends to `graph` the gradients of sum(seed_i * target_i) with respect to `sources`; a seed
// kNoValue stands for ones. kNoValue in the result marks a source no target depends on.
// Contributions that meet are added in reverse order of their consumers, the first stored
// (numerics, rule 5). Every emitted op has a rule of its own.
std::vector<ValueId> differentiate(Graph& graph, const std::vector<ValueId>& targets,
                                   const std::vector<ValueId>& seeds,
                                   const std::vector<ValueId>& sources);

}  // namespace feedfwd
