# Functions for the CMakeLists.txt of the folders.

# Where a source includes LibTorch, GCC makes templates of its headers anew for two seconds, however
# little the source does. So several are compiled as one, if PARALLAX_UNITY is on.
set(parallax_unit_size 10)

# parallax_unite(TARGET KIND RESULT file…)
# Puts sources of a target into units of about parallax_unit_size. Neighbours in a list go into
# different ones, as those often use the same names for what only they see. The units' files are
# returned. Sources with flags of their own stay alone, as CMake has it.
function(parallax_unite target kind result)
  list(LENGTH ARGN count)
  math(EXPR units "(${count} + ${parallax_unit_size} - 1) / ${parallax_unit_size}")
  set(files "")
  set(index 0)
  foreach(source IN LISTS ARGN)
    math(EXPR unit "${index} % ${units}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${kind}_${unit}")
    list(APPEND files "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${target}.dir/Unity/unity_${kind}_${unit}_cxx.cxx")
    math(EXPR index "${index} + 1")
  endforeach()
  list(REMOVE_DUPLICATES files)
  set(${result} ${files} PARENT_SCOPE)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${PARALLAX_UNITY} UNITY_BUILD_MODE GROUP)
endfunction()

# parallax_sources(TARGET [TENSORS file…] [TENSOR_FREE file…])
# Adds sources to a target. TENSOR_FREE ones include no LibTorch: its precompiled header would only
# cost them time and memory.
function(parallax_sources target)
  cmake_parse_arguments(PARSE_ARGV 1 sources "" "" "TENSORS;TENSOR_FREE")
  if(sources_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "parallax_sources(${target}): neither TENSORS nor TENSOR_FREE: ${sources_UNPARSED_ARGUMENTS}")
  endif()
  target_sources(${target} PRIVATE ${sources_TENSOR_FREE} ${sources_TENSORS})
  if(sources_TENSORS)
    parallax_unite(${target} tensors units ${sources_TENSORS})
  endif()
  if(sources_TENSOR_FREE)
    parallax_unite(${target} tensor_free units ${sources_TENSOR_FREE})
    set_source_files_properties(${sources_TENSOR_FREE} ${units} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# parallax_kernels(TARGET STEM…)
# Adds STEM_portable.cpp, STEM_avx2.cpp and STEM_avx512.cpp: kernels compiled once per instruction
# set, of which dispatch chooses one at run time. Kernels are worth -O3.
set(parallax_kernel_flags -O3 -fopenmp-simd -ffp-contract=fast -fno-math-errno -fno-trapping-math)
if(PARALLAX_SANITIZER MATCHES "thread")
  # They start no threads and have no locks, and would take most of the time.
  list(APPEND parallax_kernel_flags -fno-sanitize=thread)
endif()
set(parallax_kernel_flags_portable "")
set(parallax_kernel_flags_avx2 -mavx2 -mfma)
set(parallax_kernel_flags_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512)
function(parallax_kernels target)
  foreach(stem IN LISTS ARGN)
    foreach(instructions portable avx2 avx512)
      parallax_sources(${target} TENSOR_FREE ${stem}_${instructions}.cpp)
      set_source_files_properties(${stem}_${instructions}.cpp PROPERTIES COMPILE_OPTIONS
          "${parallax_kernel_flags};${parallax_kernel_flags_${instructions}}")
    endforeach()
  endforeach()
endfunction()

# parallax_runtime_folders(OUTPUT FOLDER…)
# Turns folders of shared libraries into entries for the RPATH of what lies in the build folder:
# relative where both are inside the project, so that a moved or copied clone goes on running.
function(parallax_runtime_folders output)
  set(entries "")
  cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${PROJECT_BINARY_DIR}" NORMALIZE built_inside)
  foreach(folder IN LISTS ARGN)
    cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${folder}" NORMALIZE inside)
    if(inside AND built_inside)
      file(RELATIVE_PATH relative "${PROJECT_BINARY_DIR}" "${folder}")
      list(APPEND entries "$ORIGIN/${relative}")
    else()
      list(APPEND entries "${folder}")
    endif()
  endforeach()
  set(${output} "${entries}" PARENT_SCOPE)
endfunction()
