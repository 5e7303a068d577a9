// What a graph costs, told from its shapes.
#pragma once

#include <cstdint>

#include "core/graph.h"

namespace feedfwd {

// Floating-point operations of the nodes from `first_node` on, for one row of the batch: two for
// each multiplication with its addition in a matmul, one for each element that an elementwise op
// makes (an elementary function counts as one) or a reduction reads, five for each element of a
// softmax (maximum, difference, exp, sum, quotient), none for what only moves values. What does not
// depend on the batch counts once. Throws std::invalid_argument beyond 2^63 - 1.
int64_t flops_of(const Graph& graph, size_t first_node = 0);

}  // namespace feedfwd
