// Uses one shader and one framebuffer per pane.
#include "apps/viewer/pane_renderer.h"

#include <algorithm>
#include <cstdint>

#include "apps/viewer/colour_scale.h"
#include "core/base/error.h"
#include "shaders.h"

namespace parallax {
namespace {

ImTextureID as_id(GLuint name) {
  return reinterpret_cast<ImTextureID>(static_cast<intptr_t>(name));
}

GlTexture make_colours() {
  GlTexture texture = make_texture();
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  glTexImage2D(GL_TEXTURE_2D,
               0,
               GL_RGB8,
               static_cast<int>(false_colours().size()),
               1,
               0,
               GL_RGB,
               GL_UNSIGNED_BYTE,
               false_colours().data());
  return texture;
}

void forget_unused(auto& uploads) {
  for (auto it = uploads.begin(); it != uploads.end();) {
    const bool keep = std::exchange(it->second.used, false) && !it->second.picture.expired();
    it = keep ? std::next(it) : uploads.erase(it);
  }
}

}  // namespace

PaneRenderer::PaneRenderer()
    : program_(make_program(shaders::k_picture_vert, shaders::k_picture_frag)),
      colours_(make_colours()) {
  GLuint name = 0;
  glGenVertexArrays(1, &name);
  vertices_ = GlVertexArray(name);
}

GLuint PaneRenderer::upload(const view::ImagePtr& picture, bool as_float) {
  Upload& entry = (as_float ? floats_ : bytes_)[picture.get()];
  entry.used = true;
  if (entry.texture && !entry.picture.expired()) {
    return entry.texture.name();
  }
  entry.texture = make_texture();
  entry.picture = picture;
  glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
  glTexImage2D(GL_TEXTURE_2D,
               0,
               as_float ? GL_RGB32F : GL_RGB8,
               picture->width,
               picture->height,
               0,
               GL_RGB,
               GL_FLOAT,
               picture->rgb.data());
  return entry.texture.name();
}

void PaneRenderer::resize(Target& target, int width, int height) {
  target.texture = make_texture();
  glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
  GLuint name = 0;
  glGenFramebuffers(1, &name);
  target.framebuffer = GlFramebuffer(name);
  glBindFramebuffer(GL_FRAMEBUFFER, name);
  glFramebufferTexture2D(
      GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target.texture.name(), 0);
  if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE) {
    glBindFramebuffer(GL_FRAMEBUFFER, 0);
    throw Error("the graphics driver cannot draw into a texture");
  }
  target.width = width;
  target.height = height;
}

void PaneRenderer::render(const Target& target) {
  const PaneDrawing& drawing = target.drawing;
  const GLuint first = upload(drawing.first, true);
  const GLuint second = drawing.second != nullptr ? upload(drawing.second, true) : first;
  const GLuint program = program_.name();
  const auto place = [&](const char* name) { return glGetUniformLocation(program, name); };
  glBindFramebuffer(GL_FRAMEBUFFER, target.framebuffer.name());
  glViewport(0, 0, target.width, target.height);
  glDisable(GL_BLEND);
  glDisable(GL_SCISSOR_TEST);
  glDisable(GL_DEPTH_TEST);
  glUseProgram(program);
  int unit = 0;
  for (const auto& [name, texture] : {std::pair{"first", first},
                                      std::pair{"second", second},
                                      std::pair{"colours", colours_.name()}}) {
    glActiveTexture(GL_TEXTURE0 + static_cast<GLenum>(unit));
    glBindTexture(GL_TEXTURE_2D, texture);
    glUniform1i(place(name), unit++);
  }
  glUniform1i(place("mode"), static_cast<int>(drawing.mode));
  glUniform1i(place("false_colour"), drawing.false_colour ? 1 : 0);
  glUniform1f(place("gain"), drawing.gain);
  glUniform1f(place("split_at"), drawing.split_at);
  glUniform2f(
      place("target_size"), static_cast<float>(target.width), static_cast<float>(target.height));
  glUniform2f(place("origin"), drawing.x, drawing.y);
  glUniform2f(place("shown_size"), drawing.shown_width, drawing.shown_height);
  glUniform3f(place("background"), 0.11F, 0.11F, 0.125F);
  glBindVertexArray(vertices_.name());
  glDrawArrays(GL_TRIANGLES, 0, 3);
  glBindVertexArray(0);
  glActiveTexture(GL_TEXTURE0);
  glBindFramebuffer(GL_FRAMEBUFFER, 0);
}

ImTextureID PaneRenderer::draw_pane(int pane, const PaneDrawing& drawing) {
  Target& target = targets_[pane];
  const bool same_size = target.width == drawing.width && target.height == drawing.height;
  if (!same_size) {
    resize(target, drawing.width, drawing.height);
  }
  if (!same_size || !(target.drawing == drawing)) {
    target.drawing = drawing;
    render(target);
  }
  for (const view::ImagePtr& picture : {drawing.first, drawing.second}) {
    if (const auto entry = floats_.find(picture.get()); entry != floats_.end()) {
      entry->second.used = true;
    }
  }
  return as_id(target.texture.name());
}

ImTextureID PaneRenderer::texture_of(const view::ImagePtr& picture) {
  return as_id(upload(picture, false));
}

void PaneRenderer::end_frame() {
  forget_unused(floats_);
  forget_unused(bytes_);
}

}  // namespace parallax
