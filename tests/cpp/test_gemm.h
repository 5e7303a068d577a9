// What test_gemm_isa.cpp offers to test_gemm.cpp for each instruction set.
#pragma once

#include <cstdint>

namespace feedfwd {

template <class T>
struct Product {
  const T* a;
  int64_t lda;
  bool trans_a;
  const T* b;
  int64_t ldb;
  bool trans_b;
  T* c;
  int64_t ldc;
  int64_t m, n, k;
  bool lanes;
};

// Called for every finished rectangle.
struct Finished {
  void (*tile)(void* context, int64_t row0, int64_t row1, int64_t col0, int64_t col1);
  void* context;
};

struct GemmEntry {
  void (*f32)(const Product<float>&, float* scratch, int part, int parts, Finished);
  void (*f64)(const Product<double>&, double* scratch, int part, int parts, Finished);
  int64_t (*scratch_bytes)(bool f64, int64_t m, int64_t n, int64_t k, bool lanes);
};

#define FF_GEMM_ENTRY(isa)      \
  namespace isa {               \
  extern const GemmEntry kGemm; \
  }
FF_GEMM_ENTRY(generic)
FF_GEMM_ENTRY(avx2)
FF_GEMM_ENTRY(avx512)
FF_GEMM_ENTRY(neon)
#undef FF_GEMM_ENTRY

}  // namespace feedfwd
