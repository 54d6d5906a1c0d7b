// The one list of keys: what each does, and its text on the help sheet.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/viewer/ui.h"

namespace parallax {

// The modifier key of a shortcut.
enum class Modifier { kNone, kShift, kControl };

// A key, its text on the help sheet and its action.
struct Shortcut {
  int key;  // GLFW's key code
  Modifier modifier;
  const char* name;
  const char* help;
  const char* menu;  // the menu that lists it; null: none, or one that does so by itself
  std::function<void(view::ViewState&, Ui&)> act;
};

const std::vector<Shortcut>& shortcuts();

// For the help sheet: Esc, the mouse, and keys that act while they are held.
const std::vector<std::pair<std::string, std::string>>& held_keys();

}  // namespace parallax
