# Part of `cmake --install`: has `program` write completions and the man page below `root`. They name the
# bundled models, but not those of who builds it.
function(write_from_program path)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env --unset=PARALLAX_ASSETS XDG_DATA_HOME=/nonexistent
      "${program}" ${ARGN}
      OUTPUT_VARIABLE text RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${program} ${ARGN} failed: build the target 'parallax' before installing")
  endif()
  message(STATUS "Installing: ${root}/${path}")
  file(WRITE "${root}/${path}" "${text}")
endfunction()

write_from_program(share/bash-completion/completions/parallax completion bash)
write_from_program(${zsh_folder}/_parallax completion zsh)
write_from_program(share/fish/vendor_completions.d/parallax.fish completion fish)
write_from_program(share/man/man1/parallax.1 man)
