// The matmul of one instruction set, for test_gemm.cpp.
#include "test_gemm.h"

#include "cpu/gemm_column.h"
#include "cpu/gemm_lanes.h"

namespace feedfwd::FF_ISA {

template <class T>
void multiply(const Product<T>& p, T* scratch, int part, int parts, Finished finished) {
  const GemmArgs<T> g{p.a, p.lda, p.trans_a, p.b, p.ldb, p.trans_b,
                      p.c, p.ldc, p.m,       p.n, p.k,   scratch};
  const Epilogue epilogue{finished.tile, finished.context};
  if (p.lanes) {
    gemm_lanes<T>(g, part, parts, epilogue);
  } else {
    gemm<T>(g, part, parts, Split::free, epilogue);
  }
}

int64_t scratch_bytes(bool f64, int64_t m, int64_t n, int64_t k, bool lanes) {
  if (lanes) return f64 ? gemm_lanes_scratch<double>(n, k) : gemm_lanes_scratch<float>(n, k);
  return f64 ? gemm_scratch<double>(m, n, k) : gemm_scratch<float>(m, n, k);
}

const GemmEntry kGemm{&multiply<float>, &multiply<double>, &scratch_bytes};

}  // namespace feedfwd::FF_ISA
