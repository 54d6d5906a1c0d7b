# CPack: a .deb of all components of Install.cmake, whose shared libraries are its own so that one
# package runs on Debian 12, Ubuntu 24.04 and later ones. scripts/package.sh makes it, and the tarball.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME parallax)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Parallax developers <parallax@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_CMAKE_PROJECTS "")
foreach(component runtime libtorch libraries)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR}" parallax ${component} /)
endforeach()
set(CPACK_MONOLITHIC_INSTALL OFF)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME "parallax_${PROJECT_VERSION}_amd64.deb")
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE amd64)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# The oldest C and C++ runtime with the symbols that are needed; scripts/test-package.sh prints them.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6 (>= 2.35), libgcc-s1, libstdc++6 (>= 12)")
# What `parallax models fetch` loads; what `parallax view` opens when it is run, and its font.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl4t64 | libcurl4, ca-certificates, libgl1, libgl1-mesa-dri, libxcursor1, libxi6, libxinerama1, libxrandr2, fonts-dejavu-core")
# For HEIC and AVIF images, see core/image/heif_image.h.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS libheif1)
include(CPack)
