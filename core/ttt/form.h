// The two forms every model can run its layers in.
#pragma once

#include <string_view>

#include "core/base/error.h"

namespace parallax {

enum class Form { kRecurrent, kParallel };

inline std::string_view form_name(Form form) {
  return form == Form::kRecurrent ? "recurrent" : "parallel";
}

}  // namespace parallax
