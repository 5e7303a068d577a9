#include "core/stream.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <limits>
#include <new>
#include <system_error>

namespace feedfwd {
namespace {

constexpr int64_t kPieceBytes = int64_t{64} << 20;

// `task` on a thread of its own, or where there is none left when it is waited for.
std::future<void> begin(const std::function<void()>& task) {
  try {
    return std::async(std::launch::async, task);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, task);
  }
}

}  // namespace

Stream::Stream(const std::vector<Source>& sources, std::shared_ptr<Backend> backend)
    : sources_(sources), backend_(std::move(backend)) {
  for (const Source& s : sources_) {
    if (s.is_there) throw std::bad_alloc();
    row_bytes_ = checked_add(row_bytes_, s.row_bytes());
  }
}

int64_t Stream::reserve(int64_t rows, int64_t least) {
  if (rows <= reserved_rows_) return reserved_rows_ / least * least;
  for (Buffer& buffer : buffers_) buffer.blocks.clear();
  for (reserved_rows_ = 0;; rows = std::max(least, rows / 2 / least * least)) {
    try {
      for (Buffer& buffer : buffers_) {
        buffer.inputs.clear();
        for (const Source& s : sources_) {
          const int64_t bytes = checked_mul(rows, s.row_bytes());
          buffer.blocks.push_back(backend_->allocate_unset(static_cast<size_t>(bytes)));
          buffer.inputs.push_back(buffer.blocks.back().data);
        }
      }
      return reserved_rows_ = rows;
    } catch (const std::bad_alloc&) {
      for (Buffer& buffer : buffers_) buffer.blocks.clear();
      if (rows == least) throw;
    }
  }
}

// The rows [first_row, total_rows) of the epoch that `piece` stands for.
void Stream::fill(Buffer& buffer, const Program::Run& piece, const int64_t* order) {
  buffer.host.resize(sources_.size());
  const int64_t rows = piece.total_rows - piece.first_row;
  for (size_t k = 0; k < sources_.size(); ++k) {
    const int64_t width = sources_[k].row_bytes();
    const size_t bytes = static_cast<size_t>(checked_mul(rows, width));
    const char* from = static_cast<const char*>(sources_[k].block.data);
    if (order != nullptr) {
      buffer.host[k].resize(std::max(bytes, buffer.host[k].size()));
      char* to = buffer.host[k].data();
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(to + r * width, from + order[piece.first_row + r] * width,
                    static_cast<size_t>(width));
      from = to;
    } else {
      from += piece.first_row * width;
    }
    backend_->upload(buffer.blocks[k].data, from, bytes);
  }
}

StepState Stream::run(const Program::Run& run, const RunPiece& run_piece) {
  if (run.steps == 0) return {};
  const int64_t batch_bytes = std::max<int64_t>(1, checked_mul(row_bytes_, run.batch_size));
  const int64_t wanted =
      std::min(run.steps, std::max<int64_t>(1, kPieceBytes / batch_bytes)) * run.batch_size;
  const int64_t most = reserve(wanted, run.batch_size) / run.batch_size;  // steps of a piece
  const auto piece_from = [&](int64_t step) {
    Program::Run piece = run;
    piece.steps = std::min(most, run.steps - step);
    piece.first_row = run.first_row + step * run.batch_size;
    piece.total_rows = std::min(run.total_rows, piece.first_row + piece.steps * run.batch_size);
    if (run.scalars) piece.scalars = run.scalars + step * kStepScalars;
    if (run.losses) piece.losses = run.losses + step;
    return piece;
  };
  StepState state;
  fill(buffers_[0], piece_from(0), run.order);
  for (int64_t step = 0, k = 0; step < run.steps; step += most, k = 1 - k) {
    Program::Run piece = piece_from(step);
    std::future<void> next;
    if (step + most < run.steps) {
      next = begin(
          [&, k, after = piece_from(step + most)] { fill(buffers_[1 - k], after, run.order); });
    }
    piece.total_rows -= piece.first_row;
    piece.first_row = 0;
    piece.order = nullptr;
    state = run_piece(piece, buffers_[k].inputs);
    if (next.valid()) next.get();
    state.index += step;
    if (state.bad_step < 0) continue;
    state.bad_step += step;
    const int64_t left = step + piece.steps;
    for (int64_t s = left; run.losses && s < run.steps; ++s) {
      run.losses[s] = std::numeric_limits<double>::quiet_NaN();
    }
    break;
  }
  return state;
}

}  // namespace feedfwd
