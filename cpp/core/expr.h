// Expr: a formula of core/math instantiated with it becomes nodes of a graph. Constants stay
// numbers until they meet a value, and fold among themselves.
#pragma once

#include "core/functions.h"
#include "core/graph.h"

namespace feedfwd {

class Expr {
 public:
  explicit Expr(double constant) : constant_(constant) {}
  // `dtype`: of constants that meet this value (a comparison's own dtype is bool).
  Expr(Graph& graph, ValueId id, DType dtype) : graph_(&graph), id_(id), dtype_(dtype) {}

  bool is_constant() const { return graph_ == nullptr; }
  double constant() const { return constant_; }
  // As a node; a constant takes graph and dtype from `like`.
  ValueId value(const Expr& like) const {
    return is_constant() ? like.graph_->constant(constant_, like.dtype_) : id_;
  }
  Expr node(Op op, std::vector<ValueId> inputs, const Attrs& attrs = {}) const {
    return {*graph_, graph_->add(op, std::move(inputs), attrs), dtype_};
  }

 private:
  Graph* graph_ = nullptr;
  ValueId id_ = kNoValue;
  DType dtype_ = DType::f32;
  double constant_ = 0;
};

// No numbers in it: not Real to the formulas.
template <>
struct math::TypesOf<Expr> {};

inline Expr binary(Op op, const Expr& a, const Expr& b) {
  const Expr& like = a.is_constant() ? b : a;
  const ValueId left = a.value(like), right = b.value(like);
  return like.node(op, {left, right});
}

#define FF_EXPR_ARITHMETIC(symbol, op)                                                     \
  inline Expr operator symbol(const Expr& a, const Expr& b) {                              \
    if (a.is_constant() && b.is_constant()) return Expr(a.constant() symbol b.constant()); \
    return binary(Op::op, a, b);                                                           \
  }
FF_EXPR_ARITHMETIC(+, Add)
FF_EXPR_ARITHMETIC(-, Subtract)
FF_EXPR_ARITHMETIC(*, Multiply)
FF_EXPR_ARITHMETIC(/, Divide)
#undef FF_EXPR_ARITHMETIC

// One side of a comparison is always a value: constants are compared when the formula is written.
#define FF_EXPR_COMPARISON(symbol, op) \
  inline Expr operator symbol(const Expr& a, const Expr& b) { return binary(Op::op, a, b); }
FF_EXPR_COMPARISON(>, Greater)
FF_EXPR_COMPARISON(<, Less)
FF_EXPR_COMPARISON(>=, GreaterEqual)
FF_EXPR_COMPARISON(<=, LessEqual)
FF_EXPR_COMPARISON(==, Equal)
FF_EXPR_COMPARISON(!=, NotEqual)
#undef FF_EXPR_COMPARISON

inline Expr select(const Expr& condition, const Expr& a, const Expr& b) {
  const ValueId yes = a.value(condition), no = b.value(condition);
  return condition.node(Op::Where, {condition.value(condition), yes, no});
}

inline Expr map(Unary fn, const Expr& x) {
  Attrs attrs;
  attrs.fn = static_cast<FunctionId>(fn);
  return x.node(Op::Map, {x.value(x)}, attrs);
}

inline Expr operator-(const Expr& x) {
  return x.is_constant() ? Expr(-x.constant()) : map(Unary::Neg, x);
}
inline Expr sign(const Expr& x) { return map(Unary::Sign, x); }
inline Expr sqrt(const Expr& x) { return map(Unary::Sqrt, x); }
inline Expr exp(const Expr& x) { return map(Unary::Exp, x); }
inline Expr expm1(const Expr& x) { return map(Unary::Expm1, x); }
inline Expr log(const Expr& x) { return map(Unary::Log, x); }
inline Expr log1p(const Expr& x) { return map(Unary::Log1p, x); }
inline Expr sin(const Expr& x) { return map(Unary::Sin, x); }
inline Expr cos(const Expr& x) { return map(Unary::Cos, x); }
inline Expr tanh(const Expr& x) { return map(Unary::Tanh, x); }
inline Expr erf(const Expr& x) { return map(Unary::Erf, x); }
inline Expr erfc(const Expr& x) { return map(Unary::Erfc, x); }
inline Expr sigmoid(const Expr& x) { return map(Unary::Sigmoid, x); }

}  // namespace feedfwd
