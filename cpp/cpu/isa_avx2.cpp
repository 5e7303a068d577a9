// Every kernel, compiled for avx2.
#include "cpu/kernels.h"
