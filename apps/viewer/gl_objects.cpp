// Creates textures and shaders.
#include "apps/viewer/gl_objects.h"

#include "core/base/error.h"

namespace parallax {
namespace {

GlShader compile(GLenum kind, const std::string& source) {
  GlShader shader(glCreateShader(kind));
  const char* text = source.c_str();
  glShaderSource(shader.name(), 1, &text, nullptr);
  glCompileShader(shader.name());
  GLint good = 0;
  glGetShaderiv(shader.name(), GL_COMPILE_STATUS, &good);
  if (good == 0) {
    std::string log(4096, '\0');
    GLsizei length = 0;
    glGetShaderInfoLog(shader.name(), static_cast<GLsizei>(log.size()), &length, log.data());
    log.resize(static_cast<size_t>(length));
    throw Error(ErrorParts{.what = "a shader does not compile on this driver: " + log});
  }
  return shader;
}

}  // namespace

GlTexture make_texture() {
  GLuint name = 0;
  glGenTextures(1, &name);
  glBindTexture(GL_TEXTURE_2D, name);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
  return GlTexture(name);
}

GlProgram make_program(const std::string& vertex, const std::string& fragment) {
  const GlShader a = compile(GL_VERTEX_SHADER, vertex);
  const GlShader b = compile(GL_FRAGMENT_SHADER, fragment);
  GlProgram program(glCreateProgram());
  glAttachShader(program.name(), a.name());
  glAttachShader(program.name(), b.name());
  glLinkProgram(program.name());
  GLint good = 0;
  glGetProgramiv(program.name(), GL_LINK_STATUS, &good);
  if (good == 0) {
    throw Error("the shaders do not fit together on this driver");
  }
  return program;
}

}  // namespace parallax
