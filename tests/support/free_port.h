// A port of this machine that nothing listens on.
#pragma once

namespace parallax::testing {

int free_port();

}  // namespace parallax::testing
