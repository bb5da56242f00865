# PENSTOCK_PRECOMPILED: clang parses the headers of the standard library, fmt and Catch2 once. Else it does so in each of some
# ninety compilations, for 3 s of a CPU. Every source still includes what it uses: clang-tidy and the builds without this
# look at it alone. gcc would gain little, see docs/development.md.
option(PENSTOCK_PRECOMPILED "With clang: parse the standard library's headers once" OFF)

# penstock_precompile(NAME LINK LIBRARY... HEADERS HEADER...): an empty library whose precompiled headers other targets take,
# see penstock_precompiled.
function(penstock_precompile name)
  if(NOT PENSTOCK_PRECOMPILED)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "LINK;HEADERS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${arg_LINK} fmt::fmt Threads::Threads)
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
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
