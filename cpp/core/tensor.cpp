#include "core/tensor.h"

#include <cstring>
#include <mutex>

#include "core/lower.h"

namespace feedfwd {
namespace {

Ref whole(const ValueType& type, char* data, int64_t row_stride) {
  return {data, type.shape.view_rows(), type.shape.view_cols(), row_stride, 1, type.dtype};
}

Storage allocate(Backend& backend, int64_t elements, DType dtype) {
  const int64_t bytes = checked_mul(elements, static_cast<int64_t>(size_of(dtype)));
  return {backend.allocate(static_cast<size_t>(bytes)), 0};
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
}

void VariableImpl::set_dense(const void* host) {
  if (!backend) backend = get_backend("cpu");
  if (pending()) storage = allocate(*backend, layout.elements(), type.dtype);
  detach_reader();
  const char* from = static_cast<const char*>(host);
  each_row(layout.rows, layout.cols, layout.row_stride, size_of(type.dtype),
           [&](size_t there, size_t here, size_t bytes) {
             backend->upload(storage.data() + there, from + here, bytes);
           });
}

void VariableImpl::get_dense(void* host) const {
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
  variable->reader = t;
  return t;
}

Tensor concrete_like(const ValueType& type, std::shared_ptr<Backend> backend) {
  auto t = std::make_shared<TensorImpl>();
  t->type = type;
  t->storage = allocate(*backend, type.shape.count(), type.dtype);
  t->row_stride = type.shape.view_cols().n;
  t->backend = std::move(backend);
  return t;
}

Tensor from_host(const ValueType& type, const void* dense, std::shared_ptr<Backend> backend) {
  Tensor t = concrete_like(type, std::move(backend));
  t->backend->upload(t->storage.data(), dense,
                     static_cast<size_t>(type.shape.count()) * size_of(type.dtype));
  return t;
}

void to_host(const TensorImpl& t, void* dense) {
  each_row(t.type.shape.view_rows().n, t.type.shape.view_cols().n, t.row_stride,
           size_of(t.type.dtype), [&](size_t there, size_t here, size_t bytes) {
             t.backend->download(static_cast<char*>(dense) + here, t.storage.data() + there, bytes);
           });
}

Tensor scalar(double value, DType dtype, std::shared_ptr<Backend> backend) {
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

bool pack(const std::vector<Variable>& variables) {
  if (variables.empty()) return false;
  bool together = true;
  for (const Variable& v : variables) {
    v->materialize();
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
  for (size_t i = 0; i < variables.size(); ++i) variables[i]->move_to({arena, offset[i]});
  return true;
}

}  // namespace feedfwd
