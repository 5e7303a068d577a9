#include "core/lower.h"

#include <algorithm>
#include <stdexcept>

namespace feedfwd {

Form dense(const ValueType& type) { return {type, type.shape.view_cols().n}; }

bool is_dense(const Form& form) {
  const Shape& shape = form.type.shape;
  return shape.rank < 2 || form.row_stride == shape.view_cols().n;
}

namespace {

Extent times(Extent a, Extent b) { return {checked_mul(a.n, b.n), a.batch || b.batch}; }

// Product of the extents of axes first .. last - 1.
Extent product(const Shape& shape, int first, int last) {
  Extent e;
  for (int k = first; k < last; ++k) e = times(e, shape.extent(k));
  return e;
}

// Builds one Lowered: operands are (Of, index) and their forms; temporaries are added as needed.
class Lowering {
 public:
  Lowering(Op op, const Attrs& attrs, const std::vector<Form>& in, const std::vector<Form>& out)
      : op_(op), attrs_(attrs), in_(in), out_(out) {}

  Lowered take() {
    switch (op_) {
      case Op::Rows:
        emit(op_, attrs_, {}, {natural(output(0))});
        break;
      case Op::Matmul:
        emit(op_, attrs_, {natural(input(0)), natural(input(1))}, {natural(output(0))});
        break;
      case Op::Dropout:
        lower_dropout();
        break;
      case Op::Sum:
      case Op::ReduceMax:
      case Op::ReduceMin:
        lower_reduce();
        break;
      case Op::ArgMax:
        lower_argmax();
        break;
      case Op::Softmax:
      case Op::LogSoftmax:
      case Op::Xent:
      case Op::XentGrad:
      case Op::OneHot:
        lower_rows();
        break;
      case Op::Reshape:
      case Op::StopGradient:
        lower_alias();
        break;
      case Op::Transpose:
      case Op::Slice:
      case Op::SliceGrad:
        lower_moved();
        break;
      case Op::Concat:
        lower_concat();
        break;
      default:
        if (!is_elementwise(op_)) {
          throw std::logic_error(std::string("lower: ") + name_of(op_) + " is not an op of graphs");
        }
        lower_elementwise();
    }
    return std::move(result_);
  }

 private:
  struct Operand {
    View::Of of;
    int index;
    Form form;
  };

  Operand input(int k) const { return {View::Of::input, k, in_[k]}; }
  Operand output(int k) const { return {View::Of::output, k, out_[k]}; }
  Operand temporary(DType dtype, const Shape& shape) {
    result_.temporaries.push_back({dtype, shape});
    return {View::Of::temporary, static_cast<int>(result_.temporaries.size()) - 1,
            dense({dtype, shape})};
  }

  static View view(const Operand& x, Extent rows, Extent cols, int64_t row_stride,
                   int64_t col_stride = 1) {
    return {x.of, x.index, rows, cols, row_stride, col_stride, x.form.type.dtype};
  }
  // Leading axes as rows, the last as columns.
  static View natural(const Operand& x) {
    const Shape& shape = x.form.type.shape;
    return view(x, shape.view_rows(), shape.view_cols(), x.form.row_stride);
  }
  // Axes before `split` as rows, the others as columns; dense but where that is the natural view.
  static View split_at(const Operand& x, int split) {
    const Shape& shape = x.form.type.shape;
    if (split == shape.rank - 1) return natural(x);
    const Extent cols = product(shape, split, shape.rank);
    return view(x, product(shape, 0, split), cols, cols.n);
  }
  // One element for each row of something.
  static View column(const Operand& x) {
    return view(x, product(x.form.type.shape, 0, x.form.type.shape.rank), {}, 1);
  }

  void emit(Op op, const Attrs& attrs, std::vector<View> in, std::vector<View> out) {
    result_.instrs.push_back({op, attrs, std::move(in), std::move(out)});
  }

  // The operand itself where it is dense, else a dense copy.
  Operand densely(const Operand& x) {
    if (is_dense(x.form)) return x;
    const Operand copy = temporary(x.form.type.dtype, x.form.type.shape);
    emit(Op::Copy, {}, {natural(x)}, {natural(copy)});
    return copy;
  }
  // Where a kernel that writes densely writes; finish() brings it to output 0.
  Operand dense_output() {
    return is_dense(out_[0]) ? output(0) : temporary(out_[0].type.dtype, out_[0].type.shape);
  }
  void finish(const Operand& made) {
    if (made.of != View::Of::output) emit(Op::Copy, {}, {natural(made)}, {natural(output(0))});
  }

  void lower_alias() {
    const Operand x = input(0), y = output(0);
    if (is_dense(x.form) && is_dense(y.form)) {
      result_.alias = 0;
    } else if (x.form.type.shape == y.form.type.shape) {
      emit(Op::Copy, {}, {natural(x)}, {natural(y)});
    } else {
      const Operand from = densely(x);
      const View to = natural(y);
      emit(Op::Copy, {}, {view(from, to.rows, to.cols, to.cols.n)}, {to});
    }
  }

  void lower_moved() {
    Attrs attrs = attrs_;
    const Operand x = densely(input(0)), y = dense_output();
    attrs.shape = op_ == Op::SliceGrad ? y.form.type.shape : x.form.type.shape;
    emit(op_, attrs, {natural(x)}, {natural(y)});
    finish(y);
  }

  void lower_concat() {
    const int axis = static_cast<int>(attrs_.i[0]);
    const bool last = axis == out_[0].type.shape.rank - 1;
    std::vector<View> parts;
    for (size_t k = 0; k < in_.size(); ++k) {
      const Operand x = input(static_cast<int>(k));
      parts.push_back(split_at(last ? x : densely(x), axis));
    }
    const Operand y = last ? output(0) : dense_output();
    emit(op_, {}, std::move(parts), {split_at(y, axis)});
    finish(y);
  }

  void lower_rows() {
    std::vector<View> in, out;
    const int rank = in_[0].type.shape.rank;
    const auto place = [&](const Operand& x) {
      const bool per_row =
          op_ == Op::OneHot ? x.of == View::Of::input : x.form.type.shape.rank < rank;
      return per_row ? column(densely(x)) : natural(x);
    };
    for (size_t k = 0; k < in_.size(); ++k) in.push_back(place(input(static_cast<int>(k))));
    const bool loss = op_ == Op::Xent && !is_dense(out_[0]);
    const Operand first = loss ? dense_output() : output(0);
    out.push_back(place(first));
    if (out_.size() > 1) out.push_back(place(output(1)));
    emit(op_, attrs_, std::move(in), std::move(out));
    finish(first);
  }

  void lower_dropout() {
    View x = natural(input(0)), y = natural(output(0));
    if (in_[0].type.shape.rank == 1) {
      x = column(input(0));
      y = column(output(0));
    }
    emit(op_, attrs_, {x, natural(input(1))}, {y});
  }

  // ---- elementwise ----

  // The view of `x`, broadcast to `to`, with axes of `to` before `split` as rows. False where there
  // is none.
  static bool fit(const Operand& x, const Shape& to, int split, View& out) {
    const Shape& from = x.form.type.shape;
    const int shift = to.rank - from.rank;
    bool rows_equal = true, rows_one = true, cols_equal = true, cols_one = true;
    for (int k = 0; k < to.rank; ++k) {
      const Extent e = k < shift ? Extent{} : from.extent(k - shift);
      (k < split ? rows_equal : cols_equal) &= e == to.extent(k);
      (k < split ? rows_one : cols_one) &= e == Extent{};
    }
    if ((!rows_equal && !rows_one) || (!cols_equal && !cols_one)) return false;
    // A padded operand has one view only: its own, or that of a single row.
    const bool own = split == to.rank - 1 || rows_one;
    if (!is_dense(x.form) && !(own && split == to.rank - 1)) return false;
    const Extent rows = product(to, 0, split), cols = product(to, split, to.rank);
    const int64_t width = cols_equal ? cols.n : 1;
    const int64_t stride = is_dense(x.form) ? width : x.form.row_stride;
    out = view(x, rows, cols, rows_equal ? stride : 0, cols_equal ? 1 : 0);
    return true;
  }

  void lower_elementwise() {
    const Operand y = output(0);
    const Shape& to = y.form.type.shape;
    const int natural_split = std::max(0, to.rank - 1);
    int best = natural_split;
    size_t most = 0;
    View scratch;
    // Another split than the natural one only where more operands fit as they stand.
    for (int split = natural_split; split >= 0; --split) {
      if (!fit(y, to, split, scratch)) continue;
      size_t fitting = 0;
      for (const Form& x : in_) {
        fitting += fit({View::Of::input, 0, dense(x.type)}, to, split, scratch);
      }
      if (fitting > most) {
        most = fitting;
        best = split;
      }
    }
    std::vector<View> in(in_.size());
    for (size_t k = 0; k < in_.size(); ++k) {
      const Operand x = input(static_cast<int>(k));
      if (fit(x, to, best, in[k])) continue;
      const Operand flat = densely(x);
      if (!fit(flat, to, best, in[k])) fit(expanded(flat, to, best), to, best, in[k]);
    }
    View result;
    fit(y, to, best, result);
    emit(op_, attrs_, std::move(in), {result});
  }

  // Dense `x` broadcast to `to`, but for leading axes that `split` can repeat: `x` repeated along
  // new last axes, and those brought to their places.
  Operand expanded(const Operand& x, const Shape& to, int split) {
    const Shape& from = x.form.type.shape;
    const int shift = to.rank - from.rank;
    int first = 0;
    while (first < to.rank && (first < shift || from.extent(first - shift) == Extent{})) ++first;
    Shape kept_first, placed;  // temporaries: kept axes then repeated ones; in the order of `to`
    std::array<int64_t, kMaxRank> place{};
    Extent repeats;
    for (const bool repeated : {false, true}) {
      for (int k = first; k < to.rank; ++k) {
        if ((from.extent(k - shift) == Extent{}) != repeated) continue;
        if (repeated) repeats = times(repeats, to.extent(k));
        place[k - first] = kept_first.rank;
        kept_first.dims[kept_first.rank++] = to.dims[k];
      }
    }
    for (int k = first; k < to.rank; ++k) placed.dims[placed.rank++] = to.dims[k];
    kept_first.batch = placed.batch = first == 0 && to.batch;

    const Operand wide = temporary(x.form.type.dtype, kept_first);
    const Extent rows = product(from, 0, from.rank);
    emit(Op::BroadcastTo, {}, {view(x, rows, repeats, 1, 0)},
         {view(wide, rows, repeats, repeats.n)});
    const Operand result = temporary(x.form.type.dtype, placed);
    Attrs attrs;
    attrs.shape = kept_first;
    attrs.i = place;
    emit(Op::Transpose, attrs, {natural(wide)}, {natural(result)});
    View scratch;
    if (first == 0 || fit(result, to, split, scratch)) return result;
    return repeated_whole(result, to);
  }

  Operand repeated_whole(const Operand& x, const Shape& to) {
    const Operand all = temporary(x.form.type.dtype, to);
    const int split = to.rank - x.form.type.shape.rank;
    View from;
    fit(x, to, split, from);
    emit(Op::BroadcastTo, {}, {from}, {split_at(all, split)});
    return all;
  }

  // ---- reductions ----

  // Axes in `mask` of dense `x` moved behind the others; axis 0 stays.
  Operand moved_last(const Operand& x, int64_t mask) {
    const Shape& shape = x.form.type.shape;
    Attrs attrs;
    attrs.shape = shape;
    Shape to;
    to.batch = shape.batch;
    for (const int64_t moved : {0, 1}) {
      for (int k = 0; k < shape.rank; ++k) {
        if ((mask >> k & 1) != moved) continue;
        attrs.i[to.rank] = k;
        to.dims[to.rank++] = shape.dims[k];
      }
    }
    const Operand dense_x = densely(x);
    const Operand result = temporary(x.form.type.dtype, to);
    emit(Op::Transpose, attrs, {natural(dense_x)}, {natural(result)});
    return result;
  }

  enum Kind : int64_t { each_row = 0, over_rows = 1, full = 2 };
  void reduce(Kind kind, const View& from, const View& to) {
    Attrs attrs = attrs_;
    attrs.i[2] = kind;
    emit(op_, attrs, {from}, {to});
  }
  static View flat_row(const Operand& x) {
    const Extent all = product(x.form.type.shape, 0, x.form.type.shape.rank);
    return view(x, {}, all, all.n);
  }

  // The result, one element after the other, as a dense operand.
  void reduce_dense(Operand x, int64_t mask, const Operand& y) {
    const int rank = x.form.type.shape.rank;
    const int64_t all = (int64_t{1} << rank) - 1;
    int lead = 0, trail = rank;
    while (lead < rank && (mask >> lead & 1)) ++lead;
    while (trail > 0 && (mask >> (trail - 1) & 1)) --trail;
    const bool leading = mask == (int64_t{1} << lead) - 1;
    const bool trailing = mask == (all & ~((int64_t{1} << trail) - 1));
    if (mask == all) {
      reduce(rank <= 1 ? each_row : full, natural(x), rank <= 1 ? column(y) : flat_row(y));
    } else if (trailing) {
      reduce(each_row, split_at(trail == rank - 1 ? x : densely(x), trail), column(y));
    } else if (leading) {
      reduce(over_rows, split_at(lead == rank - 1 ? x : densely(x), lead), flat_row(y));
    } else if ((mask & 1) == 0) {
      const Operand moved = moved_last(x, mask);
      reduce_dense(moved, all & ~((int64_t{1} << (rank - __builtin_popcountll(mask))) - 1), y);
    } else {
      // Axis 0, which may be the batch, comes last, so that the order is the same whether it is
      // symbolic or not.
      Shape kept;
      kept.batch = x.form.type.shape.batch;
      for (int k = 0; k < rank; ++k) {
        if (k == 0 || !(mask >> k & 1)) kept.dims[kept.rank++] = x.form.type.shape.dims[k];
      }
      const Operand partial = temporary(x.form.type.dtype, kept);
      reduce_dense(x, mask & ~int64_t{1}, partial);
      reduce_dense(partial, 1, y);
    }
  }

  void lower_reduce() {
    if (attrs_.i[0] == 0) {
      emit(Op::Copy, {}, {natural(input(0))}, {natural(output(0))});
      return;
    }
    const Operand y = dense_output();
    reduce_dense(input(0), attrs_.i[0], y);
    finish(y);
  }

  void lower_argmax() {
    const Operand x = input(0), y = dense_output();
    const int rank = x.form.type.shape.rank, axis = static_cast<int>(attrs_.i[0]);
    if (axis == rank - 1) {
      reduce(each_row, natural(x), column(y));
    } else if (axis == 0) {
      reduce(over_rows, split_at(rank == 2 ? x : densely(x), 1), flat_row(y));
    } else {
      reduce(each_row, natural(moved_last(x, int64_t{1} << axis)), column(y));
    }
    finish(y);
  }

  const Op op_;
  const Attrs& attrs_;
  const std::vector<Form>&in_, &out_;
  Lowered result_;
};

}  // namespace

Lowered lower(Op op, const Attrs& attrs, const std::vector<Form>& in,
              const std::vector<Form>& out) {
  return Lowering(op, attrs, in, out).take();
}

}  // namespace feedfwd
