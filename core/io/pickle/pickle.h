// A minimal unpickler that only ever builds values: it imports nothing and calls nothing.
#pragma once

#include <string>
#include <string_view>

#include "core/io/pickle/pickle_value.h"

namespace parallax {

// Reads protocols 2 to 5 as torch.save writes them. Time and memory are linear in `bytes`, and
// nesting costs no stack. Throws Error at `where` for anything malformed or unknown.
PickleDocument unpickle(std::string_view bytes, const std::string& where);

}  // namespace parallax
