# Flags for every target of the project: warnings are errors, sanitizers come from PENSTOCK_SANITIZE.
# Designated initialisers leave fields at their defaults on purpose: -Wmissing-field-initializers is off.
add_library(penstock_warnings INTERFACE)
set(shadow -Wshadow)
if(PENSTOCK_UNITY)
  # What one source names for itself may be the name of something local in the next: that hides nothing.
  set(shadow $<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wno-shadow>)
endif()
target_compile_options(penstock_warnings INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers ${shadow} -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  "$<$<CXX_COMPILER_ID:Clang>:-Wthread-safety;-Wreserved-identifier>"
  # gcc 12 sees uninitialised reads in moves of a Result once it inlines them into a Callback.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(PENSTOCK_SANITIZE)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)  # what the standard library can check is checked as well
  # gcc and clang have no name for this in common.
  string(TOUPPER ${PENSTOCK_SANITIZE} sanitizers)
  string(REGEX REPLACE "([A-Z]+),?" "PENSTOCK_SANITIZES_\\1;" sanitizers ${sanitizers})
  add_compile_definitions(${sanitizers})
  # By clang, and not optimised: sixteen sources of src/fs take it 15 s with AddressSanitizer and UBSan and 14 s with
  # ThreadSanitizer; gcc 12 takes 23 and 19 s, and optimised (-O1) 43 and 23 s.
  add_compile_options(-fsanitize=${PENSTOCK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O0)
  if(PENSTOCK_SANITIZE MATCHES undefined)
    # AddressSanitizer sees these as they happen; checking each pointer before it is used takes a quarter of the compiler's
    # time.
    add_compile_options(-fno-sanitize=null,object-size)
  endif()
  add_link_options(-fsanitize=${PENSTOCK_SANITIZE})
  if(PENSTOCK_SANITIZE MATCHES thread)
    add_compile_definitions(PENSTOCK_SHAKE)  # src/base/shake.h
  endif()
endif()
if(PENSTOCK_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# Line numbers are all that a stack trace needs; whole debug information takes a third of the compiler's time.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-g1>)
