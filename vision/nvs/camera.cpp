// Pose arithmetic.
#include "vision/nvs/camera.h"
