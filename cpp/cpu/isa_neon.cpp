// Every kernel, compiled for neon.
#include "cpu/kernels.h"
