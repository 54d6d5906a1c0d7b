// Products by panels for processors with AVX-512.
#include "core/ttt/kernels/panel_product.h"

#include <type_traits>
#include <utility>

#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {
namespace avx512 {

constexpr int kRegisterBytes = 64;
#include "core/ttt/kernels/panel_product_body.h"

}  // namespace avx512

const PanelTables kPanelsAvx512 = avx512::panel_tables();

}  // namespace parallax::kernels
