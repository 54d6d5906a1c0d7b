# What `cmake --install` puts where, by component:
#   runtime     the programs, the library for PyTorch, bundled models and scenes, completions, man page
#   libtorch    LibTorch's libraries for the CPU and what they load, always beside the program
#   libraries   all other shared libraries but those of the C and C++ runtime; for packages alone, as a
#               program installed on the machine that built it finds them in the system
# Everything is found relative to the program, so that the prefix may be moved as a whole.
install(TARGETS parallax RUNTIME DESTINATION bin COMPONENT runtime)
install(TARGETS parallax-compute RUNTIME DESTINATION ${PARALLAX_LIBRARY_DIR} COMPONENT runtime)
install(TARGETS parallax_torch parallax_video LIBRARY DESTINATION ${PARALLAX_LIBRARY_DIR} COMPONENT runtime)
install(DIRECTORY assets DESTINATION share/parallax COMPONENT runtime)
install(FILES LICENSE docs/THIRD_PARTY.md DESTINATION share/doc/parallax COMPONENT runtime OPTIONAL)
set_target_properties(parallax PROPERTIES INSTALL_RPATH "$ORIGIN/../${PARALLAX_LIBRARY_DIR}")
set_target_properties(parallax-compute parallax_torch parallax_video PROPERTIES INSTALL_RPATH "$ORIGIN")

# Completions and the man page are written by the program from its own options, so that they cannot
# say anything else. zsh of Debian's packages looks in another folder than that of a local prefix.
install(CODE "
  set(program \"$<TARGET_FILE:parallax>\")
  set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  set(zsh_folder share/zsh/site-functions)
  if(CMAKE_INSTALL_PREFIX MATCHES \"/usr\$\")
    set(zsh_folder share/zsh/vendor-completions)
  endif()
  include(\"${PROJECT_SOURCE_DIR}/cmake/write_completions.cmake\")"
    COMPONENT runtime)

# A build with CUDA needs libraries of several gigabytes more, which belong to the machine's driver
# and to Python's packages: packages are made of the CPU build.
file(GLOB parallax_libtorch_files
    "${PARALLAX_CUDART_DIR}/libcudart.so.13" "${PARALLAX_CUPTI_DIR}/libcupti.so.13")
list(APPEND parallax_libtorch_files "${Torch_CPU_LIBRARY}" "${Torch_C10_LIBRARY}" "${Torch_OPENMP_LIBRARY}")
if(PARALLAX_CUDA)
  list(APPEND parallax_libtorch_files "${Torch_CUDA_LIBRARY}" "${Torch_C10_CUDA_LIBRARY}")
endif()
# Their licences come with their wheels.
file(GLOB parallax_wheels CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
    third_party/torch-*.dist-info third_party/cuda-runtime/*.dist-info)
foreach(wheel IN LISTS parallax_wheels)
  cmake_path(GET wheel STEM LAST_ONLY wheel_name)
  install(DIRECTORY ${wheel}/ DESTINATION share/doc/parallax/copyright/${wheel_name} COMPONENT libtorch
      FILES_MATCHING PATTERN "*LICENSE*" PATTERN "*License*" PATTERN "*NOTICE*")
endforeach()
install(CODE "
  set(parallax_libraries \"${parallax_libtorch_files}\")
  set(destination \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${PARALLAX_LIBRARY_DIR}\")
  set(strip \"${CMAKE_STRIP}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/copy_libraries.cmake\")"
    COMPONENT libtorch)
install(CODE "
  set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  set(destination \"\${root}/${PARALLAX_LIBRARY_DIR}\")
  set(preferred \"${PROJECT_SOURCE_DIR}/build/package-libraries/prefix/lib\")
  set(strip \"${CMAKE_STRIP}\")
  include(\"${PROJECT_SOURCE_DIR}/cmake/bundle_libraries.cmake\")"
    COMPONENT libraries EXCLUDE_FROM_ALL)
