// plan and Program: fused, shuffled, in-place and sharded plans against the plain one, on a backend
// that runs groups tile by tile and so notices what is not legal.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>

#include "core/program.h"
#include "plan_interpreter.h"

namespace {

using namespace feedfwd;
using feedfwd::testing::Interpreter;

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

bool throws(const std::function<void()>& f, const std::string& word) {
  try {
    f();
  } catch (const std::exception& e) {
    return std::string(e.what()).find(word) != std::string::npos;
  }
  return false;
}

struct Case {
  Graph graph;
  std::vector<Shape> variables;
  PlanRequest request;
};

struct Result {
  std::vector<double> numbers;  // losses, variables with their pads, outputs
  bool operator==(const Result& other) const {
    return numbers.size() == other.numbers.size() &&
           std::memcmp(numbers.data(), other.numbers.data(), numbers.size() * 8) == 0;
  }
};

constexpr int64_t kRows = 11, kWidth = 6, kBatch = 4;

Result execute(const Case& c, const PlanRequest& request,
               std::shared_ptr<Interpreter> backend = nullptr) {
  if (!backend) backend = std::make_shared<Interpreter>();
  Bindings bindings;
  std::mt19937_64 random(7);
  const auto number = [&] { return static_cast<double>(random() % 2001) / 1000 - 1; };
  for (const Shape& shape : c.variables) {
    const Layout layout = layout_of(shape);
    const Block block = backend->allocate(layout.elements() * 8);
    for (int64_t r = 0; r < layout.rows; ++r) {
      for (int64_t k = 0; k < layout.cols; ++k) {
        static_cast<double*>(block.data)[r * layout.row_stride + k] = number();
      }
    }
    bindings.variables.push_back({block, 0});
  }
  bindings.slots.resize(bindings.variables.size());
  Program program(c.graph, make_plan(c.graph, request), backend, bindings);
  const Block data = backend->allocate(kRows * kWidth * 8);
  for (int64_t k = 0; k < kRows * kWidth; ++k) static_cast<double*>(data.data)[k] = number();
  program.bind({{data, DType::f64, kRows, kWidth}});
  std::vector<int64_t> order(kRows);
  for (int64_t k = 0; k < kRows; ++k) order[k] = kRows - 1 - k;
  Result result;
  std::vector<double> losses(2);
  Program::Run run{kRows, kBatch, 0, 2, order.data(), true, nullptr, losses.data()};
  program.run(run);
  result.numbers = losses;
  run.first_row = 2 * kBatch;  // the ragged last batch
  run.steps = 1;
  run.order_changed = false;
  program.run(run);
  result.numbers.push_back(losses[0]);
  for (size_t v = 0; v < c.variables.size(); ++v) {
    const double* p = reinterpret_cast<const double*>(bindings.variables[v].data());
    result.numbers.insert(result.numbers.end(), p, p + layout_of(c.variables[v]).elements());
  }
  for (size_t k = 0; k < program.plan().outputs.size(); ++k) {
    const Shape& shape = program.plan().outputs[k].shape;
    std::vector<double> out(shape.count() * (shape.batch ? kRows % kBatch : 1));
    program.read_output(static_cast<int>(k), kRows % kBatch, out.data());
    result.numbers.insert(result.numbers.end(), out.begin(), out.end());
  }
  return result;
}

Attrs sum_over(int64_t mask) {
  Attrs attrs;
  attrs.i[0] = mask;
  return attrs;
}

Attrs transposed(bool a, bool b) {
  Attrs attrs;
  attrs.i = {a, b};
  return attrs;
}

void request_training(Case& c, ValueId loss, std::vector<std::pair<int, ValueId>> gradients) {
  c.request.input_types = {DType::f64};
  c.request.loss = loss;
  c.request.has_update = true;
  c.request.update.gradients = std::move(gradients);
  c.request.capacity = kBatch;
}

// map(x W0 + b1) W2 + b3 against the constant 0.5; squared error summed; gradients by hand.
Case two_layers() {
  Case c;
  Graph& g = c.graph;
  c.variables = {{6, 7}, {7}, {7, 5}, {5}};
  const ValueId x = g.input({DType::f64, Shape({1, kWidth}, true)});
  std::vector<ValueId> p;
  for (int k = 0; k < 4; ++k) p.push_back(g.parameter(k, {DType::f64, c.variables[k]}));
  const ValueId h = g.add(Op::Map, {g.add(Op::Add, {g.add(Op::Matmul, {x, p[0]}), p[1]})});
  const ValueId y = g.add(Op::Add, {g.add(Op::Matmul, {h, p[2]}), p[3]});
  const ValueId d = g.add(Op::Subtract, {y, g.constant(0.5, DType::f64)});
  const ValueId loss = g.add(Op::Sum, {g.add(Op::Multiply, {d, d})}, sum_over(3));
  const ValueId gy = g.add(Op::Add, {d, d});
  const ValueId gh = g.add(Op::Matmul, {gy, p[2]}, transposed(false, true));
  const ValueId gw2 = g.add(Op::Matmul, {h, gy}, transposed(true, false));
  const ValueId gz = g.add(Op::MapGrad, {h, gh});
  const ValueId gw0 = g.add(Op::Matmul, {x, gz}, transposed(true, false));
  request_training(c, loss,
                   {{0, gw0},
                    {2, gw2},
                    {1, g.add(Op::Sum, {gz}, sum_over(1))},
                    {3, g.add(Op::Sum, {gy}, sum_over(1))}});
  c.request.outputs = {y, p[0]};
  return c;
}

// Written from the formulas, with none of the code under test.
std::vector<double> two_layer_losses() {
  std::mt19937_64 random(7);
  const auto fill = [&](size_t n) {
    std::vector<double> v(n);
    for (double& x : v) x = static_cast<double>(random() % 2001) / 1000 - 1;
    return v;
  };
  auto w0 = fill(42), b1 = fill(7), w2 = fill(35), b3 = fill(5);
  const auto x = fill(kRows * kWidth);
  std::vector<double> losses;
  for (int64_t first = 0; first < kRows; first += kBatch) {
    std::vector<double> g0(42), g1(7), g2(35), g3(5);
    double loss = 0;
    for (int64_t r = first; r < std::min(first + kBatch, kRows); ++r) {
      const double* row = &x[(kRows - 1 - r) * kWidth];
      double h[7], gy[5];
      for (int j = 0; j < 7; ++j) {
        h[j] = b1[j];
        for (int k = 0; k < 6; ++k) h[j] += row[k] * w0[k * 7 + j];
        h[j] /= 1 + std::fabs(h[j]);
      }
      for (int j = 0; j < 5; ++j) {
        double y = b3[j];
        for (int k = 0; k < 7; ++k) y += h[k] * w2[k * 5 + j];
        loss += (y - 0.5) * (y - 0.5);
        gy[j] = 2 * (y - 0.5);
        g3[j] += gy[j];
        for (int k = 0; k < 7; ++k) g2[k * 5 + j] += h[k] * gy[j];
      }
      for (int k = 0; k < 7; ++k) {
        double gh = 0;
        for (int j = 0; j < 5; ++j) gh += gy[j] * w2[k * 5 + j];
        const double gz = gh * (1 - std::fabs(h[k])) * (1 - std::fabs(h[k]));
        g1[k] += gz;
        for (int i = 0; i < 6; ++i) g0[i * 7 + k] += row[i] * gz;
      }
    }
    losses.push_back(loss);
    const auto step = [](std::vector<double>& w, const std::vector<double>& g) {
      for (size_t k = 0; k < w.size(); ++k) w[k] -= 0.01 * g[k];
    };
    step(w0, g0), step(b1, g1), step(w2, g2), step(b3, g3);
  }
  return losses;
}

// A graph of up to 30 random ops on (None, 6) values, weights read many times, gradients, assigned
// variables.
Case random_case(uint64_t seed) {
  Case c;
  Graph& g = c.graph;
  std::mt19937_64 random(seed);
  c.variables = {{6, 6}, {6, 6}, {6}, {6, 6}, {6, 6}};
  std::vector<ValueId> p;
  for (int k = 0; k < 5; ++k) p.push_back(g.parameter(k, {DType::f64, c.variables[k]}));
  std::vector<ValueId> v{g.input({DType::f64, Shape({1, kWidth}, true)})};
  const auto any = [&] { return v[random() % v.size()]; };
  const int n = 5 + static_cast<int>(random() % 25);
  for (int k = 0; k < n; ++k) {
    const ValueId a = g.add(Op::Map, {any()});
    switch (random() % 7) {
      case 0:
        v.push_back(g.add(Op::Matmul, {a, p[random() % 2]}, transposed(false, random() % 2)));
        break;
      case 1:
        v.push_back(g.add(Op::Add, {a, p[2]}));
        break;
      case 2:
        v.push_back(g.add(Op::Subtract, {a, g.add(Op::Sum, {any()}, sum_over(1))}));
        break;
      case 3:
        v.push_back(g.add(Op::Multiply, {a, any()}));
        break;
      case 4:
        v.push_back(g.add(Op::StopGradient, {a}));
        break;
      case 5:
        v.push_back(g.add(Op::Add, {a, g.add(Op::Matmul, {a, p[0]})}));
        break;
      default:
        v.push_back(g.add(Op::MapGrad, {a, any()}));
        break;
    }
  }
  const ValueId loss = g.add(Op::Sum, {any()}, sum_over(3));
  std::vector<std::pair<int, ValueId>> gradients;
  for (int k = 0; k < 2; ++k)
    gradients.emplace_back(k, g.add(Op::Matmul, {any(), any()}, transposed(true, false)));
  if (random() % 2) gradients[1].second = g.add(Op::Add, {gradients[1].second, p[random() % 2]});
  if (random() % 4 == 0) gradients[1].second = gradients[0].second;
  if (random() % 4 == 0) {
    gradients[1].second = g.add(Op::Matmul, {p[1], p[1]}, transposed(random() % 2, random() % 2));
  }
  gradients.emplace_back(2, g.add(Op::Sum, {any()}, sum_over(1)));
  request_training(c, loss, std::move(gradients));
  c.request.outputs = {any(), v.back(), p[random() % 5]};
  g.assign(3, p[4]);  // the two change places
  g.assign(4, random() % 2 ? p[3] : c.request.update.gradients[0].second);
  if (random() % 3 == 0) c.request.update.clip = Clip::global_norm;
  if (random() % 3 == 0) c.request.update.clip = Clip::norm;
  c.request.update.clip_at = 0.5;
  return c;
}

int fused_followers(const Plan& plan) {
  int n = 0;
  for (const PlanInstr& i : plan.instrs) n += i.fused;
  return n;
}

void test_two_layers() {
  const Case c = two_layers();
  const Plan plan = make_plan(c.graph, c.request);
  const auto want = two_layer_losses();
  const Result got = execute(c, c.request);
  for (int k = 0; k < 3; ++k) {
    check(std::fabs(got.numbers[k] - want[k]) <= 1e-12 * std::fabs(want[k]),
          "loss of step " + std::to_string(k));
  }
  // Bias, activation; bias and the loss' terms; activation gradient; both updates of matrices.
  std::string groups;
  for (size_t i = 0; i < plan.instrs.size(); ++i) {
    if (plan.instrs[i].op != Op::Matmul) continue;
    for (int k = 1; k <= plan.instrs[i].fused; ++k)
      groups += std::string(name_of(plan.instrs[i + k].op)) + " ";
    groups += "| ";
  }
  check(groups == "add map | add subtract multiply add | map_grad | update | update | ",
        "groups: " + groups);
  check(plan.str() == make_plan(c.graph, c.request).str(), "the same plan twice");
  PlanRequest request = c.request;
  request.update.decayed = {2};
  for (const PlanInstr& i : make_plan(c.graph, request).instrs) {
    if (i.op == Op::Update)
      check(i.attrs.i[1] == (i.out[0].index == 2), "weight decay by variable");
  }
  request = c.request;
  request.has_update = false;
  request.loss = kNoValue;
  request.outputs = {c.request.outputs[0]};
  check(make_plan(c.graph, request).instrs.size() == 7,
        "only what is needed:\n" + make_plan(c.graph, request).str());
  // A gradient is summed over the rows, so shards give the same but for rounding.
  for (int shards : {2, 3, 4}) {
    request = c.request;
    request.outputs = {};
    request.shards = shards;
    request.loss = kNoValue;
    const Plan sharded = make_plan(c.graph, request);
    const auto adds = std::count_if(
        sharded.instrs.begin(), sharded.instrs.end(),
        [](const PlanInstr& i) { return i.op == Op::Add && i.out[0].space == Space::gradient; });
    check(adds == 4 * (shards - 1), "additions of shards");
    check(sharded.gradient_arenas == (shards == 2 ? 2 : shards == 3 ? 2 : 3), "gradient arenas");
    const Result parts = execute(c, request);
    double worst = 0;
    for (size_t k = 3; k < parts.numbers.size(); ++k) {
      worst = std::max(worst, std::fabs(parts.numbers[k] - got.numbers[k]));
    }
    check(worst < 1e-13, "weights of " + std::to_string(shards) + " shards");
  }
}

void test_random() {
  int followers = 0;
  int64_t reused = 0, apart = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Case c = random_case(seed);
    PlanRequest request = c.request;
    request.fuse = false;
    request.guard = true;  // every slot has a place of its own: the plainest plan
    const Result want = execute(c, request);
    apart += make_plan(c.graph, request).work_bytes;
    const std::string name = "graph " + std::to_string(seed);
    check(execute(c, c.request) == want, name + " fused");
    followers += fused_followers(make_plan(c.graph, c.request));
    PlanRequest tight = c.request;
    tight.roomy_bytes = 0;
    reused += make_plan(c.graph, tight).work_bytes;
    for (const bool fuse : {false, true}) {
      request = tight;
      request.fuse = fuse;
      request.order_seed = seed;
      check(execute(c, request) == want, name + (fuse ? " shuffled and fused" : " shuffled"));
    }
    check(make_plan(c.graph, c.request).str() == make_plan(c.graph, c.request).str(),
          name + " twice");
  }
  check(followers > 1000, "random graphs have groups");
  check(reused * 2 < apart, "the arena is used again");
}

// Variables that change places, and a counter once a step or once a shard.
void test_assigned() {
  Case c;
  Graph& g = c.graph;
  c.variables = {{6, 6}, {6, 6}, {}};
  std::vector<ValueId> p;
  for (int k = 0; k < 3; ++k) p.push_back(g.parameter(k, {DType::f64, c.variables[k]}));
  g.input({DType::f64, Shape({1, kWidth}, true)});
  c.request.input_types = {DType::f64};
  c.request.capacity = kBatch;
  c.request.write_back = false;
  const Result before = execute(c, c.request);
  g.assign(0, p[1]);
  g.assign(1, p[0]);
  g.assign(2, g.add(Op::Add, {p[2], g.constant(1, DType::f64)}));
  c.request.write_back = true;
  for (const int shards : {1, 3}) {
    for (const bool per_step : {false, true}) {
      c.request.shards = shards;
      c.request.per_step = per_step ? std::vector<int>{2} : std::vector<int>{};
      const Result after = execute(c, c.request);
      const double counted = after.numbers.back() - before.numbers.back();
      const int64_t n = layout_of(c.variables[0]).elements();
      // Three steps: an odd number of exchanges with one shard and with three.
      const bool swapped =
          std::equal(&after.numbers[3], &after.numbers[3 + n], &before.numbers[3 + n]) &&
          std::equal(&after.numbers[3 + n], &after.numbers[3 + 2 * n], &before.numbers[3]);
      check(swapped, "two variables change places");
      check(std::fabs(counted - 3 * (per_step ? 1 : shards)) < 1e-12,
            "a counter counts steps or shards");
    }
  }
}

void test_guards() {
  Case c = two_layers();
  c.request.guard = true;
  c.request.fuse = false;
  const Plan plan = make_plan(c.graph, c.request);
  const auto backend = std::make_shared<Interpreter>();
  for (size_t i = 0; i < plan.instrs.size(); ++i) {
    if (plan.instrs[i].op == Op::Map) backend->instr_overrun = static_cast<int>(i);
  }
  check(throws([&] { execute(c, c.request, backend); }, "beside slot"),
        "a write beside a slot is found");
}

void test_refusals() {
  const Case c = two_layers();
  PlanRequest request = c.request;
  request.shards = 2;
  check(throws([&] { make_plan(c.graph, request); }, "several shards"), "rows out of shards");
  request = c.request;
  request.capacity = INT64_MAX / 8;
  check(throws([&] { make_plan(c.graph, request); }, "too large"), "overflow");
  request = c.request;
  request.input_types = {};
  check(throws([&] { make_plan(c.graph, request); }, "input types"), "input types");
  const auto backend = std::make_shared<Interpreter>();
  request = c.request;
  Bindings bindings;
  for (const Shape& s : c.variables)
    bindings.variables.push_back({backend->allocate(layout_of(s).elements() * 8), 0});
  bindings.slots.resize(4);
  Program program(c.graph, make_plan(c.graph, request), backend, bindings);
  const Block data = backend->allocate(kRows * kWidth * 8);
  check(throws([&] { program.bind({{data, DType::f32, kRows, kWidth}}); }, "float64"),
        "dtype of data");
  check(throws([&] { program.bind({}); }, "0 arrays"), "number of arrays");
  program.bind({{data, DType::f64, 0, kWidth}});
  check(program.run({0, kBatch, 0, 0}).index == -1, "no rows, no steps");
  check(throws([&] { program.run({0, kBatch, 0, 1}); }, "beyond"), "a step beyond the data");
  check(throws([&] { program.run({0, kBatch + 1, 0, 0}); }, "at most"),
        "a batch beyond the capacity");
}

}  // namespace

int main() {
  test_two_layers();
  test_random();
  test_assigned();
  test_guards();
  test_refusals();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
