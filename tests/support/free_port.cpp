// Below the ports that the kernel gives to whoever connects: one of those could be taken by another
// connection before the test listens.
#include "tests/support/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

namespace parallax::testing {

int free_port() {
  static std::random_device random;
  std::uniform_int_distribution<int> ports(20000, 32000);
  for (int port = ports(random);; port = ports(random)) {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool free = bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(descriptor);
    if (free) {
      return port;
    }
  }
}

}  // namespace parallax::testing
