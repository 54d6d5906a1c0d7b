# Writes the header OUTPUT with the commit of SOURCE, only if it changed, so that nothing is rebuilt
# needlessly.
execute_process(COMMAND git -C "${SOURCE}" describe --always --dirty=-modified --exclude=*
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
set(text "#define PARALLAX_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT before STREQUAL text)
  file(WRITE "${OUTPUT}" "${text}")
endif()
