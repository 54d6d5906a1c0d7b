// Draws panes into their own textures, and keeps small images as textures.
#pragma once

#include <imgui.h>

#include <map>

#include "apps/viewer/gl_objects.h"
#include "apps/viewer/ui.h"

namespace parallax {

// Owns the textures of panes and small images.
class PaneRenderer {
 public:
  PaneRenderer();

  // The pane's texture, redrawn only if the drawing differs from the last one.
  ImTextureID draw_pane(int pane, const PaneDrawing& drawing);

  // A small image's texture, uploaded once.
  ImTextureID texture_of(const view::ImagePtr& picture);

  // Frees textures that were not used since the last call.
  void end_frame();

 private:
  // An image's texture, and whether it was used since the last end_frame().
  struct Upload {
    GlTexture texture;
    std::weak_ptr<const view::Image> picture;
    bool used = false;
  };
  // A pane's texture and the drawing in it.
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
