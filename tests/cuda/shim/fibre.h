// Fibres: what a CUDA thread is on the host. A stack of its own above a guard page, and a switch
// that saves the callee's registers and nothing else.
#pragma once

#include <cstddef>
#include <vector>

namespace shim {

class Fibre {
 public:
  using Entry = void (*)(void* argument);

  Fibre();
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  // Runs entry(argument), to be resumed; it must end in a last yield() and not return.
  void start(Entry entry, void* argument);
  // From the scheduler: runs it until it yields.
  void resume();
  // From the fibre: back to the scheduler.
  void yield();

 private:
  static void enter(Fibre* self);

  char* base_;
  void* sp_ = nullptr;
  void* scheduler_sp_ = nullptr;
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  // For the address sanitizer, which must be told whose stack is in use.
  void* fake_ = nullptr;
  void* scheduler_fake_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_size_ = 0;
};

}  // namespace shim
