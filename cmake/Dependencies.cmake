# Everything Penstock links, found in one place.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
include(Libfuse)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8)
# The same sums with the widest instructions that the processor has; not every build of it offers that.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::XXHASH)
check_cxx_source_compiles("#include <xxh_x86dispatch.h>
int main() { return XXH3_64bits_withSeed_dispatch(nullptr, 0, 0) == 0; }" XXHASH_DISPATCHES)
unset(CMAKE_REQUIRED_LIBRARIES)
# CRCs by the processor's own instructions.
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal>=2.30)
# Sorted sets of small values in few bytes.
find_package(absl REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(LibXml2 REQUIRED)
find_package(fmt REQUIRED)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core>=1.0 prometheus-cpp-pull>=1.0)
# The header alone: the shared library that distributions have beside it would be one more to install.
find_path(TOMLPLUSPLUS toml++/toml.h REQUIRED)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
