#include "arrays.h"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "core/fingerprint.h"
#include "core/float_state.h"
#include "gil.h"

namespace feedfwd::bindings {
namespace {

constexpr size_t kLong = 1 << 16;  // bytes read without the interpreter

bool is_plain(py::handle x) {
  const auto& api = py::detail::npy_api::get();
  constexpr int kPlain =
      py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if (reinterpret_cast<PyObject*>(Py_TYPE(x.ptr())) !=
      reinterpret_cast<PyObject*>(api.PyArray_Type_))
    return false;
  const auto* array = py::detail::array_proxy(x.ptr());
  if ((array->flags & kPlain) != kPlain || array->nd < 1) return false;
  const py::dtype dtype = py::reinterpret_borrow<py::dtype>(array->descr);
  const auto size = dtype.itemsize();
  return dtype.kind() == 'f' && dtype.byteorder() == '=' && (size == 4 || size == 8);
}

// Numbers that are looked at in one go.
constexpr size_t kBlock = 4096;

// Without a branch for each number, so that it is done many at a time; NaN compares as too large.
template <class T>
bool are_within(const T* values, size_t count, T limit) {
  int beyond = 0;
  for (size_t i = 0; i < count; ++i) beyond |= !(std::fabs(values[i]) <= limit);
  return !beyond;
}

// The numbers of a plain array. Taken while the interpreter is held: what an array says of itself
// counts references.
struct Numbers {
  const void* data;
  size_t count, size;  // of one: bytes

  explicit Numbers(const py::array& a)
      : data(a.data()),
        count(static_cast<size_t>(a.size())),
        size(static_cast<size_t>(a.itemsize())) {}
  size_t bytes() const { return count * size; }
};

// Calls piece(values, count, limit) for pieces of the numbers until one says false; the limit is
// what finite ones are within, also as a float32 where `single`.
template <class Piece>
bool all_of_pieces(const Numbers& numbers, bool single, Piece piece) {
  const auto walk = [&](auto limit) {
    const auto* values = static_cast<const decltype(limit)*>(numbers.data);
    for (size_t first = 0; first < numbers.count; first += kBlock) {
      if (!piece(values + first, std::min(numbers.count - first, kBlock), limit)) return false;
    }
    return true;
  };
  constexpr float kMost = std::numeric_limits<float>::max();
  if (numbers.size == sizeof(float)) return walk(kMost);
  return walk(single ? double{kMost} : std::numeric_limits<double>::max());
}

// Whether the array is plain and every number in it finite, also as a float32 where `single`.
bool all_fit(py::handle x, bool single) {
  if (!is_plain(x)) return false;
  const Numbers numbers(py::reinterpret_borrow<py::array>(x));
  const Released free(numbers.bytes() >= kLong);
  const FloatState nearest;
  return all_of_pieces(numbers, single, [](const auto* values, size_t count, auto limit) {
    return are_within(values, count, limit);
  });
}

uint64_t hash_of(const void* data, size_t bytes, uint64_t seed) {
  const Released free(bytes >= kLong);
  return fingerprint(data, bytes, seed);
}

uint64_t hash_buffer(const py::buffer& data, uint64_t seed) {
  const py::buffer_info info = data.request();
  if (!PyBuffer_IsContiguous(info.view(), 'C'))
    throw std::invalid_argument("fingerprint: expected contiguous memory");
  return hash_of(info.ptr, static_cast<size_t>(info.size * info.itemsize), seed);
}

// What NumPy says of an array: "<f4 (32, 8)".
std::string described(const py::array& a) {
  const py::dtype dtype = a.dtype();
  const char native = std::endian::native == std::endian::little ? '<' : '>';
  std::string text(1, dtype.byteorder() == '=' ? native : dtype.byteorder());
  text += dtype.kind() + std::to_string(dtype.itemsize()) + " (";
  for (py::ssize_t i = 0; i < a.ndim(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(a.shape(i));
  return text + (a.ndim() == 1 ? ",)" : ")");
}

uint64_t hash_of_kind(const py::array& a, uint64_t seed) {
  const std::string text = described(a);
  return fingerprint(text.data(), text.size(), seed);
}

// Of dtypes, shapes and bytes, one array after the other.
uint64_t hash_arrays(const std::vector<py::array>& arrays, uint64_t seed) {
  for (const py::array& a : arrays) {
    if (!(a.flags() & py::array::c_style))
      throw std::invalid_argument("fingerprint: expected contiguous memory");
    seed = hash_of(a.data(), static_cast<size_t>(a.nbytes()), hash_of_kind(a, seed));
  }
  return seed;
}

// hash_arrays of one that all_fit() says yes to, else nothing: memory is read once for both.
std::optional<uint64_t> fingerprint_if_fits(py::handle x, bool single) {
  if (!is_plain(x)) return {};
  const auto array = py::reinterpret_borrow<py::array>(x);
  const Numbers numbers(array);
  Fingerprint hash(hash_of_kind(array, 0));
  const Released free(numbers.bytes() >= kLong);
  const FloatState nearest;
  const bool fit =
      all_of_pieces(numbers, single, [&](const auto* values, size_t count, auto limit) {
        if (!are_within(values, count, limit)) return false;
        if (count == kBlock) hash.add(values, count * sizeof *values);
        return true;
      });
  if (!fit) return {};
  const size_t left = numbers.count % kBlock * numbers.size;
  return hash.last(static_cast<const char*>(numbers.data) + (numbers.bytes() - left), left);
}

}  // namespace

void bind_arrays(py::module_& m) {
  m.def("is_plain", &is_plain);
  m.def("all_fit", &all_fit);
  m.def("fingerprint_if_fits", &fingerprint_if_fits);
  m.def("fingerprint", &hash_buffer, py::arg("data"), py::arg("seed") = 0);
  m.def("fingerprint_all", &hash_arrays, py::arg("arrays"), py::arg("seed") = 0);
}

std::shared_ptr<void> keep(const py::array& array) {
  struct Kept {
    py::array array;
    std::vector<py::weakref> pins;  // on it and on whose memory it shows
  };
  auto kept = std::make_unique<Kept>();
  kept->array = array;
  for (py::object at = array; py::isinstance<py::array>(at); at = at.attr("base"))
    kept->pins.emplace_back(at);
  return std::shared_ptr<void>(kept.release(), [](void* p) {
    with_interpreter([](void* q) { delete static_cast<Kept*>(q); }, p);
  });
}

std::shared_ptr<void> keep_object(const py::object& object) {
  return std::shared_ptr<void>(new py::object(object), [](void* p) {
    with_interpreter([](void* q) { delete static_cast<py::object*>(q); }, p);
  });
}

}  // namespace feedfwd::bindings
