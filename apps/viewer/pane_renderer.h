// Draws panes into textures of their own, and keeps small pictures as textures.
#pragma once

#include <imgui.h>

#include <map>

#include "apps/viewer/gl_objects.h"
#include "apps/viewer/ui.h"

namespace parallax {

class PaneRenderer {
 public:
  PaneRenderer();

  // The pane's texture, drawn anew only if the drawing is another one than last time.
  ImTextureID draw_pane(int pane, const PaneDrawing& drawing);

  // A small picture's texture, uploaded once.
  ImTextureID texture_of(const view::ImagePtr& picture);

  // Forgets textures that nobody asked for since the last call.
  void end_frame();

 private:
  struct Upload {
    GlTexture texture;
    std::weak_ptr<const view::Image> picture;
    bool used = false;
  };
  struct Target {
    GlTexture texture;
    GlFramebuffer framebuffer;
    PaneDrawing drawing;
    int width = 0;
    int height = 0;
  };

  GLuint upload(const view::ImagePtr& picture, bool as_float);
  void resize(Target& target, int width, int height);
  void render(const Target& target);

  GlProgram program_;
  GlVertexArray vertices_;
  GlTexture colours_;
  std::map<int, Target> targets_;
  std::map<const view::Image*, Upload> floats_;  // for panes
  std::map<const view::Image*, Upload> bytes_;   // for thumbnails
};

}  // namespace parallax
