# PENSTOCK_PRECOMPILED: clang parses the headers of the standard library, fmt and Catch2 once, not in each of some ninety
# compilations, which takes 3 of 4 to 40 s each. Every source still includes what it uses: clang-tidy and the builds without
# this look at it alone. For clang: of gcc's time it saves a tenth of that, see docs/development.md.
option(PENSTOCK_PRECOMPILED "With clang: parse the standard library's headers once" OFF)

# penstock_precompile(NAME HEADERS...): an empty library whose precompiled header others take, see penstock_precompiled.
function(penstock_precompile name)
  if(NOT PENSTOCK_PRECOMPILED)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cc)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

# penstock_precompiled(TARGET FROM): the target has the headers of FROM ready. Both are compiled with the same options.
function(penstock_precompiled target from)
  if(PENSTOCK_PRECOMPILED)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

set(standard_headers <algorithm> <array> <atomic> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional>
    <random> <set> <span> <stop_token> <string> <string_view> <thread> <unordered_map> <utility> <variant> <vector>
    <fmt/format.h>)
