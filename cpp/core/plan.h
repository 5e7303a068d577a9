// plan: Graph -> ordered instructions with fusion, hazards and arena offsets. A pure function;
// str() is the debug view.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/graph.h"

namespace feedfwd {

// Where an operand lives. Offsets are bytes within the space; `index` selects among several blocks
// of one space.
enum class Space : uint8_t {
  work,      // one arena of temporaries, reused as lifetimes end
  variable,  // index = variable
  gradient,  // index = variable, slot = which arena (shards); the variable's layout
  slot,      // index = variable, slot = which optimizer slot; the variable's layout
  input,     // index = graph input: the gather's source
  output,    // index = requested output, dense
  constant,  // index = graph constant
};

struct Operand {
  Space space = Space::work;
  int index = 0;
  int slot = 0;
  int64_t offset = 0;  // bytes
  Extent rows, cols;
  int64_t row_stride = 0, col_stride = 1;
  DType dtype = DType::f32;
};

struct PlanInstr {
  Op op = Op::Copy;
  Attrs attrs;
  std::vector<Operand> in, out;
  int fused = 0;  // how many of the following run on this one's output tile by tile (backend.h)
};

// Memory form of a variable (numerics, rule 9): row stride rounded up to 16 unless there are at
// most 4 columns.
struct Layout {
  int64_t rows = 1, cols = 1, row_stride = 1;
  int64_t elements() const { return checked_mul(rows, row_stride); }  // pads included
  int64_t bytes(DType dtype) const {
    return checked_mul(elements(), static_cast<int64_t>(size_of(dtype)));
  }
};
Layout layout_of(const Shape& shape);

enum class Clip : uint8_t { none, norm, global_norm, value };

struct UpdateRequest {
  FunctionId optimizer = 0;  // place in FF_OPTIMIZERS
  int flags = 0;
  int slots = 0;
  Clip clip = Clip::none;
  double clip_at = 0;
  std::vector<std::pair<int, ValueId>> gradients;  // (variable, its gradient), in arena order
  std::vector<int> decayed;                        // variables that weight decay applies to
};

struct PlanRequest {
  std::vector<ValueId> outputs;    // copied out densely
  std::vector<DType> input_types;  // dtype of each input as the data holds it; cast while gathering
  ValueId loss = kNoValue;         // recorded each step where given
  bool has_update = false;
  UpdateRequest update;
  bool write_back = true;  // store the graph's assigned variables
  std::vector<int>
      per_step;  // assigned variables stored once a step, not once a shard (dropout counters)
  int64_t capacity = 1;  // most rows of a shard
  int shards = 1;
  bool fuse = true;
  uint64_t order_seed = 0;  // not 0: a random legal order, for tests
  bool guard = false;       // guard bands around the slots of the work arena, for tests
  // Temporaries that need no more than that together all get a place of their own, which leaves
  // threads less to wait for; beyond it places are used again, which saves memory and cache.
  int64_t roomy_bytes = int64_t{1} << 20;
};

// 64 bytes of the work arena that no instruction may touch.
struct Guard {
  int64_t offset = 0;
  std::string slot;  // whom it guards
};

// One variable's place in the gradient arena.
struct GradientSlot {
  int variable = 0;
  DType dtype = DType::f32;
  Layout layout;
};

struct Plan {
  std::vector<PlanInstr> instrs;
  int64_t work_bytes = 0;
  int64_t capacity = 1;  // most rows of a shard
  int shards = 1;
  std::vector<DType> input_types;       // of the data, one per graph input
  std::vector<int64_t> input_cols;      // elements per row of the data
  std::vector<ValueType> outputs;       // dense
  std::vector<GradientSlot> gradients;  // in arena order
  int gradient_arenas = 0;              // more than one where shards are added up
  std::vector<Guard> guards;
  std::string str() const;
};

// Throws std::invalid_argument for a request the graph cannot meet and for sizes that overflow.
Plan make_plan(const Graph& graph, const PlanRequest& request);

}  // namespace feedfwd
