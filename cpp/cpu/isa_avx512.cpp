// Every kernel, compiled for avx512.
#include "cpu/kernels.h"
