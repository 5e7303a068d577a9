// Stream: data too large for a backend's memory, brought there in pieces. While the steps of one
// piece run, the rows of the next are put together and copied.
#pragma once

#include <functional>
#include <vector>

#include "core/program.h"

namespace feedfwd {

class Stream {
 public:
  using RunPiece =
      std::function<StepState(const Program::Run& run, const std::vector<const void*>& inputs)>;

  // Throws std::bad_alloc where an array of the backend's own memory is among them that has no
  // host memory to be read from.
  Stream(const std::vector<Source>& sources, std::shared_ptr<Backend> backend);

  // `run`, piece by piece: a piece is a run over an epoch of its own rows. The same steps, the same
  // bits.
  StepState run(const Program::Run& run, const RunPiece& run_piece);

 private:
  // Rows on their way, and there.
  struct Buffer {
    std::vector<std::vector<char>> host;  // by source
    std::vector<Block> blocks;
    std::vector<const void*> inputs;
  };
  // Memory for pieces of so many rows, of fewer where it runs out, but of `least`; how many.
  int64_t reserve(int64_t rows, int64_t least);
  void fill(Buffer& buffer, const Program::Run& piece, const int64_t* order);

  std::vector<Source> sources_;
  std::shared_ptr<Backend> backend_;
  int64_t row_bytes_ = 0, reserved_rows_ = 0;
  Buffer buffers_[2];
};

}  // namespace feedfwd
