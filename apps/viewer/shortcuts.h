// Every key once: what it does, and what the sheet says about it.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/viewer/ui.h"

namespace parallax {

enum class Modifier { kNone, kShift, kControl };

struct Shortcut {
  int key;  // GLFW's number
  Modifier modifier;
  const char* name;
  const char* help;
  std::function<void(view::ViewState&, Ui&)> act;
};

const std::vector<Shortcut>& shortcuts();

// Keys that act while they are held, and the mouse: for the sheet.
const std::vector<std::pair<std::string, std::string>>& held_keys();

}  // namespace parallax
