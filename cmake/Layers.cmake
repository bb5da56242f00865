# penstock_layer(NAME DEPENDS OTHER...): one static library from src/NAME, linked to nothing but its DEPENDS.
function(penstock_layer name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  add_library(penstock_${name} STATIC ${sources})
  target_include_directories(penstock_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
  target_compile_definitions(penstock_${name} PRIVATE PENSTOCK_VERSION="${PROJECT_VERSION}")
  list(TRANSFORM arg_DEPENDS PREPEND penstock_)
  target_link_libraries(penstock_${name} PUBLIC ${arg_DEPENDS} Threads::Threads PRIVATE penstock_warnings)
  penstock_unity(penstock_${name})
  penstock_precompiled(penstock_${name} precompiled)
endfunction()

# penstock_folder(LAYER/FOLDER DEPENDS OTHER...): which folders of its own layer this one may include. It builds nothing:
# the table is for scripts/check_layers.py.
function(penstock_folder name)
  if(NOT IS_DIRECTORY ${CMAKE_SOURCE_DIR}/src/${name})
    message(FATAL_ERROR "penstock_folder: there is no src/${name}")
  endif()
endfunction()
