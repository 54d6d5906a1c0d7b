// OpenGL handles that free themselves. All of them belong to the window's thread.
#pragma once

#include <epoxy/gl.h>

#include <string>
#include <utility>

namespace parallax {

// Owns one GL name; `Delete` frees it.
template <void (*Delete)(GLuint)>
class GlHandle {
 public:
  GlHandle() = default;
  explicit GlHandle(GLuint name) : name_(name) {}
  GlHandle(GlHandle&& other) noexcept : name_(std::exchange(other.name_, 0)) {}
  GlHandle& operator=(GlHandle&& other) noexcept {
    if (this != &other) {
      reset();
      name_ = std::exchange(other.name_, 0);
    }
    return *this;
  }
  ~GlHandle() { reset(); }

  GLuint name() const { return name_; }
  explicit operator bool() const { return name_ != 0; }

 private:
  void reset() {
    if (name_ != 0) {
      Delete(std::exchange(name_, 0));
    }
  }

  GLuint name_ = 0;
};

namespace gl_detail {
inline void delete_texture(GLuint name) { glDeleteTextures(1, &name); }
inline void delete_framebuffer(GLuint name) { glDeleteFramebuffers(1, &name); }
inline void delete_vertex_array(GLuint name) { glDeleteVertexArrays(1, &name); }
inline void delete_program(GLuint name) { glDeleteProgram(name); }
inline void delete_shader(GLuint name) { glDeleteShader(name); }
}  // namespace gl_detail

// The handles of the kinds of objects that the viewer uses.
using GlTexture = GlHandle<gl_detail::delete_texture>;
using GlFramebuffer = GlHandle<gl_detail::delete_framebuffer>;
using GlVertexArray = GlHandle<gl_detail::delete_vertex_array>;
using GlProgram = GlHandle<gl_detail::delete_program>;
using GlShader = GlHandle<gl_detail::delete_shader>;

// A texture with sharp pixels that does not repeat.
GlTexture make_texture();

// Throws Error with the compiler's message.
GlProgram make_program(const std::string& vertex, const std::string& fragment);

}  // namespace parallax
