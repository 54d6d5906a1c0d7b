# Functions for the CMakeLists.txt of the folders.

# parallax_sources(TARGET [TENSORS file…] [TENSOR_FREE file…])
# Adds sources to a target. TENSOR_FREE ones include no LibTorch: its precompiled header would only
# cost them time and memory.
function(parallax_sources target)
  cmake_parse_arguments(PARSE_ARGV 1 sources "" "" "TENSORS;TENSOR_FREE")
  if(sources_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "parallax_sources(${target}): neither TENSORS nor TENSOR_FREE: ${sources_UNPARSED_ARGUMENTS}")
  endif()
  target_sources(${target} PRIVATE ${sources_TENSORS} ${sources_TENSOR_FREE})
  if(sources_TENSOR_FREE)
    set_source_files_properties(${sources_TENSOR_FREE} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# parallax_kernels(TARGET STEM…)
# Adds STEM_portable.cpp, STEM_avx2.cpp and STEM_avx512.cpp: kernels compiled once per instruction
# set, of which dispatch chooses one at run time. Kernels are worth -O3.
set(parallax_kernel_flags -O3 -fopenmp-simd -ffp-contract=fast -fno-math-errno -fno-trapping-math)
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
# relative where they are inside the project, so that a moved or copied clone goes on running.
function(parallax_runtime_folders output)
  set(entries "")
  foreach(folder IN LISTS ARGN)
    cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${folder}" NORMALIZE inside)
    if(inside)
      file(RELATIVE_PATH relative "${PROJECT_BINARY_DIR}" "${folder}")
      list(APPEND entries "$ORIGIN/${relative}")
    else()
      list(APPEND entries "${folder}")
    endif()
  endforeach()
  set(${output} "${entries}" PARENT_SCOPE)
endfunction()
