// A whole training run whose weights have one hash on every machine, instruction set and thread
// count. Another hash is another version of the numerics contract (docs/numerics.md).
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "core/functions.h"
#include "core/math/optimizers.h"
#include "core/program.h"
#include "core/random.h"

using namespace feedfwd;

namespace {

struct Net {
  Graph graph;
  std::vector<ValueType> variables;
  ValueId loss = kNoValue;
  std::vector<ValueId> weights;
};

ValueId map(Graph& g, const char* function, ValueId x, double alpha = 0) {
  Attrs a;
  a.fn = function_id(function);
  a.f[0] = alpha;
  return g.add(Op::Map, {x}, a);
}

// 37-131-67-7 with gelu, dropout and tanh, softmax cross-entropy; odd widths, so that every edge is
// used.
Net make_net(DType dtype) {
  Net net;
  Graph& g = net.graph;
  const int widths[] = {37, 131, 67, 7};
  ValueId h = g.input({dtype, Shape({1, 37}, true)});
  const ValueId labels = g.input({DType::i64, Shape({1}, true)});
  const char* functions[] = {"gelu", "tanh", nullptr};
  int index = 0;
  const ValueId counter = g.parameter(6, {DType::i64, Shape{}});
  for (int layer = 0; layer < 3; ++layer) {
    const ValueType w{dtype, Shape({widths[layer], widths[layer + 1]})};
    const ValueType b{dtype, Shape({widths[layer + 1]})};
    net.variables.push_back(w);
    net.variables.push_back(b);
    const ValueId kernel = g.parameter(index++, w), bias = g.parameter(index++, b);
    net.weights.push_back(kernel);
    net.weights.push_back(bias);
    h = g.add(Op::Add, {g.add(Op::Matmul, {h, kernel}), bias});
    if (functions[layer]) h = map(g, functions[layer], h);
    if (layer == 0) {
      Attrs drop;
      drop.f[0] = 0.25;
      drop.i[0] = 7;
      drop.i[1] = stream_of(1, Purpose::dropout);
      h = g.add(Op::Dropout, {h, counter}, drop);
    }
  }
  Attrs all, count, to;
  all.i[0] = 1;
  count.i[0] = 1;
  to.dtype = dtype;
  const ValueId sum = g.add(Op::Sum, {g.add(Op::Xent, {h, labels})}, all);
  net.loss = g.add(Op::Divide, {sum, g.add(Op::Cast, {g.add(Op::Rows, {}, count)}, to)});
  net.variables.push_back({DType::i64, Shape{}});
  g.assign(6, g.add(Op::Add, {counter, g.constant(1, DType::i64)}));
  return net;
}

template <class T>
std::vector<T> drawn(Draw kind, int64_t n, double a, double b, uint32_t stream) {
  const std::vector<double> values = draw(kind, n, a, b, 3, 0, stream);
  return {values.begin(), values.end()};
}

uint64_t fnv(uint64_t hash, const void* data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 1099511628211ull;
  return hash;
}

template <class T>
uint64_t trained(DType dtype, int shards) {
  Net net = make_net(dtype);
  const std::shared_ptr<Backend> backend = make_cpu_backend();
  const std::vector<ValueId> gradients =
      differentiate(net.graph, {net.loss}, {kNoValue}, net.weights);
  PlanRequest request;
  request.input_types = {dtype, DType::i64};
  request.loss = net.loss;
  request.capacity = 50;
  request.shards = shards;
  request.per_step = {6};
  request.has_update = true;
  request.update.optimizer = 1;
  request.update.slots = 2;
  for (int i = 0; i < 6; ++i) request.update.gradients.emplace_back(i, gradients[i]);
  Bindings bindings;
  for (size_t i = 0; i < net.variables.size(); ++i) {
    const ValueType& type = net.variables[i];
    const Layout layout = layout_of(type.shape);
    const size_t bytes = static_cast<size_t>(layout.elements()) * size_of(type.dtype);
    bindings.variables.push_back({backend->allocate(bytes), 0});
    bindings.slots.emplace_back();
    if (i == 6) continue;
    for (int s = 0; s < 2; ++s) bindings.slots.back().push_back({backend->allocate(bytes), 0});
    if (type.shape.rank == 1) continue;
    const auto values = drawn<T>(Draw::truncated_normal, layout.rows * layout.cols, 0, 0.15,
                                 static_cast<uint32_t>(i));
    for (int64_t r = 0; r < layout.rows; ++r)
      std::memcpy(static_cast<T*>(bindings.variables[i].block.data) + r * layout.row_stride,
                  values.data() + r * layout.cols, static_cast<size_t>(layout.cols) * sizeof(T));
  }
  const int64_t rows = 523;
  const auto x = drawn<T>(Draw::normal, rows * 37, 0, 1, 100);
  std::vector<int64_t> labels;
  for (double u : draw(Draw::uniform, rows, 0, 7, 3, 0, 101))
    labels.push_back(static_cast<int64_t>(u));
  Program program(net.graph, make_plan(net.graph, request), backend, bindings);
  program.bind({{backend->adopt(x.data(), x.size() * sizeof(T), nullptr), dtype, rows, 37},
                {backend->adopt(labels.data(), labels.size() * 8, nullptr), DType::i64, rows, 1}});
  const int64_t steps = (rows + 49) / 50;
  const double hyper[math::kMaxHyper] = {0.9, 0.999, 1e-7};
  for (uint32_t epoch = 0; epoch < 3; ++epoch) {
    const std::vector<int64_t> order = shuffled(rows, 3, epoch);
    std::vector<double> scalars(static_cast<size_t>(steps) * kStepScalars),
        losses(static_cast<size_t>(steps));
    for (int64_t s = 0; s < steps; ++s)
      math::Adam::scalars(hyper, 0.003, epoch * steps + s + 1, scalars.data() + s * kStepScalars);
    Program::Run run;
    run.total_rows = rows;
    run.batch_size = 50;
    run.steps = steps;
    run.order = order.data();
    run.scalars = scalars.data();
    run.losses = losses.data();
    CHECK(program.run(run).bad_step == -1);
  }
  uint64_t hash = 14695981039346656037ull;
  for (size_t i = 0; i < net.variables.size(); ++i) {
    const Layout layout = layout_of(net.variables[i].shape);
    hash = fnv(hash, bindings.variables[i].block.data,
               static_cast<size_t>(layout.elements()) * size_of(net.variables[i].dtype));
  }
  return hash;
}

}  // namespace

int main() {
  const struct {
    int shards;
    uint64_t f32, f64;
  } golden[] = {{1, 0xd81fde127bc59933, 0x9f358ea4076e1969},
                {3, 0xd3e4f9024db7ed94, 0x927337fefdbf0caa}};
  for (int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (const auto& g : golden) {
      const uint64_t f32 = trained<float>(DType::f32, g.shards);
      const uint64_t f64 = trained<double>(DType::f64, g.shards);
      std::printf("threads %d shards %d: 0x%016llx 0x%016llx\n", threads, g.shards,
                  static_cast<unsigned long long>(f32), static_cast<unsigned long long>(f64));
      CHECK(f32 == g.f32);
      CHECK(f64 == g.f64);
    }
  }
  return test::check_summary();
}
