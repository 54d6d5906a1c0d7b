// Products by panels for processors with AVX2 and FMA.
#include "core/ttt/kernels/panel_product.h"

#include <type_traits>
#include <utility>

#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {
namespace avx2 {

constexpr int kRegisterBytes = 32;
#include "core/ttt/kernels/panel_product_body.h"

}  // namespace avx2

const PanelTables kPanelsAvx2 = avx2::panel_tables();

}  // namespace parallax::kernels
