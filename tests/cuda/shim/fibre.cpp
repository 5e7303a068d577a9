#include "fibre.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SHIM_ASAN 1
#else
#define SHIM_ASAN 0
#endif

// shim_switch(save, load): keeps this stack's pointer in *save and goes on with `load`.
// shim_begin: where a new stack starts; its first two kept registers are function and argument.
#if defined(__x86_64__)
asm(R"(
.text
.globl shim_switch
shim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.globl shim_begin
shim_begin:
  movq %r13, %rdi
  call *%r12
  ud2
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl shim_switch
shim_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.globl shim_begin
shim_begin:
  mov x0, x20
  blr x19
  brk #0
)");
#else
#error "the host shim has no context switch for this machine"
#endif

extern "C" void shim_switch(void** save, void* load);
extern "C" void shim_begin();

namespace shim {

namespace {

constexpr size_t kStack = SHIM_ASAN ? size_t{256} << 10 : size_t{64} << 10;

size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

Fibre::Fibre() {
  void* at = mmap(nullptr, page() + kStack, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<char*>(at);
  mprotect(base_, page(), PROT_NONE);
}

Fibre::~Fibre() { munmap(base_, page() + kStack); }

void Fibre::start(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  auto* top = reinterpret_cast<uint64_t*>(base_ + page() + kStack);
#if defined(__x86_64__)
  // r15 r14 r13 r12 rbx rbp, the address to go to, and what makes the stack start at 16 bytes.
  uint64_t* sp = top - 9;
  for (int k = 0; k < 9; ++k) sp[k] = 0;
  sp[2] = reinterpret_cast<uint64_t>(this);
  sp[3] = reinterpret_cast<uint64_t>(&Fibre::enter);
  sp[6] = reinterpret_cast<uint64_t>(&shim_begin);
#else
  uint64_t* sp = top - 20;
  for (int k = 0; k < 20; ++k) sp[k] = 0;
  sp[0] = reinterpret_cast<uint64_t>(&Fibre::enter);
  sp[1] = reinterpret_cast<uint64_t>(this);
  sp[11] = reinterpret_cast<uint64_t>(&shim_begin);
#endif
  sp_ = sp;
  fake_ = nullptr;
}

void Fibre::enter(Fibre* self) {
#if SHIM_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_stack_, &self->scheduler_size_);
#endif
  self->entry_(self->argument_);
}

void Fibre::resume() {
#if SHIM_ASAN
  __sanitizer_start_switch_fiber(&scheduler_fake_, base_ + page(), kStack);
#endif
  shim_switch(&scheduler_sp_, sp_);
#if SHIM_ASAN
  __sanitizer_finish_switch_fiber(scheduler_fake_, nullptr, nullptr);
#endif
}

void Fibre::yield() {
#if SHIM_ASAN
  __sanitizer_start_switch_fiber(&fake_, scheduler_stack_, scheduler_size_);
#endif
  shim_switch(&sp_, scheduler_sp_);
#if SHIM_ASAN
  __sanitizer_finish_switch_fiber(fake_, &scheduler_stack_, &scheduler_size_);
#endif
}

}  // namespace shim
