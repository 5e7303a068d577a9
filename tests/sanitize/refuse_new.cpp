// Loaded before AddressSanitizer: its operator new ends the process where the standard's throws,
// and takes what this machine cannot hold. Sizes above the machine's memory throw here, as they do
// without a sanitizer; everything else is passed on, so that no check is lost.
#include <dlfcn.h>
#include <unistd.h>

#include <cstddef>
#include <new>

namespace {

void check(std::size_t size) {
  static const std::size_t limit = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (size > limit) throw std::bad_alloc();
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void* operator new(std::size_t size) {
  static const auto real = next<void*(std::size_t)>("_Znwm");
  check(size);
  return real(size);
}

void* operator new[](std::size_t size) {
  static const auto real = next<void*(std::size_t)>("_Znam");
  check(size);
  return real(size);
}

void* operator new(std::size_t size, std::align_val_t align) {
  static const auto real = next<void*(std::size_t, std::align_val_t)>("_ZnwmSt11align_val_t");
  check(size);
  return real(size, align);
}
