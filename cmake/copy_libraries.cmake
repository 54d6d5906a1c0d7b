# Part of `cmake --install`: copies the shared libraries `parallax_libraries` into `destination` under the
# names given (which are mostly links), without symbols where `--strip` was asked for.
file(MAKE_DIRECTORY "${destination}")
foreach(library IN LISTS parallax_libraries)
  get_filename_component(name "${library}" NAME)
  file(REAL_PATH "${library}" real)
  message(STATUS "Installing: ${destination}/${name}")
  file(REMOVE "${destination}/${name}")
  file(COPY_FILE "${real}" "${destination}/${name}")
  if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND "${strip}" --strip-unneeded "${destination}/${name}" COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
