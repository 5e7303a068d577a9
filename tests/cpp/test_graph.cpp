// Graph: shape rules, printing, and the structure of gradients. Their numbers are checked from
// Python against finite differences.
#include "core/graph.h"

#include <cmath>
#include <cstdio>

#include "core/functions.h"
#include "core/random.h"

namespace {

using namespace feedfwd;

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

ValueType f32(std::initializer_list<int64_t> dims, bool batch = false) {
  return {DType::f32, Shape(dims, batch)};
}
ValueType i64(std::initializer_list<int64_t> dims, bool batch = false) {
  return {DType::i64, Shape(dims, batch)};
}
ValueType b8(std::initializer_list<int64_t> dims, bool batch = false) {
  return {DType::b8, Shape(dims, batch)};
}

Attrs with_i(std::array<int64_t, kMaxRank> i) {
  Attrs attrs;
  attrs.i = i;
  return attrs;
}
Attrs with_shape(Shape shape) {
  Attrs attrs;
  attrs.shape = shape;
  return attrs;
}
Attrs with_dtype(DType dtype, int64_t i0 = 0) {
  Attrs attrs;
  attrs.dtype = dtype;
  attrs.i[0] = i0;
  return attrs;
}
Attrs with_fn(const char* name, double alpha = 0) {
  Attrs attrs;
  attrs.fn = function_id(name);
  attrs.f[0] = alpha;
  return attrs;
}
Attrs dropout(double rate) {
  Attrs attrs;
  attrs.f[0] = rate;
  return attrs;
}

struct Accepted {
  Op op;
  std::vector<ValueType> in;
  Attrs attrs;
  std::vector<ValueType> out;
};

void test_accepted() {
  const std::vector<Accepted> cases = {
      {Op::Add, {f32({2, 3}), f32({3})}, {}, {f32({2, 3})}},
      {Op::Add, {f32({1, 3}, true), f32({3})}, {}, {f32({1, 3}, true)}},
      {Op::Add, {f32({1, 3}, true), f32({1, 3})}, {}, {f32({1, 3}, true)}},
      {Op::Add, {f32({1, 3}, true), f32({1, 1}, true)}, {}, {f32({1, 3}, true)}},
      {Op::Add, {f32({}), f32({1}, true)}, {}, {f32({1}, true)}},
      {Op::Multiply, {i64({4, 1, 5}), i64({3, 1})}, {}, {i64({4, 3, 5})}},
      {Op::Less, {f32({2}), f32({})}, {}, {b8({2})}},
      {Op::Equal, {b8({2}), b8({2})}, {}, {b8({2})}},
      {Op::Where, {b8({2, 1}), f32({3}), f32({})}, {}, {f32({2, 3})}},
      {Op::Cast, {b8({1}, true)}, with_dtype(DType::f32), {f32({1}, true)}},
      {Op::Map, {i64({2})}, with_fn("abs"), {i64({2})}},
      {Op::BroadcastTo, {f32({3})}, with_shape({{1, 3}, true}), {f32({1, 3}, true)}},
      {Op::Dropout, {f32({1, 3}, true), i64({})}, dropout(0.5), {f32({1, 3}, true)}},
      {Op::Matmul, {f32({1, 3}, true), f32({3, 4})}, {}, {f32({1, 4}, true)}},
      {Op::Matmul, {f32({1, 3}, true), f32({1, 4}, true)}, with_i({1}), {f32({3, 4})}},
      {Op::Matmul, {f32({1, 3}, true), f32({4, 3})}, with_i({0, 1, 1}), {f32({1, 4}, true)}},
      {Op::Sum, {f32({1, 3}, true)}, with_i({1}), {f32({3})}},
      {Op::Sum, {f32({1, 3}, true)}, with_i({1, 1}), {f32({1, 3})}},
      {Op::Sum, {f32({1, 3}, true)}, with_i({2, 1}), {f32({1, 1}, true)}},
      {Op::Sum, {f32({1, 3}, true)}, with_i({3}), {f32({})}},
      {Op::ArgMax, {f32({1, 3}, true)}, with_i({1}), {i64({1}, true)}},
      {Op::Xent, {f32({1, 5}, true), i64({1}, true)}, {}, {f32({1}, true), f32({1, 5}, true)}},
      {Op::XentGrad, {f32({2, 5}), f32({2, 5}), f32({2})}, {}, {f32({2, 5})}},
      {Op::OneHot, {i64({1}, true)}, with_dtype(DType::f32, 4), {f32({1, 4}, true)}},
      {Op::Reshape, {f32({1, 6}, true)}, with_shape({{1, 2, 3}, true}), {f32({1, 2, 3}, true)}},
      {Op::Reshape, {f32({1, 6}, true)}, with_shape({{2, 3}, true}), {f32({2, 3}, true)}},
      {Op::Transpose, {f32({1, 2, 3}, true)}, with_i({0, 2, 1}), {f32({1, 3, 2}, true)}},
      {Op::Concat, {f32({1, 2}, true), f32({1, 3}, true)}, with_i({1}), {f32({1, 5}, true)}},
      {Op::Slice, {f32({4, 9})}, with_i({1, 8, -3, 3}), {f32({4, 3})}},
      {Op::SliceGrad, {f32({4, 3})}, with_i({1, 8, -3, 9}), {f32({4, 9})}},
      {Op::Rows, {}, with_i({3}), {i64({})}},
  };
  for (const Accepted& c : cases) {
    std::string what = std::string("accept ") + name_of(c.op);
    bool good = false;
    try {
      good = infer(c.op, c.in, c.attrs) == c.out;
    } catch (const std::exception& e) {
      what += std::string(": ") + e.what();
    }
    check(good, what);
  }
}

struct Rejected {
  Op op;
  std::vector<ValueType> in;
  Attrs attrs;
  bool type_error;
  const char* says;
};

void test_rejected() {
  const ValueType f64{DType::f64, Shape{2}}, u8{DType::u8, Shape{2}};
  const std::vector<Rejected> cases = {
      {Op::Add, {f32({2, 3}), f32({2})}, {}, false, "shapes (2, 3) and (2,)"},
      {Op::Add, {f32({7}), f32({1}, true)}, {}, false, "(7,) and (None,)"},
      {Op::Add, {f32({1, 3}, true), f32({2, 3}, true)}, {}, false, "(2*None, 3)"},
      {Op::Add, {f32({1}, true), f32({1, 1}, true)}, {}, false, "leading axis"},
      {Op::Add, {f32({1}, true), f32({2, 1})}, {}, false, "leading axis"},
      {Op::Add, {f32({2}), f64}, {}, true, "float32 and float64"},
      {Op::Add, {b8({2}), b8({2})}, {}, true, "bool"},
      {Op::Add, {u8, u8}, {}, true, "uint8"},
      {Op::Add, {f32({2})}, {}, false, "1 operands came, 2 expected"},
      {Op::Divide, {i64({2}), i64({2})}, {}, true, "int64"},
      {Op::LogicalAnd, {f32({2}), f32({2})}, {}, true, "bool expected"},
      {Op::Where, {f32({2}), f32({2}), f32({2})}, {}, true, "bool condition"},
      {Op::Map, {i64({2})}, with_fn("exp"), true, "for exp"},
      {Op::BroadcastTo, {f32({3})}, with_shape({2, 2}), false, "(3,)"},
      {Op::BroadcastTo, {f32({2, 3})}, with_shape({1, 3}), false, "(2, 3)"},
      {Op::Dropout, {f32({2}), i64({})}, dropout(1), false, "rate"},
      {Op::Dropout, {f32({2}), i64({1})}, dropout(0.5), true, "counter"},
      {Op::Matmul, {f32({2, 3}), f32({4, 3})}, {}, false, "inner extents"},
      {Op::Matmul, {f32({3}), f32({3, 3})}, {}, false, "two axes"},
      {Op::Matmul, {f32({2, 3}), f32({1, 3}, true)}, with_i({0, 1}), false, "batch"},
      {Op::Matmul, {f32({2, 3}), f32({3, 5})}, with_i({0, 0, 1}), false, "5 columns"},
      {Op::Sum, {f32({2})}, with_i({2}), false, "axes"},
      {Op::Sum, {b8({2})}, with_i({1}), true, "bool"},
      {Op::ReduceMax, {f32({2, 0})}, with_i({2}), false, "empty"},
      {Op::ArgMax, {f32({2})}, with_i({1}), false, "axis 1"},
      {Op::Softmax, {f32({1}, true)}, {}, false, "last axis"},
      {Op::Xent, {f32({2, 5}), i64({5})}, {}, false, "(2,) expected"},
      {Op::Xent, {f32({2, 5}), f32({2, 4})}, {}, false, "equal shapes"},
      {Op::OneHot, {f32({2})}, with_dtype(DType::f32, 3), true, "int32 or int64"},
      {Op::Reshape, {f32({2, 3})}, with_shape({4, 2}), false, "(4, 2)"},
      {Op::Reshape, {f32({1, 3}, true)}, with_shape({3}), false, "(None, 3)"},
      {Op::Transpose, {f32({1, 3}, true)}, with_i({1, 0}), false, "batch"},
      {Op::Transpose, {f32({2, 3})}, with_i({1, 1}), false, "once"},
      {Op::Concat, {f32({2, 3}), f32({3, 3})}, with_i({1}), false, "axis 1"},
      {Op::Concat, {f32({1, 3}, true), f32({1, 3}, true)}, with_i({0}), false, "batch"},
      {Op::Slice, {f32({4})}, with_i({0, 2, 1, 3}), false, "extent 4"},
      {Op::Slice, {f32({4})}, with_i({0, 0, 0, 1}), false, "step 0"},
      {Op::Update, {f32({4})}, {}, false, "plans"},
  };
  for (const Rejected& c : cases) {
    std::string came = "nothing thrown";
    bool type_error = false;
    try {
      infer(c.op, c.in, c.attrs);
    } catch (const TypeError& e) {
      came = e.what();
      type_error = true;
    } catch (const std::invalid_argument& e) {
      came = e.what();
    }
    const bool good = type_error == c.type_error && came.find(c.says) != std::string::npos &&
                      came.find(name_of(c.op)) == 0;
    check(good, std::string("reject ") + name_of(c.op) + ": " + came);
  }
  bool overflow = false;
  try {
    Shape({int64_t{1} << 40, int64_t{1} << 40}).count();
  } catch (const std::invalid_argument&) {
    overflow = true;
  }
  check(overflow, "sizes beyond 64 bits are refused");
}

// The lines `differentiate` added.
std::string added(Graph& graph, const std::vector<ValueId>& targets,
                  const std::vector<ValueId>& sources, std::vector<ValueId>* grads = nullptr) {
  const size_t before = graph.str().size();
  const std::vector<ValueId> result =
      differentiate(graph, targets, std::vector<ValueId>(targets.size(), kNoValue), sources);
  if (grads) *grads = result;
  return graph.str().substr(before);
}

void expect_text(const std::string& came, const std::string& expected, const std::string& what) {
  check(came == expected, what + ", came:\n" + came + "expected:\n" + expected);
}

void test_printing() {
  Graph g;
  const ValueId x = g.input(f32({1, 3}, true)), w = g.parameter(0, f32({3, 4}));
  const ValueId y = g.add(Op::Map, {g.add(Op::Matmul, {x, w})}, with_fn("leaky_relu", 0.25));
  g.add(Op::Sum, {y}, with_i({3}));
  g.assign(0, g.add(Op::Add, {w, g.constant(1, DType::f32)}));
  expect_text(g.str(),
              "%0 = input #0 : float32 (None, 3)\n"
              "%1 = parameter #0 : float32 (3, 4)\n"
              "%2 = matmul [0,0,0] %0, %1 : float32 (None, 4)\n"
              "%3 = map [leaky_relu 0.25] %2 : float32 (None, 4)\n"
              "%4 = sum [axes 0,1] %3 : float32 ()\n"
              "%5 = constant #0 : float32 ()\n"
              "%6 = add %1, %5 : float32 (3, 4)\n"
              "assign #0 %6\n",
              "printing");
  const ValueId sum = g.add(Op::Add, {g.parameter(0, f32({3, 4})), w});
  g.assign(0, sum);
  check(g.producer(sum).inputs[0] == 6 && g.assigned().size() == 1 &&
            g.parameter(0, f32({3, 4})) == sum,
        "assigned twice");
  check(g.initial(0) == 1, "a parameter's current value");
}

// Layer with bias: flags instead of transposes, lane order for the input's gradient, column sum.
void test_dense_gradient() {
  Graph g;
  const ValueId x = g.input(f32({1, 3}, true)), w = g.parameter(0, f32({3, 8}));
  const ValueId b = g.parameter(1, f32({8}));
  const ValueId y =
      g.add(Op::Map, {g.add(Op::Add, {g.add(Op::Matmul, {x, w}), b})}, with_fn("relu"));
  std::vector<ValueId> grads;
  const std::string text = added(g, {y}, {x, w, b}, &grads);
  expect_text(text,
              "%6 = constant #0 : float32 ()\n"
              "%7 = broadcast_to %6 : float32 (None, 8)\n"
              "%8 = map_grad [relu] %5, %7 : float32 (None, 8)\n"
              "%9 = sum [axes 0] %8 : float32 (8,)\n"
              "%10 = matmul [0,1,1] %8, %1 : float32 (None, 3)\n"
              "%11 = matmul [1,0,0] %0, %8 : float32 (3, 8)\n",
              "dense layer");
  check(grads == std::vector<ValueId>({10, 11, 9}), "dense layer's gradients");
}

void test_matmul_flags() {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      Graph g;
      const ValueId a = g.input(ta ? f32({5, 2}) : f32({2, 5}));
      const ValueId b = g.input(tb ? f32({7, 5}) : f32({5, 7}));
      std::vector<ValueId> grads;
      added(g, {g.add(Op::Matmul, {a, b}, with_i({ta, tb}))}, {a, b}, &grads);
      check(g.type(grads[0]) == g.type(a) && g.type(grads[1]) == g.type(b),
            "matmul gradients have the operands' layouts");
      const Node &da = g.producer(grads[0]), &db = g.producer(grads[1]);
      check(da.attrs.i[2] == 0 && da.attrs.i[0] == (ta && tb) && da.attrs.i[1] == (ta || !tb),
            "flags of da");
      check(db.attrs.i[2] == 0 && db.attrs.i[0] == (tb || !ta) && db.attrs.i[1] == (ta && tb),
            "flags of db");
    }
  }
}

// The last consumer's contribution is stored, the first input's before the second's.
void test_accumulation_order() {
  Graph g;
  const ValueId x = g.input(f32({2}));
  const ValueId a = g.add(Op::Map, {x}, with_fn("exp")), b = g.add(Op::Multiply, {x, x});
  const ValueId y = g.add(Op::Add, {a, b});
  expect_text(added(g, {y}, {x}),
              "%4 = constant #0 : float32 ()\n"
              "%5 = broadcast_to %4 : float32 (2,)\n"
              "%6 = multiply %5, %0 : float32 (2,)\n"
              "%7 = multiply %5, %0 : float32 (2,)\n"
              "%8 = add %6, %7 : float32 (2,)\n"
              "%9 = map_grad [exp] %1, %5 : float32 (2,)\n"
              "%10 = add %8, %9 : float32 (2,)\n",
              "accumulation order");
}

void test_rules() {
  {
    Graph g;  // broadcasting is undone by a sum and a reshape
    const ValueId x = g.input(f32({1, 3}, true)), y = g.input(f32({1, 1}));
    std::vector<ValueId> grads;
    added(g, {g.add(Op::Multiply, {x, y})}, {y}, &grads);
    check(g.producer(grads[0]).op == Op::Reshape && g.type(grads[0]) == g.type(y) &&
              g.producer(g.producer(grads[0]).inputs[0]).attrs.i[0] == 3,
          "unbroadcast over both axes");
  }
  {
    Graph g;  // the second derivative of tanh, from the formula of the first
    const ValueId x = g.input(f32({2})), y = g.add(Op::Map, {x}, with_fn("tanh"));
    std::vector<ValueId> first, second;
    added(g, {y}, {x}, &first);
    const std::string text = added(g, first, {x}, &second);
    check(second[0] != kNoValue && text.find("map_grad [tanh]") != std::string::npos &&
              text.find("subtract") != std::string::npos,
          "second derivative of tanh:\n" + text);
  }
  {
    Graph g;  // constant slopes: zeros that no product made, a sign
    const ValueId x = g.input(f32({2}));
    std::vector<ValueId> grads;
    std::string text = added(g, {g.add(Op::Map, {x}, with_fn("floor"))}, {x}, &grads);
    check(grads[0] != kNoValue && text.find("map_grad") == std::string::npos, "floor: " + text);
    text = added(g, {g.add(Op::Map, {x}, with_fn("neg"))}, {x});
    check(text.find("map [neg]") != std::string::npos, "neg: " + text);
  }
  {
    Graph g;
    const ValueId x = g.input(f32({2})), n = g.input(i64({2}));
    const ValueId stopped = g.add(Op::StopGradient, {x});
    const ValueId through_int =
        g.add(Op::Cast, {g.add(Op::Cast, {x}, with_dtype(DType::i64))}, with_dtype(DType::f32));
    std::vector<ValueId> grads;
    const std::string text = added(g, {stopped, through_int}, {x, n}, &grads);
    check(grads[0] == kNoValue && grads[1] == kNoValue && text.empty(), "not connected: " + text);
  }
  {
    Graph g;  // loss and probabilities of one node both receive a gradient
    const ValueId z = g.input(f32({2, 5})), t = g.input(i64({2}));
    const ValueId loss = g.add(Op::Xent, {z, t});
    std::vector<ValueId> grads;
    const std::string text = added(g, {loss, g.output(loss, 1)}, {z}, &grads);
    check(g.producer(grads[0]).op == Op::Add && text.find("xent_grad") != std::string::npos,
          "xent: " + text);
  }
  {
    Graph g;
    const ValueId x = g.input(f32({1, 2, 3}, true)), c = g.input(i64({}));
    const ValueId d = g.add(Op::Dropout, {x, c}, dropout(0.25));
    std::vector<ValueId> grads;
    added(g, {d}, {x}, &grads);
    const Node& node = g.producer(grads[0]);
    check(node.op == Op::Dropout && node.inputs[1] == c && node.attrs == dropout(0.25),
          "dropout again with the same counter");
  }
}

// Every op with a rule, differentiated three times over: rules emit only what can be differentiated
// again, and each gradient has its source's type.
void test_every_rule_thrice() {
  const std::vector<Accepted> cases = {
      {Op::Add, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Subtract, {f32({2, 1}), f32({3})}, {}, {}},
      {Op::Multiply, {f32({1, 3}, true), f32({1, 1}, true)}, {}, {}},
      {Op::Divide, {f32({2, 3}), f32({})}, {}, {}},
      {Op::FloorDivide, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Mod, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Power, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Maximum, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Minimum, {f32({2, 3}), f32({3})}, {}, {}},
      {Op::Where, {b8({2, 1}), f32({3}), f32({})}, {}, {}},
      {Op::Cast, {f32({2, 1})}, with_dtype(DType::f64), {}},
      {Op::Dropout, {f32({2, 1}), i64({})}, dropout(0.5), {}},
      {Op::BroadcastTo, {f32({3})}, with_shape({{1, 3}, true}), {}},
      {Op::Matmul, {f32({1, 3}, true), f32({3, 4})}, {}, {}},
      {Op::Sum, {f32({1, 3, 4}, true)}, with_i({5}), {}},
      {Op::ReduceMax, {f32({1, 3, 4}, true)}, with_i({5, 1}), {}},
      {Op::ReduceMin, {f32({3, 4})}, with_i({2}), {}},
      {Op::Softmax, {f32({1, 3}, true)}, {}, {}},
      {Op::LogSoftmax, {f32({1, 3}, true)}, {}, {}},
      {Op::Xent, {f32({1, 5}, true), i64({1}, true)}, {}, {}},
      {Op::Xent, {f32({5}), f32({5})}, {}, {}},
      {Op::XentGrad, {f32({2, 5}), f32({2, 5}), f32({2})}, {}, {}},
      {Op::XentGrad, {f32({2, 5}), i64({2}), f32({2})}, {}, {}},
      {Op::Reshape, {f32({1, 6}, true)}, with_shape({{1, 2, 3}, true}), {}},
      {Op::Transpose, {f32({2, 3, 4})}, with_i({2, 0, 1}), {}},
      {Op::Concat, {f32({1, 2}, true), f32({1, 3}, true)}, with_i({1}), {}},
      {Op::Slice, {f32({4, 9})}, with_i({1, 8, -3, 3}), {}},
      {Op::SliceGrad, {f32({4, 3})}, with_i({1, 8, -3, 9}), {}},
  };
  std::vector<Accepted> all = cases;
  for (const std::string& name : function_names()) {
    all.push_back({Op::Map, {f32({1, 3}, true)}, with_fn(name.c_str(), 0.5), {}});
    all.push_back({Op::MapGrad, {f32({2}), f32({2})}, with_fn(name.c_str(), 0.5), {}});
  }
  for (const Accepted& c : all) {
    Graph g;
    std::vector<ValueId> inputs, sources;
    for (const ValueType& type : c.in) {
      inputs.push_back(g.input(type));
      if (is_float(type.dtype)) sources.push_back(inputs.back());
    }
    std::vector<ValueId> targets{g.add(c.op, inputs, c.attrs)};
    for (int k = 1; k < g.producer(targets[0]).outputs; ++k)
      targets.push_back(g.output(targets[0], k));
    for (int order = 1; order <= 3; ++order) {
      std::vector<ValueId> grads;
      added(g, targets, sources, &grads);
      targets.clear();
      for (size_t k = 0; k < grads.size(); ++k) {
        if (grads[k] == kNoValue) {
          check(order > 1, std::string("first gradient of ") + name_of(c.op));
          continue;
        }
        check(g.type(grads[k]) == g.type(sources[k]), std::string("type of a gradient of ") +
                                                          name_of(c.op) + " " +
                                                          g.type(grads[k]).shape.str());
        targets.push_back(grads[k]);
      }
    }
  }
}

void test_draws() {
  const auto normal = draw(Draw::normal, 20001, 1, 2, 7, 0, 0);
  double mean = 0, variance = 0;
  for (double x : normal) mean += x / 20001;
  for (double x : normal) variance += (x - mean) * (x - mean) / 20001;
  // 5 standard errors of the mean (2 / sqrt n) and of the variance (4 sqrt(2 / n)).
  check(std::abs(mean - 1) < 0.071 && std::abs(variance - 4) < 0.2, "normal draws");
  bool inside = true;
  for (double x : draw(Draw::truncated_normal, 5000, 0, 1, 7, 0, 0)) inside &= x >= -2 && x <= 2;
  for (double x : draw(Draw::uniform, 5000, -1, 3, 7, 0, 0)) inside &= x >= -1 && x < 3;
  check(inside, "draws stay in their range");
  check(draw(Draw::uniform, 3, 0, 1, 7, 0, 0) != draw(Draw::uniform, 3, 0, 1, 7, 0, 4),
        "streams differ");
  const auto order = shuffled(1000, 3, 1);
  std::vector<bool> seen(1000);
  for (int64_t i : order) seen[static_cast<size_t>(i)] = true;
  check(std::vector<bool>(1000, true) == seen, "a shuffle has every row once");
  check(order == shuffled(1000, 3, 1) && order != shuffled(1000, 3, 2), "a shuffle per epoch");
}

}  // namespace

int main() {
  test_accepted();
  test_rejected();
  test_printing();
  test_dense_gradient();
  test_matmul_flags();
  test_accumulation_order();
  test_rules();
  test_every_rule_thrice();
  test_draws();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
