# penstock::libfuse: the newer libfuse that scripts/build-libfuse has put into build/libfuse, else the distribution's.
# PENSTOCK_LIBFUSE_VERSION says which.
option(PENSTOCK_SYSTEM_LIBFUSE "Use the distribution's libfuse although there is one in build/libfuse" OFF)
set(newer_libfuse ${CMAKE_SOURCE_DIR}/build/libfuse)

add_library(penstock_libfuse INTERFACE)
add_library(penstock::libfuse ALIAS penstock_libfuse)
if(EXISTS ${newer_libfuse}/version AND NOT PENSTOCK_SYSTEM_LIBFUSE)
  file(STRINGS ${newer_libfuse}/version PENSTOCK_LIBFUSE_VERSION)
  message(STATUS "libfuse: ${PENSTOCK_LIBFUSE_VERSION} from build/libfuse")
  target_include_directories(penstock_libfuse SYSTEM INTERFACE ${newer_libfuse}/include/fuse3)
  target_link_libraries(penstock_libfuse INTERFACE ${newer_libfuse}/lib/libfuse3.a Threads::Threads)
  # What its io_uring needs, static too: the program then runs where only the distribution's fuse3 is installed.
  foreach(library uring numa)
    find_library(LIB${library} NAMES lib${library}.a REQUIRED)
    target_link_libraries(penstock_libfuse INTERFACE ${LIB${library}})
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${newer_libfuse}/version)
else()
  pkg_check_modules(FUSE3 REQUIRED IMPORTED_TARGET fuse3>=3.14)
  set(PENSTOCK_LIBFUSE_VERSION ${FUSE3_VERSION})
  message(STATUS "libfuse: ${PENSTOCK_LIBFUSE_VERSION}, the distribution's")
  target_link_libraries(penstock_libfuse INTERFACE PkgConfig::FUSE3)
  # Said here too: tests with a libfuse of their own take the headers alone.
  target_include_directories(penstock_libfuse SYSTEM INTERFACE ${FUSE3_INCLUDE_DIRS})
endif()
