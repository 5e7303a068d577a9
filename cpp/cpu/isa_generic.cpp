// Every kernel, compiled for generic.
#include "cpu/kernels.h"
