// Which kernel an instruction gets; asked once when a program is compiled.
#pragma once

#include "cpu/kernels.h"

namespace feedfwd::FF_ISA {

template <template <class> class F, class T>
inline constexpr RectKernel kSame = scalar_rect<F<T>, T, T, T, T>;
template <template <class> class F, class T>
inline constexpr RectKernel kTest = scalar_rect<F<T>, T, T, T, uint8_t>;

template <class T>
FF_INLINE RectKernel float_kernel(Op op) {
  switch (op) {
    case Op::Add:
      return vector_rect<AddOf<T>>;
    case Op::Subtract:
      return vector_rect<SubtractOf<T>>;
    case Op::Multiply:
      return vector_rect<MultiplyOf<T>>;
    case Op::Divide:
      return vector_rect<DivideOf<T>>;
    case Op::Power:
      return vector_rect<PowerOf<T>>;
    case Op::Maximum:
      return vector_rect<MaximumOf<T>>;
    case Op::Minimum:
      return vector_rect<MinimumOf<T>>;
    case Op::FloorDivide:
      return kSame<math::FloatFloorDivide, T>;
    case Op::Mod:
      return kSame<math::FloatMod, T>;
    default:
      return nullptr;
  }
}
template <class T>
FF_INLINE RectKernel integer_kernel(Op op) {
  switch (op) {
    case Op::Add:
      return kSame<math::IntAdd, T>;
    case Op::Subtract:
      return kSame<math::IntSubtract, T>;
    case Op::Multiply:
      return kSame<math::IntMultiply, T>;
    case Op::Power:
      return kSame<math::IntPower, T>;
    case Op::Maximum:
      return kSame<math::IntMaximum, T>;
    case Op::Minimum:
      return kSame<math::IntMinimum, T>;
    case Op::FloorDivide:
      return kSame<math::IntFloorDivide, T>;
    case Op::Mod:
      return kSame<math::IntMod, T>;
    default:
      return nullptr;
  }
}
template <class T>
FF_INLINE RectKernel comparison(Op op) {
  switch (op) {
    case Op::Equal:
      return kTest<math::EqualOf, T>;
    case Op::NotEqual:
      return kTest<math::NotEqualOf, T>;
    case Op::Less:
      return kTest<math::LessOf, T>;
    case Op::LessEqual:
      return kTest<math::LessEqualOf, T>;
    case Op::Greater:
      return kTest<math::GreaterOf, T>;
    case Op::GreaterEqual:
      return kTest<math::GreaterEqualOf, T>;
    case Op::LogicalAnd:
      return kTest<math::AndOf, T>;
    case Op::LogicalOr:
      return kTest<math::OrOf, T>;
    default:
      return nullptr;
  }
}

// Functions that take integers, by place in FF_UNARY_FUNCTIONS.
enum Function : int {
#define FF_PLACE(Fn) kFn##Fn,
  FF_UNARY_FUNCTIONS(FF_PLACE)
#undef FF_PLACE
};
template <class T>
FF_INLINE RectKernel integer_map(int fn) {
  switch (fn) {
    case kFnNeg:
      return kSame<math::IntNeg, T>;
    case kFnAbs:
      return kSame<math::IntAbs, T>;
    case kFnSign:
      return kSame<math::IntSign, T>;
    case kFnSquare:
      return kSame<math::IntSquare, T>;
    default:
      return nullptr;
  }
}

FF_INLINE int size_of_element(DType t) {
  switch (t) {
    case DType::f32:
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::f64:
    case DType::i64:
    case DType::u64:
      return 8;
    case DType::i16:
    case DType::u16:
    case DType::f16:
      return 2;
    default:
      return 1;
  }
}
// Kernels that only move elements know their size alone.
template <class R, class Make>
FF_INLINE R for_size(DType t, Make make) {
  switch (size_of_element(t)) {
    case 8:
      return make(uint64_t{});
    case 4:
      return make(uint32_t{});
    case 1:
      return make(uint8_t{});
    default:
      return nullptr;
  }
}

#define FF_TYPE(value) decltype(value)

inline RectKernel find_rect(const BoundOp& op) {
  const DType out = op.out[0].dtype, in = op.inputs > 0 ? op.in[0].dtype : out;
  const bool floats = in == DType::f32 || in == DType::f64;
  const Op id = op.op;
  const int fn = op.fn;
  switch (id) {
    case Op::Map:
      if (!floats) {
        return for_integer<RectKernel>(in, [=](auto t) { return integer_map<FF_TYPE(t)>(fn); });
      }
      return for_float<RectKernel>(in, [=](auto t) { return kMaps<FF_TYPE(t)>[fn]; });
    case Op::MapGrad:
      return for_float<RectKernel>(in, [=](auto t) { return kMapGrads<FF_TYPE(t)>[fn]; });
    case Op::Add:
    case Op::Subtract:
    case Op::Multiply:
    case Op::Divide:
    case Op::FloorDivide:
    case Op::Mod:
    case Op::Power:
    case Op::Maximum:
    case Op::Minimum:
      if (!floats) {
        return for_integer<RectKernel>(in, [=](auto t) { return integer_kernel<FF_TYPE(t)>(id); });
      }
      return for_float<RectKernel>(in, [=](auto t) { return float_kernel<FF_TYPE(t)>(id); });
    case Op::Where:
      return for_size<RectKernel>(out, [](auto t) -> RectKernel {
        using T = FF_TYPE(t);
        return scalar_rect<math::WhereOf<T>, uint8_t, T, T, T>;
      });
    case Op::Cast:
      return for_compute<RectKernel>(in, [=](auto from) {
        return for_compute<RectKernel>(out, [](auto to) -> RectKernel {
          using From = FF_TYPE(from);
          using To = FF_TYPE(to);
          return scalar_rect<math::CastOf<From, To>, From, From, From, To>;
        });
      });
    case Op::Dropout:
      return for_float<RectKernel>(out,
                                   [](auto t) -> RectKernel { return dropout_rect<FF_TYPE(t)>; });
    case Op::BroadcastTo:
    case Op::Copy:
      return for_size<RectKernel>(out, [](auto t) -> RectKernel { return copy_rect<FF_TYPE(t)>; });
    case Op::Update:
      return for_float<RectKernel>(out, [&](auto t) { return kUpdates<FF_TYPE(t)>[fn](op); });
    default:
      return for_compute<RectKernel>(in, [=](auto t) { return comparison<FF_TYPE(t)>(id); });
  }
}

template <class To>
FF_INLINE Kernel find_gather(DType from) {
  switch (from) {
    case DType::f32:
      return gather<float, To>;
    case DType::f64:
      return gather<double, To>;
    case DType::i32:
      return gather<int32_t, To>;
    case DType::i64:
      return gather<int64_t, To>;
    case DType::b8:
      return gather<uint8_t, To>;
    case DType::i8:
      return gather<int8_t, To>;
    case DType::u8:
      return gather<math::Byte, To>;
    case DType::i16:
      return gather<int16_t, To>;
    case DType::u16:
      return gather<uint16_t, To>;
    case DType::u32:
      return gather<uint32_t, To>;
    case DType::u64:
      return gather<uint64_t, To>;
    case DType::f16:
      return gather<math::Half, To>;
  }
  return nullptr;
}

template <class T>
FF_INLINE Kernel float_reduction(Op op, bool columns) {
  switch (op) {
    case Op::Sum:
      return columns ? sum_columns<T> : sum_rows<T>;
    case Op::ReduceMax:
      return columns ? extreme_columns<true, T> : extreme_rows<true, T>;
    default:
      return columns ? extreme_columns<false, T> : extreme_rows<false, T>;
  }
}
template <class T>
FF_INLINE Kernel integer_reduction(Op op) {
  switch (op) {
    case Op::Sum:
      return sum_integers<T>;
    case Op::ReduceMax:
      return max_integers<T>;
    default:
      return min_integers<T>;
  }
}

template <class T>
FF_INLINE Kernel find_xent(const BoundOp& op) {
  const DType target = op.in[1].dtype;
  const bool grad = op.op == Op::XentGrad;
  if (target == DType::i32 || target == DType::i64)
    return grad ? xent_grad_labels<T> : xent_labels<T>;
  return grad ? xent_grad_dense<T> : xent_dense<T>;
}

inline Kernel find_whole(const BoundOp& op) {
  const DType out = op.out[0].dtype, in = op.inputs > 0 ? op.in[0].dtype : out;
  const bool floats = in == DType::f32 || in == DType::f64;
  const Op id = op.op;
  const bool columns = op.i[2] == 1;
  switch (id) {
    case Op::Matmul:
      return for_float<Kernel>(out, [](auto t) -> Kernel { return matmul<FF_TYPE(t)>; });
    case Op::Sum:
    case Op::ReduceMax:
    case Op::ReduceMin:
      if (!floats) {
        return for_integer<Kernel>(in, [=](auto t) { return integer_reduction<FF_TYPE(t)>(id); });
      }
      return for_float<Kernel>(in,
                               [=](auto t) { return float_reduction<FF_TYPE(t)>(id, columns); });
    case Op::SumSquares:
      return for_float<Kernel>(in, [](auto t) -> Kernel { return square_rows<FF_TYPE(t)>; });
    case Op::ArgMax:
      return for_compute<Kernel>(in, [](auto t) -> Kernel { return argmax<FF_TYPE(t)>; });
    case Op::Softmax:
      return for_float<Kernel>(in, [](auto t) -> Kernel { return softmax<FF_TYPE(t)>; });
    case Op::LogSoftmax:
      return for_float<Kernel>(in, [](auto t) -> Kernel { return log_softmax<FF_TYPE(t)>; });
    case Op::Xent:
    case Op::XentGrad:
      return for_float<Kernel>(in, [&](auto t) { return find_xent<FF_TYPE(t)>(op); });
    case Op::OneHot:
      return for_compute<Kernel>(out, [](auto t) -> Kernel { return one_hot<FF_TYPE(t)>; });
    case Op::Gather:
      return for_compute<Kernel>(out, [=](auto t) { return find_gather<FF_TYPE(t)>(in); });
    case Op::Concat:
      return for_size<Kernel>(out, [](auto t) -> Kernel { return concat<FF_TYPE(t)>; });
    case Op::Slice:
      return for_size<Kernel>(out, [](auto t) -> Kernel { return slice<FF_TYPE(t)>; });
    case Op::SliceGrad:
      return for_size<Kernel>(out, [](auto t) -> Kernel { return slice_grad<FF_TYPE(t)>; });
    case Op::Transpose:
      return for_size<Kernel>(out, [](auto t) -> Kernel { return transposed<FF_TYPE(t)>; });
    default:
      return nullptr;
  }
}
#undef FF_TYPE

#define FF_TEXT_OF(name) #name
#define FF_TEXT(name) FF_TEXT_OF(name)
extern const Kernels kernels;
const Kernels kernels = {FF_TEXT(FF_ISA), find_rect,   find_whole,
                         scratch_bytes,   burn<float>, burn<double>};

}  // namespace feedfwd::FF_ISA
