#include "core/tensor.h"

#include <algorithm>
#include <cstring>

#include "core/float_state.h"
#include "core/host.h"
#include "core/lower.h"

namespace feedfwd {
namespace {

Ref whole(const ValueType& type, char* data, int64_t row_stride) {
  return {data, type.shape.view_rows(), type.shape.view_cols(), row_stride, 1, type.dtype};
}

int64_t bytes_of(int64_t elements, DType dtype) {
  return checked_mul(elements, static_cast<int64_t>(size_of(dtype)));
}

Storage allocate(Backend& backend, int64_t elements, DType dtype) {
  return {backend.allocate(static_cast<size_t>(bytes_of(elements, dtype))), 0};
}

// Rows of `cols` elements between a dense host array and strided backend memory.
template <class Move>
void each_row(int64_t rows, int64_t cols, int64_t stride, size_t element, Move move) {
  if (stride == cols || rows == 1) {
    move(0, 0, static_cast<size_t>(rows * cols) * element);
    return;
  }
  for (int64_t r = 0; r < rows; ++r)
    move(static_cast<size_t>(r * stride) * element, static_cast<size_t>(r * cols) * element,
         static_cast<size_t>(cols) * element);
}

}  // namespace

const ValueType& Arg::type() const { return tensor ? tensor->type : variable->type; }

Hold hold(const std::vector<Arg>& read, const std::vector<Variable>& written) {
  const auto claims = [&] {
    std::vector<Claim> all;
    for (const Arg& a : read) {
      if (a.variable) all.push_back({a.variable->guard, Access::shared});
      if (a.tensor && a.tensor->reads) all.push_back({a.tensor->guard, Access::shared});
    }
    for (const Variable& v : written) all.push_back({v->guard, Access::exclusive});
    return all;
  };
  for (;;) {
    const std::vector<Claim> wanted = claims();
    if (wanted.empty()) return {};
    Hold held(wanted);
    if (!held.waited()) return held;
    // pack() may have put a variable under another guard meanwhile.
    const std::vector<Claim> now = claims();
    if (std::equal(now.begin(), now.end(), wanted.begin(), wanted.end(),
                   [](const Claim& a, const Claim& b) { return a.guard == b.guard; }))
      return held;
  }
}

Variable make_variable(const ValueType& type, std::string name, bool trainable) {
  auto v = std::make_shared<VariableImpl>();
  v->type = type;
  v->name = std::move(name);
  v->trainable = trainable;
  v->layout = layout_of(type.shape);
  return v;
}

void VariableImpl::materialize() {
  if (!pending()) return;
  if (!make) throw std::invalid_argument("variable '" + name + "' has no value yet");
  make(*this);
  if (pending())
    throw std::invalid_argument("variable '" + name + "': its initializer set no value");
}

void VariableImpl::detach_reader() {
  Tensor alias = reader.lock();
  reader.reset();
  if (!alias || alias->reads != this) return;
  Storage own = allocate(*backend, layout.elements(), type.dtype);
  Instr copy{Op::Copy,
             {},
             {whole(type, storage.data(), layout.row_stride)},
             {whole(type, own.data(), layout.row_stride)},
             0};
  backend->run(copy);
  alias->storage = own;
  alias->reads = nullptr;
  alias->guard.reset();
}

void VariableImpl::set_dense(const void* host) {
  const Hold writing(guard, Access::exclusive);
  if (!backend) backend = get_backend("cpu");
  if (pending()) storage = allocate(*backend, layout.elements(), type.dtype);
  detach_reader();
  const Released free(layout.bytes(type.dtype) >= kLongCopy);
  upload(host);
}

void VariableImpl::upload(const void* host) {
  const char* from = static_cast<const char*>(host);
  each_row(layout.rows, layout.cols, layout.row_stride, size_of(type.dtype),
           [&](size_t there, size_t here, size_t bytes) {
             backend->upload(storage.data() + there, from + here, bytes);
           });
}

void VariableImpl::get_dense(void* host) const {
  const Hold reading(guard, Access::shared);
  const Released free(layout.bytes(type.dtype) >= kLongCopy);
  each_row(layout.rows, layout.cols, layout.row_stride, size_of(type.dtype),
           [&](size_t there, size_t here, size_t bytes) {
             backend->download(static_cast<char*>(host) + here, storage.data() + there, bytes);
           });
}

void VariableImpl::retype(DType dtype, std::shared_ptr<Backend> to) {
  const bool same = dtype == type.dtype && (pending() || to == backend);
  if (pending()) backend = to;
  if (same) return;
  if (pending()) {
    type.dtype = dtype;
    return;
  }
  const Hold writing(guard, Access::exclusive);
  detach_reader();
  const ValueType cast_type{dtype, type.shape};
  Storage cast = allocate(*backend, layout.elements(), dtype);
  Instr instr{Op::Cast,
              {},
              {whole(type, storage.data(), layout.row_stride)},
              {whole(cast_type, cast.data(), layout.row_stride)},
              0};
  instr.attrs.dtype = dtype;
  backend->run(instr);
  if (to != backend) {
    std::vector<std::byte> bytes(static_cast<size_t>(layout.elements()) * size_of(dtype));
    backend->download(bytes.data(), cast.data(), bytes.size());
    cast = allocate(*to, layout.elements(), dtype);
    to->upload(cast.data(), bytes.data(), bytes.size());
  }
  type.dtype = dtype;
  backend = std::move(to);
  storage = cast;
}

void VariableImpl::move_to(Storage to) {
  detach_reader();
  Instr copy{Op::Copy,
             {},
             {whole(type, storage.data(), layout.row_stride)},
             {whole(type, to.data(), layout.row_stride)},
             0};
  backend->run(copy);
  storage = std::move(to);
}

Tensor read(const Variable& variable) {
  variable->materialize();
  if (Tensor alias = variable->reader.lock(); alias && alias->reads == variable.get()) return alias;
  auto t = std::make_shared<TensorImpl>();
  t->type = variable->type;
  t->backend = variable->backend;
  t->storage = variable->storage;
  t->row_stride = variable->layout.row_stride;
  t->reads = variable.get();
  t->guard = variable->guard;
  variable->reader = t;
  return t;
}

Tensor concrete_like(const ValueType& type, std::shared_ptr<Backend> backend) {
  auto t = std::make_shared<TensorImpl>();
  t->type = type;
  const int64_t bytes = bytes_of(type.shape.count(), type.dtype);
  t->storage = {backend->allocate_unset(static_cast<size_t>(bytes)), 0};
  t->row_stride = type.shape.view_cols().n;
  t->backend = std::move(backend);
  return t;
}

Tensor from_host(const ValueType& type, const void* dense, std::shared_ptr<Backend> backend) {
  Tensor t = concrete_like(type, std::move(backend));
  const size_t bytes = static_cast<size_t>(type.shape.count()) * size_of(type.dtype);
  const Released free(static_cast<int64_t>(bytes) >= kLongCopy);
  t->backend->upload(t->storage.data(), dense, bytes);
  return t;
}

void to_host(const TensorImpl& t, void* dense) {
  const Guarded guard = t.reads ? t.guard : nullptr;
  const Hold reading = guard ? Hold(guard, Access::shared) : Hold();
  const Released free(t.type.shape.count() * static_cast<int64_t>(size_of(t.type.dtype)) >=
                      kLongCopy);
  each_row(t.type.shape.view_rows().n, t.type.shape.view_cols().n, t.row_stride,
           size_of(t.type.dtype), [&](size_t there, size_t here, size_t bytes) {
             t.backend->download(static_cast<char*>(dense) + here, t.storage.data() + there, bytes);
           });
}

Tensor on_backend(const Tensor& tensor, const std::shared_ptr<Backend>& backend) {
  if (tensor->backend == backend) return tensor;
  const int64_t bytes = bytes_of(tensor->type.shape.count(), tensor->type.dtype);
  std::vector<std::byte> dense(static_cast<size_t>(bytes));
  to_host(*tensor, dense.data());
  return from_host(tensor->type, dense.data(), backend);
}

Tensor scalar(double value, DType dtype, std::shared_ptr<Backend> backend) {
  const FloatState nearest;
  const ValueType type{dtype, Shape{}};
  switch (dtype) {
    case DType::f32: {
      const float v = static_cast<float>(value);
      return from_host(type, &v, std::move(backend));
    }
    case DType::f64:
      return from_host(type, &value, std::move(backend));
    case DType::i32: {
      const int32_t v = static_cast<int32_t>(value);
      return from_host(type, &v, std::move(backend));
    }
    case DType::i64: {
      const int64_t v = static_cast<int64_t>(value);
      return from_host(type, &v, std::move(backend));
    }
    default: {
      const uint8_t v = value != 0;
      return from_host(type, &v, std::move(backend));
    }
  }
}

Tensor placeholder(const ValueType& type) {
  auto t = std::make_shared<TensorImpl>();
  t->kind = TensorImpl::Kind::functional;
  t->type = type;
  return t;
}

void get_all(const std::vector<Variable>& variables, const std::vector<void*>& hosts) {
  std::vector<Arg> all;
  int64_t bytes = 0;
  for (const Variable& v : variables) {
    v->materialize();
    all.push_back(arg(v));
    bytes = checked_add(bytes, v->layout.bytes(v->type.dtype));
  }
  const Hold reading = hold(all);
  const Released free(bytes >= kLongCopy);
  for (size_t i = 0; i < variables.size(); ++i) variables[i]->get_dense(hosts[i]);
}

void set_all(const std::vector<Variable>& variables, const std::vector<const void*>& hosts) {
  const Hold writing = hold({}, variables);
  int64_t bytes = 0;
  std::vector<Storage> fresh(variables.size());
  for (size_t i = 0; i < variables.size(); ++i) {
    VariableImpl& v = *variables[i];
    bytes = checked_add(bytes, v.layout.bytes(v.type.dtype));
    if (!v.backend) v.backend = get_backend("cpu");
    if (v.pending()) fresh[i] = allocate(*v.backend, v.layout.elements(), v.type.dtype);
    if (!v.pending()) v.detach_reader();
  }
  // From here on nothing allocates.
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i]->pending()) variables[i]->storage = fresh[i];
  const Released free(bytes >= kLongCopy);
  for (size_t i = 0; i < variables.size(); ++i) variables[i]->upload(hosts[i]);
}

bool pack(const std::vector<Variable>& variables) {
  if (variables.empty()) return false;
  bool together = true;
  for (const Variable& v : variables) v->materialize();
  const Hold writing = hold({}, variables);
  for (const Variable& v : variables) {
    together &= v->storage.block.data == variables[0]->storage.block.data;
  }
  if (together) return false;
  const auto rank = [](const Variable& v) {
    return v->trainable ? (v->type.shape.rank >= 2 ? 0 : 1) : 2;
  };
  std::vector<int64_t> offset(variables.size());
  int64_t total = 0;
  for (int pass = 0; pass < 3; ++pass)
    for (size_t i = 0; i < variables.size(); ++i) {
      const VariableImpl& v = *variables[i];
      if (rank(variables[i]) != pass) continue;
      offset[i] = total;
      const int64_t bytes =
          checked_mul(v.layout.elements(), static_cast<int64_t>(size_of(v.type.dtype)));
      total = checked_add(total, round_up(bytes, 64));
    }
  const Block arena = variables[0]->backend->allocate(static_cast<size_t>(total));
  // From here on nothing fails: no variable stays behind.
  for (const Variable& v : variables) v->detach_reader();
  const auto one = std::make_shared<AccessGuard>();
  for (size_t i = 0; i < variables.size(); ++i) {
    variables[i]->move_to({arena, offset[i]});
    variables[i]->guard = one;
  }
  return true;
}

}  // namespace feedfwd
