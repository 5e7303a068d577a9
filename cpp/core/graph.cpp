#include "core/graph.h"

#include <cstdio>
#include <cstring>

#include "core/float_state.h"
#include "core/functions.h"

namespace feedfwd {

ValueId Graph::append(Node node, std::vector<ValueType> types) {
  node.first_output = values();
  node.outputs = static_cast<int>(types.size());
  for (const ValueType& type : types) {
    types_.push_back(type);
    producer_.push_back(static_cast<int>(nodes_.size()));
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().first_output;
}

ValueId Graph::input(const ValueType& type) {
  Attrs attrs;
  attrs.i[0] = static_cast<int64_t>(inputs_.size());
  inputs_.push_back(append({Op::Input, attrs, {}}, {type}));
  return inputs_.back();
}

ValueId Graph::initial(int variable) const {
  for (const auto& [index, value] : parameters_) {
    if (index == variable) return value;
  }
  return kNoValue;
}

ValueId Graph::parameter(int index, const ValueType& type) {
  for (const auto& [variable, value] : assigned_) {
    if (variable == index) return value;
  }
  if (const ValueId known = initial(index); known != kNoValue) return known;
  if (type.shape.batch) {
    throw std::invalid_argument("parameter: shape " + type.shape.str() +
                                " came, a shape without a batch expected");
  }
  Attrs attrs;
  attrs.i[0] = index;
  const ValueId value = append({Op::Parameter, attrs, {}}, {type});
  parameters_.emplace_back(index, value);
  return value;
}

ValueId Graph::constant(ConstantData data) {
  const size_t want = static_cast<size_t>(data.type.shape.count()) * size_of(data.type.dtype);
  if (data.type.shape.batch || !data.bytes || data.bytes->size() != want) {
    throw std::invalid_argument("constant: shape " + data.type.shape.str() +
                                " came, a shape without a batch and " + std::to_string(want) +
                                " bytes expected");
  }
  Attrs attrs;
  attrs.i[0] = static_cast<int64_t>(constants_.size());
  const ValueId value = append({Op::Constant, attrs, {}}, {data.type});
  constants_.push_back(std::move(data));
  return value;
}

ValueId Graph::constant(double value, DType dtype) {
  const FloatState nearest;
  auto bytes = std::make_shared<std::vector<std::byte>>(size_of(dtype));
  const auto store = [&](auto typed) { std::memcpy(bytes->data(), &typed, sizeof typed); };
  switch (dtype) {
    case DType::f32:
      store(static_cast<float>(value));
      break;
    case DType::f64:
      store(value);
      break;
    case DType::i32:
      store(static_cast<int32_t>(value));
      break;
    case DType::i64:
      store(static_cast<int64_t>(value));
      break;
    case DType::b8:
      store(static_cast<uint8_t>(value != 0));
      break;
    default:
      throw TypeError(std::string("constant: dtype ") + name_of(dtype) +
                      " came, float32, float64, int32, int64 or bool expected");
  }
  return constant({{dtype, Shape{}}, std::move(bytes)});
}

ValueId Graph::add(Op op, std::vector<ValueId> inputs, const Attrs& attrs) {
  std::vector<ValueType> types;
  types.reserve(inputs.size());
  for (ValueId v : inputs) {
    if (v < 0 || v >= values()) {
      throw std::invalid_argument(std::string(name_of(op)) + ": value " + std::to_string(v) +
                                  " came, a value of this graph expected");
    }
    types.push_back(types_[v]);
  }
  std::vector<ValueType> results = infer(op, types, attrs);
  return append({op, attrs, std::move(inputs)}, std::move(results));
}

ValueId Graph::output(ValueId first, int index) const {
  const Node& node = producer(first);
  if (index < 0 || index >= node.outputs) {
    throw std::invalid_argument(std::string(name_of(node.op)) + ": output " +
                                std::to_string(index) + " came, one of " +
                                std::to_string(node.outputs) + " expected");
  }
  return node.first_output + index;
}

void Graph::assign(int variable, ValueId value) {
  const ValueId old = initial(variable);
  if (old == kNoValue) {
    throw std::invalid_argument("assign: variable " + std::to_string(variable) +
                                " came, a parameter of this graph expected");
  }
  if (types_[value] != types_[old]) {
    throw std::invalid_argument("assign: " + std::string(name_of(types_[value].dtype)) + " " +
                                types_[value].shape.str() + " came for a variable of " +
                                name_of(types_[old].dtype) + " " + types_[old].shape.str());
  }
  for (auto& [index, current] : assigned_) {
    if (index == variable) {
      current = value;
      return;
    }
  }
  assigned_.emplace_back(variable, value);
}

namespace {

std::string list(const std::array<int64_t, kMaxRank>& i, int count) {
  std::string s;
  for (int k = 0; k < count; ++k) s.append(k > 0 ? "," : "").append(std::to_string(i[k]));
  return s;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

// What of the attributes means something for the op.
std::string print_attrs(const Node& node, int rank) {
  const Attrs& a = node.attrs;
  switch (node.op) {
    case Op::Input:
    case Op::Parameter:
    case Op::Constant:
      return " #" + std::to_string(a.i[0]);
    case Op::Rows:
      return " [" + list(a.i, 2) + "]";
    case Op::Map:
    case Op::MapGrad:
      return std::string(" [") + function_name(a.fn) + (a.f[0] != 0 ? " " + number(a.f[0]) : "") +
             "]";
    case Op::Dropout:
      return " [" + number(a.f[0]) + " seed " + std::to_string(static_cast<uint64_t>(a.i[0])) +
             " stream " + std::to_string(a.i[1]) + "]";
    case Op::Matmul:
      return " [" + list(a.i, 3) + "]";
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin: {
      std::string axes;
      for (int k = 0; k < rank; ++k) {
        if (a.i[0] >> k & 1) axes.append(axes.empty() ? "" : ",").append(std::to_string(k));
      }
      return " [axes " + axes + (a.i[1] != 0 ? " keep]" : "]");
    }
    case Op::ArgMax:
    case Op::Concat:
    case Op::OneHot:
      return " [" + list(a.i, 1) + "]";
    case Op::Slice:
    case Op::SliceGrad:
      return " [" + list(a.i, 4) + "]";
    case Op::Transpose:
      return " [" + list(a.i, rank) + "]";
    default:
      return "";
  }
}

}  // namespace

std::string Graph::str() const {
  std::string s;
  for (const Node& node : nodes_) {
    for (int k = 0; k < node.outputs; ++k) {
      s.append(k > 0 ? ", %" : "%").append(std::to_string(node.first_output + k));
    }
    s += std::string(" = ") + name_of(node.op);
    const int rank = node.inputs.empty() ? 0 : types_[node.inputs[0]].shape.rank;
    s += print_attrs(node, rank);
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      s.append(k > 0 ? ", %" : " %").append(std::to_string(node.inputs[k]));
    }
    s += " :";
    for (int k = 0; k < node.outputs; ++k) {
      const ValueType& type = types_[node.first_output + k];
      s += std::string(k > 0 ? ", " : " ") + name_of(type.dtype) + " " + type.shape.str();
    }
    s += "\n";
  }
  for (const auto& [variable, value] : assigned_) {
    s += "assign #" + std::to_string(variable) + " %" + std::to_string(value) + "\n";
  }
  return s;
}

}  // namespace feedfwd
