// The two forms in which every model can run its layers.
#pragma once

#include <string_view>

#include "core/base/error.h"

namespace parallax {

// How a layer processes its schedule: range after range, or as linear attention over all of them.
enum class Form { kRecurrent, kParallel };

// "recurrent" or "parallel".
inline std::string_view form_name(Form form) {
  return form == Form::kRecurrent ? "recurrent" : "parallel";
}

}  // namespace parallax
