# Finds LibTorch as the unpacked PyPI wheel (a folder `torch` with `include/` and `lib/`) and defines
#   Torch::cpu   libtorch_cpu + libc10, enough for every CPU program
#   Torch::cuda  adds libtorch_cuda + libc10_cuda (only when PARALLAX_CUDA is on)
# The wheel's own CMake package is not used: it pulls in all of CUDA and asks for libraries that a
# CPU program never needs.
#
# Inputs: PARALLAX_TORCH_DIR       the folder `torch`, default third_party/torch
#         PARALLAX_CUDART_DIR      a folder with libcudart.so.13 and libcupti.so.13
set(PARALLAX_TORCH_DIR "${PROJECT_SOURCE_DIR}/third_party/torch" CACHE PATH
    "LibTorch: the folder 'torch' of the unpacked PyPI wheel")

find_path(Torch_INCLUDE_DIR ATen/ATen.h PATHS "${PARALLAX_TORCH_DIR}/include" NO_DEFAULT_PATH)
find_library(Torch_CPU_LIBRARY torch_cpu PATHS "${PARALLAX_TORCH_DIR}/lib" NO_DEFAULT_PATH)
find_library(Torch_C10_LIBRARY c10 PATHS "${PARALLAX_TORCH_DIR}/lib" NO_DEFAULT_PATH)
find_file(Torch_OPENMP_LIBRARY libgomp.so.1 PATHS "${PARALLAX_TORCH_DIR}/lib" NO_DEFAULT_PATH)

# libtorch_cpu of the CUDA wheel needs two small CUDA libraries at run time, even without a GPU.
find_path(PARALLAX_CUDART_DIR libcudart.so.13
    PATHS "${PROJECT_SOURCE_DIR}/third_party/cuda-runtime/lib"
          /usr/local/cuda/lib64 /usr/local/cuda/lib /usr/lib/x86_64-linux-gnu
    DOC "A folder with libcudart.so.13")
find_path(PARALLAX_CUPTI_DIR libcupti.so.13
    PATHS "${PROJECT_SOURCE_DIR}/third_party/cuda-runtime/lib"
          /usr/local/cuda/lib64 /usr/local/cuda/lib /usr/local/cuda/extras/CUPTI/lib64
          /usr/lib/x86_64-linux-gnu
    DOC "A folder with libcupti.so.13")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Torch
    REQUIRED_VARS Torch_CPU_LIBRARY Torch_C10_LIBRARY Torch_OPENMP_LIBRARY Torch_INCLUDE_DIR PARALLAX_CUDART_DIR
                  PARALLAX_CUPTI_DIR
    REASON_FAILURE_MESSAGE "run scripts/setup.sh, which downloads and unpacks LibTorch")

if(Torch_FOUND AND NOT TARGET Torch::cpu)
  # The wheel carries its own {fmt}, newer than the system's and without its library; an include path
  # with everything but that keeps the program on one version.
  set(Torch_LINKED_INCLUDE_DIR "${PROJECT_BINARY_DIR}/torch_include")
  file(MAKE_DIRECTORY "${Torch_LINKED_INCLUDE_DIR}")
  file(GLOB Torch_HEADER_ENTRIES "${Torch_INCLUDE_DIR}/*")
  foreach(entry IN LISTS Torch_HEADER_ENTRIES)
    get_filename_component(name "${entry}" NAME)
    if(NOT name STREQUAL "fmt")
      file(CREATE_LINK "${entry}" "${Torch_LINKED_INCLUDE_DIR}/${name}" SYMBOLIC)
    endif()
  endforeach()

  add_library(Torch::cpu INTERFACE IMPORTED)
  target_include_directories(Torch::cpu SYSTEM INTERFACE
      "${Torch_LINKED_INCLUDE_DIR}" "${Torch_LINKED_INCLUDE_DIR}/torch/csrc/api/include")
  # Named without their folder, which CMake would write into what it builds as an absolute path.
  # The OpenMP runtime that LibTorch brings is the one to use: two in one process oversubscribe.
  target_link_libraries(Torch::cpu INTERFACE -ltorch_cpu -lc10 -l:libgomp.so.1)
  target_link_options(Torch::cpu INTERFACE "-L${PARALLAX_TORCH_DIR}/lib"
      "LINKER:-rpath-link,${PARALLAX_CUDART_DIR}" "LINKER:-rpath-link,${PARALLAX_CUPTI_DIR}"
      # libtorch_cpu has no path to the CUDA runtime; DT_RPATH is inherited, DT_RUNPATH is not.
      "LINKER:--disable-new-dtags")
  # What is built looks for them here; see parallax_runtime_folders.
  set(Torch_RUNTIME_FOLDERS "${PARALLAX_TORCH_DIR}/lib" "${PARALLAX_CUDART_DIR}" "${PARALLAX_CUPTI_DIR}")
  list(REMOVE_DUPLICATES Torch_RUNTIME_FOLDERS)
  if(PARALLAX_CUDA)
    find_library(Torch_CUDA_LIBRARY torch_cuda PATHS "${PARALLAX_TORCH_DIR}/lib" NO_DEFAULT_PATH REQUIRED)
    find_library(Torch_C10_CUDA_LIBRARY c10_cuda PATHS "${PARALLAX_TORCH_DIR}/lib" NO_DEFAULT_PATH REQUIRED)
    add_library(Torch::cuda INTERFACE IMPORTED)
    # libtorch_cuda registers its operators when loaded; no symbol of it is named, so keep it.
    target_link_libraries(Torch::cuda INTERFACE Torch::cpu
        "-Wl,--no-as-needed" -ltorch_cuda -lc10_cuda "-Wl,--as-needed")
    # cuDNN, NCCL and the like may be missing at link time; they are found at run time.
    target_link_options(Torch::cuda INTERFACE "LINKER:--allow-shlib-undefined")
  endif()
endif()
mark_as_advanced(Torch_INCLUDE_DIR Torch_CPU_LIBRARY Torch_C10_LIBRARY Torch_OPENMP_LIBRARY)
