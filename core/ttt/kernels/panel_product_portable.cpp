// Products by panels for any processor.
#include "core/ttt/kernels/panel_product.h"

#include <type_traits>
#include <utility>

#include "core/ttt/kernels/elementwise.h"

namespace parallax::kernels {
namespace portable {

constexpr int kRegisterBytes = 16;
#include "core/ttt/kernels/panel_product_body.h"

}  // namespace portable

const PanelTables kPanelsPortable = portable::panel_tables();

}  // namespace parallax::kernels
