// lower(): its instructions, run one after the other by plain loops, against the ops' definitions
// by index, over random shapes, padded operands and a symbolic batch; and the same instructions for
// a symbolic batch as for a static one.
#include "core/lower.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

namespace {

using namespace feedfwd;

int passed = 0, failed = 0;

void check(bool good, const std::string& what) {
  ++(good ? passed : failed);
  if (!good) std::printf("FAILED %s\n", what.c_str());
}

constexpr int64_t kBatch = 3;
constexpr double kPad = -777;
std::mt19937_64 random_bits(1);
int64_t below(int64_t n) { return static_cast<int64_t>(random_bits() % static_cast<uint64_t>(n)); }

Shape bound(Shape shape) {
  if (shape.batch) shape.dims[0] *= kBatch;
  shape.batch = false;
  return shape;
}

// An array in memory of a form; every number is a double.
struct Array {
  Form form;
  std::vector<double> memory;

  explicit Array(const Form& f) : form(f) {
    const int64_t rows = f.type.shape.view_rows().at(kBatch);
    memory.assign(static_cast<size_t>(rows * row_stride() + row_stride()), kPad);
  }
  int64_t row_stride() const {
    return form.type.shape.rank < 2 ? form.type.shape.view_cols().at(kBatch) : form.row_stride;
  }
  double& flat(int64_t i) {
    const int64_t cols = std::max<int64_t>(1, form.type.shape.view_cols().at(kBatch));
    return memory[static_cast<size_t>(i / cols * row_stride() + i % cols)];
  }
  int64_t count() const { return bound(form.type.shape).count(); }
  // Nothing but elements was written. Forgets the elements.
  bool pads_whole() {
    for (int64_t i = 0; i < count(); ++i) flat(i) = kPad;
    for (double x : memory) {
      if (x != kPad) return false;
    }
    return true;
  }
};

using Index = std::vector<int64_t>;
Index unravel(const Shape& shape, int64_t i) {
  Index index(static_cast<size_t>(shape.rank));
  for (int k = shape.rank - 1; k >= 0; --k) {
    index[static_cast<size_t>(k)] = i % shape.dims[k];
    i /= shape.dims[k];
  }
  return index;
}
// The element of `shape` at `index` of a shape it broadcasts to.
int64_t ravel(const Shape& shape, const Index& index) {
  int64_t i = 0;
  for (int k = 0; k < shape.rank; ++k) {
    const size_t from = index.size() - static_cast<size_t>(shape.rank) + static_cast<size_t>(k);
    i = i * shape.dims[k] + (shape.dims[k] == 1 ? 0 : index[from]);
  }
  return i;
}

class Machine {
 public:
  Machine(Op op, const Attrs& attrs, std::vector<Array>& in, std::vector<Array>& out)
      : in_(in), out_(out) {
    std::vector<Form> in_forms, out_forms;
    for (const Array& a : in) in_forms.push_back(a.form);
    for (const Array& a : out) out_forms.push_back(a.form);
    lowered = lower(op, attrs, in_forms, out_forms);
    for (const ValueType& type : lowered.temporaries) temporaries_.emplace_back(dense(type));
    if (lowered.alias >= 0) {
      for (int64_t i = 0; i < out[0].count(); ++i) out[0].flat(i) = in[0].flat(i);
    }
    for (const LoweredInstr& instr : lowered.instrs) run(instr);
  }
  Lowered lowered;

 private:
  double& at(const View& v, int64_t r, int64_t c) {
    auto& arrays = v.of == View::Of::input ? in_ : v.of == View::Of::output ? out_ : temporaries_;
    return arrays[static_cast<size_t>(v.index)].memory.at(
        static_cast<size_t>(r * v.row_stride + c * v.col_stride));
  }
  static int64_t rows(const View& v) { return v.rows.at(kBatch); }
  static int64_t cols(const View& v) { return v.cols.at(kBatch); }
  double& nth(const View& v, int64_t i) { return at(v, i / cols(v), i % cols(v)); }

  void run(const LoweredInstr& i) {
    switch (i.op) {
      case Op::Transpose:
        return transpose(i);
      case Op::Slice:
      case Op::SliceGrad:
        return slice(i);
      case Op::Concat:
        return concat(i);
      case Op::Sum:
      case Op::ReduceMax:
      case Op::ArgMax:
        return reduce(i);
      case Op::OneHot:
        for (int64_t r = 0; r < rows(i.out[0]); ++r) {
          for (int64_t c = 0; c < cols(i.out[0]); ++c) at(i.out[0], r, c) = at(i.in[0], r, 0) == c;
        }
        return;
      default:
        elementwise(i);
    }
  }

  void elementwise(const LoweredInstr& i) {
    const View& y = i.out[0];
    for (const View& x : i.in) {
      if (rows(x) != rows(y) || cols(x) != cols(y)) throw std::logic_error("extents differ");
    }
    for (int64_t r = 0; r < rows(y); ++r) {
      for (int64_t c = 0; c < cols(y); ++c) {
        const double a = at(i.in[0], r, c);
        if (i.op == Op::Add) {
          at(y, r, c) = a + at(i.in[1], r, c);
        } else if (i.op == Op::Where) {
          at(y, r, c) = a > 0 ? at(i.in[1], r, c) : at(i.in[2], r, c);
        } else if (i.op == Op::Copy || i.op == Op::BroadcastTo) {
          at(y, r, c) = a;
        } else {
          throw std::logic_error(std::string("unexpected ") + name_of(i.op));
        }
      }
    }
  }

  void transpose(const LoweredInstr& i) {
    const Shape from = bound(i.attrs.shape);
    Shape to = from;
    for (int k = 0; k < from.rank; ++k) to.dims[k] = from.dims[i.attrs.i[k]];
    for (int64_t n = 0; n < to.count(); ++n) {
      const Index index = unravel(to, n);
      Index source(index.size());
      for (size_t k = 0; k < index.size(); ++k) {
        source[static_cast<size_t>(i.attrs.i[k])] = index[k];
      }
      nth(i.out[0], n) = nth(i.in[0], ravel(from, source));
    }
  }

  void slice(const LoweredInstr& i) {
    const Shape whole = bound(i.attrs.shape);
    Shape part = whole;
    const auto axis = static_cast<size_t>(i.attrs.i[0]);
    const bool forward = i.op == Op::Slice;
    const View &x = i.in[0], &y = i.out[0];
    const int64_t other = rows(forward ? y : x) * cols(forward ? y : x);
    part.dims[axis] = other / (whole.count() / whole.dims[axis]);
    for (int64_t n = 0; !forward && n < whole.count(); ++n) nth(y, n) = 0;
    for (int64_t n = 0; n < part.count(); ++n) {
      Index index = unravel(part, n);
      index[axis] = i.attrs.i[1] + index[axis] * i.attrs.i[2];
      const int64_t m = ravel(whole, index);
      nth(y, forward ? n : m) = nth(x, forward ? m : n);
    }
  }

  void concat(const LoweredInstr& i) {
    int64_t start = 0;
    for (const View& x : i.in) {
      for (int64_t r = 0; r < rows(x); ++r) {
        for (int64_t c = 0; c < cols(x); ++c) at(i.out[0], r, start + c) = at(x, r, c);
      }
      start += cols(x);
    }
    if (start != cols(i.out[0])) throw std::logic_error("parts do not fill the result");
  }

  void reduce(const LoweredInstr& i) {
    const View &x = i.in[0], &y = i.out[0];
    const int64_t kind = i.attrs.i[2], m = rows(x), n = cols(x);
    const int64_t results = kind == 0 ? m : kind == 1 ? n : 1;
    if (rows(y) * cols(y) != results) throw std::logic_error("result has another count");
    for (int64_t j = 0; j < results; ++j) {
      double sum = 0, best = -std::numeric_limits<double>::infinity(), place = 0;
      const int64_t count = kind == 0 ? n : kind == 1 ? m : m * n;
      for (int64_t k = 0; k < count; ++k) {
        const double a = kind == 0 ? at(x, j, k) : kind == 1 ? at(x, k, j) : nth(x, k);
        sum += a;
        if (a > best) {
          best = a;
          place = static_cast<double>(k);
        }
      }
      nth(y, j) = i.op == Op::Sum ? sum : i.op == Op::ReduceMax ? best : place;
    }
  }

  std::vector<Array>&in_, &out_;
  std::vector<Array> temporaries_;
};

Shape random_shape(int most, bool batch) {
  Shape shape;
  shape.rank = static_cast<int>(below(most + 1));
  if (batch && shape.rank == 0) shape.rank = 1;
  for (int k = 0; k < shape.rank; ++k) shape.dims[k] = 1 + below(4);
  shape.batch = batch;
  return shape;
}

Form random_form(const Shape& shape) {
  Form form = dense({DType::f64, shape});
  if (shape.rank >= 2 && below(3) == 0) form.row_stride += 1 + below(3);
  return form;
}

Array random_array(const Shape& shape) {
  Array a(random_form(shape));
  for (int64_t i = 0; i < a.count(); ++i) a.flat(i) = static_cast<double>(below(2001) - 1000);
  return a;
}

// One operand for a broadcast to `to`: axes dropped in front or made 1.
Shape operand_of(const Shape& to) {
  Shape shape;
  const int drop = static_cast<int>(below(3) == 0 ? below(to.rank + 1) : 0);
  for (int k = drop; k < to.rank; ++k) {
    const bool one = below(3) == 0;
    shape.dims[shape.rank++] = one ? 1 : to.dims[k];
    if (k == 0) shape.batch = to.batch && !one;
  }
  return shape;
}

using Expected = std::function<double(const Index&)>;

// Runs the op, compares all of output 0 and its pads, and lowers it again with the batch bound: the
// instructions have to be the same.
void expect(Op op, const Attrs& attrs, std::vector<Array> in, const Shape& result,
            const Expected& expected) {
  std::vector<Array> out{Array(random_form(result))};
  std::string what = std::string(name_of(op)) + " to " + result.str() + " from";
  for (const Array& a : in) what += " " + a.form.type.shape.str();
  try {
    const Machine machine(op, attrs, in, out);
    bool good = true;
    const Shape to = bound(result);
    for (int64_t i = 0; i < to.count(); ++i)
      good = good && out[0].flat(i) == expected(unravel(to, i));
    check(good, what);
    check(out[0].pads_whole(), what + ": pads");

    std::vector<Form> in_forms, out_forms;
    for (const Array& a : in) in_forms.push_back(a.form);
    for (const Array& a : out) out_forms.push_back(a.form);
    for (auto* forms : {&in_forms, &out_forms}) {
      for (Form& form : *forms) {
        const bool flat = form.type.shape.rank < 2;
        form.type.shape = bound(form.type.shape);
        if (flat) form = dense(form.type);
      }
    }
    Attrs eager = attrs;
    eager.shape = bound(attrs.shape);
    const Lowered again = lower(op, eager, in_forms, out_forms);
    bool same = again.instrs.size() == machine.lowered.instrs.size() &&
                again.alias == machine.lowered.alias;
    for (size_t k = 0; same && k < again.instrs.size(); ++k) {
      const LoweredInstr &a = again.instrs[k], &b = machine.lowered.instrs[k];
      same = a.op == b.op && a.attrs.i == b.attrs.i && a.out[0].rows.n == b.out[0].rows.at(kBatch);
    }
    check(same, what + ": eager as traced");
  } catch (const std::exception& e) {
    check(false, what + ": " + e.what());
  }
}

double value(std::vector<Array>& in, size_t k, const Index& index) {
  return in[k].flat(ravel(bound(in[k].form.type.shape), index));
}

void test_elementwise() {
  for (int trial = 0; trial < 3000; ++trial) {
    const Shape to = random_shape(5, below(2) == 0);
    std::vector<Array> in{random_array(to), random_array(operand_of(to)),
                          random_array(operand_of(to))};
    std::swap(in[0], in[static_cast<size_t>(below(3))]);
    expect(Op::Where, {}, in, to, [&](const Index& index) {
      return value(in, 0, index) > 0 ? value(in, 1, index) : value(in, 2, index);
    });
    Attrs attrs;
    attrs.shape = to;
    std::vector<Array> one{random_array(operand_of(to))};
    expect(Op::BroadcastTo, attrs, one, to,
           [&](const Index& index) { return value(one, 0, index); });
  }
}

void test_reductions() {
  for (int trial = 0; trial < 2000; ++trial) {
    const Shape from = random_shape(5, below(2) == 0);
    std::vector<Array> in{random_array(from)};
    Attrs attrs;
    attrs.i[0] = below(int64_t{1} << from.rank);
    attrs.i[1] = below(2);
    const bool max = below(2) == 0;
    const Op op = max ? Op::ReduceMax : Op::Sum;
    const Shape to = infer(op, {{DType::f64, from}}, attrs)[0].shape;
    expect(op, attrs, in, to, [&](const Index& index) {
      const Shape whole = bound(from);
      double sum = 0, best = -std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < whole.count(); ++i) {
        const Index at = unravel(whole, i);
        bool here = true;
        for (size_t k = 0, j = 0; k < at.size(); ++k) {
          if (attrs.i[0] >> k & 1) {
            j += static_cast<size_t>(attrs.i[1]);
          } else {
            here = here && at[k] == index[j++];
          }
        }
        if (!here) continue;
        sum += in[0].flat(i);
        best = std::max(best, in[0].flat(i));
      }
      return max ? best : sum;
    });
    if (from.rank == 0) continue;
    Attrs along;
    along.i[0] = below(from.rank);
    const auto axis = static_cast<size_t>(along.i[0]);
    expect(Op::ArgMax, along, in, infer(Op::ArgMax, {{DType::f64, from}}, along)[0].shape,
           [&](const Index& index) {
             Index at = index;
             at.insert(at.begin() + along.i[0], 0);
             double best = -std::numeric_limits<double>::infinity(), place = 0;
             for (int64_t k = 0; k < bound(from).dims[axis]; ++k) {
               at[axis] = k;
               const double a = value(in, 0, at);
               if (a > best) {
                 best = a;
                 place = static_cast<double>(k);
               }
             }
             return place;
           });
  }
}

// Transpose, Slice and SliceGrad, Concat, Reshape.
void test_forms() {
  for (int trial = 0; trial < 1500; ++trial) {
    const bool batch = below(2) == 0;
    Shape from = random_shape(4, batch);
    if (from.rank < 2) from = Shape({2, 1 + below(5)}, batch);
    std::vector<Array> in{random_array(from)};

    Attrs permuted;
    for (int k = 0; k < from.rank; ++k) permuted.i[k] = k;
    std::shuffle(permuted.i.begin() + batch, permuted.i.begin() + from.rank, random_bits);
    expect(Op::Transpose, permuted, in, infer(Op::Transpose, {in[0].form.type}, permuted)[0].shape,
           [&](const Index& index) {
             Index source(index.size());
             for (size_t k = 0; k < index.size(); ++k) {
               source[static_cast<size_t>(permuted.i[k])] = index[k];
             }
             return value(in, 0, source);
           });

    const int64_t axis = batch + below(from.rank - batch);
    const auto a = static_cast<size_t>(axis);
    const int64_t extent = from.dims[a], step = below(2) ? 1 + below(2) : -1 - below(2);
    const int64_t start = below(extent);
    const int64_t most = step > 0 ? (extent - 1 - start) / step + 1 : start / -step + 1;
    Attrs cut;
    cut.i = {axis, start, step, 1 + below(most)};
    const Shape part = infer(Op::Slice, {in[0].form.type}, cut)[0].shape;
    expect(Op::Slice, cut, in, part, [&](Index index) {
      index[a] = start + index[a] * step;
      return value(in, 0, index);
    });
    std::vector<Array> small{random_array(part)};
    Attrs back = cut;
    back.i[3] = extent;
    expect(Op::SliceGrad, back, small, from, [&](Index index) {
      const int64_t offset = index[a] - start;
      if (offset % step != 0 || offset / step < 0 || offset / step >= cut.i[3]) return 0.0;
      index[a] = offset / step;
      return value(small, 0, index);
    });

    std::vector<Array> parts{in[0], small[0], in[0]};
    Attrs along;
    along.i[0] = axis;
    Shape joined = from;
    joined.dims[a] = 2 * extent + part.dims[a];
    expect(Op::Concat, along, parts, joined, [&](Index index) {
      size_t k = 0;
      while (index[a] >= parts[k].form.type.shape.dims[a]) {
        index[a] -= parts[k++].form.type.shape.dims[a];
      }
      return value(parts, k, index);
    });

    Attrs flat;
    flat.shape = Shape({from.dims[0], from.count() / from.dims[0]}, batch);
    expect(Op::Reshape, flat, in, flat.shape,
           [&](const Index& index) { return in[0].flat(ravel(bound(flat.shape), index)); });
    Array labels = random_array(from);
    for (int64_t i = 0; i < labels.count(); ++i) labels.flat(i) = static_cast<double>(below(3));
    std::vector<Array> one{labels};
    Shape hot = from;
    hot.dims[hot.rank++] = 3;
    Attrs depth;
    depth.i[0] = 3;
    expect(Op::OneHot, depth, one, hot, [&](Index index) {
      const auto c = static_cast<double>(index.back());
      index.pop_back();
      return value(one, 0, index) == c ? 1.0 : 0.0;
    });
  }
}

// What kernels and fusion count on.
void test_views() {
  const ValueType rows{DType::f32, Shape({1, 20}, true)}, bias{DType::f32, Shape{20}};
  const Lowered add = lower(Op::Add, {}, {dense(rows), dense(bias)}, {dense(rows)});
  check(add.instrs.size() == 1 && add.temporaries.empty() && add.instrs[0].in[1].row_stride == 0 &&
            add.instrs[0].in[1].col_stride == 1 && add.instrs[0].in[0].row_stride == 20,
        "a bias is a repeated row");
  const ValueType weight{DType::f32, Shape{7, 20}};
  const Lowered padded = lower(Op::Add, {}, {{weight, 32}, dense(weight)}, {{weight, 32}});
  check(padded.instrs.size() == 1 && padded.instrs[0].in[0].row_stride == 32 &&
            padded.instrs[0].in[1].row_stride == 20 && padded.instrs[0].out[0].row_stride == 32,
        "padded operands need no copy");
  const ValueType images{DType::f32, Shape({1, 4, 20}, true)};
  const ValueType one{DType::f32, Shape{4, 20}};
  const Lowered split = lower(Op::Add, {}, {dense(images), dense(one)}, {dense(images)});
  check(split.instrs.size() == 1 && split.instrs[0].in[1].cols.n == 80 &&
            split.instrs[0].in[1].row_stride == 0,
        "two trailing axes repeated without a copy");
  const ValueType line{DType::f32, Shape({1}, true)}, counter{DType::i64, Shape{}};
  const Lowered drop = lower(Op::Dropout, {}, {dense(line), dense(counter)}, {dense(line)});
  check(drop.instrs[0].in[0].rows == Extent{1, true} && drop.instrs[0].in[0].cols == Extent{1},
        "dropout counts batch rows");
  Attrs axis0;
  axis0.i[0] = 1;
  const Lowered total = lower(Op::Sum, axis0, {dense(line)}, {dense({DType::f32, Shape{}})});
  check(total.instrs[0].attrs.i[2] == 0 && total.instrs[0].in[0].cols == Extent{1, true},
        "losses of a batch are one row");
}

}  // namespace

int main() {
  test_elementwise();
  test_reductions();
  test_forms();
  test_views();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
