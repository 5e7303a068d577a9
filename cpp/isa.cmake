# The instruction sets of the target machine's family, and the flags each one's sources get.
# "generic" is plain C++ and exists everywhere.
set(FF_FLAGS_generic "")
set(FF_FLAGS_avx2 -mavx2 -mfma)
set(FF_FLAGS_avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512)
set(FF_FLAGS_neon "")

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(FF_ISAS generic avx2 avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(FF_ISAS generic neon)
else()
  set(FF_ISAS generic)
endif()
# Some of them only, for a build that must be quick.
set(FEEDFWD_ISAS "" CACHE STRING "Instruction sets to build, generic among them; empty: all")
if(FEEDFWD_ISAS)
  set(FF_ISAS ${FEEDFWD_ISAS})
endif()

# Adds `source` to `target`, compiled for instruction set `isa`. Everything in it lives in
# namespace feedfwd::FF_ISA; FF_HAVE_AVX2, ... tell the rest of `target` and its users that it exists.
function(ff_add_isa_source target isa source)
  get_filename_component(name ${source} NAME_WE)
  string(TOUPPER ${isa} upper)
  set(objects ${target}.${name}.${isa})
  add_library(${objects} OBJECT ${source})
  target_compile_definitions(${objects} PRIVATE FF_ISA=${isa} FF_ISA_${upper}=1)
  # Where a stride of 1 is worth a loop of its own, the source has one.
  target_compile_options(${objects} PRIVATE ${FF_FLAGS_${isa}}
    $<$<CXX_COMPILER_ID:GNU>:-fno-version-loops-for-strides>)
  target_link_libraries(${objects} PRIVATE ff_core)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
  target_compile_definitions(${target} PUBLIC FF_HAVE_${upper}=1)
endfunction()
