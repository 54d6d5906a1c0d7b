# Writes the header OUTPUT with each of FILES as a string constant of NAMESPACE: picture.frag → k_picture_frag.
# Files are separated by commas.
string(REPLACE "," ";" files "${FILES}")
set(text "#pragma once\n\nnamespace ${NAMESPACE} {\n\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  string(MAKE_C_IDENTIFIER "k_${name}" constant)
  file(READ "${file}" content)
  string(APPEND text "inline constexpr char ${constant}[] = R\"embedded(${content})embedded\";\n\n")
endforeach()
string(APPEND text "}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUTPUT}" "${text}")
