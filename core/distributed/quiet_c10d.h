// c10d's own remarks on sockets.
#pragma once

namespace parallax {

// From now on c10d writes only errors to stderr: that a peer is gone is said once, in the
// PeerLostError. TORCH_CPP_LOG_LEVEL=INFO shows the rest.
void keep_c10d_quiet();

}  // namespace parallax
