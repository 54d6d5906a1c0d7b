// One function per format.
#include "tests/support/dataset_format_writers.h"

#include <cmath>
#include <opencv2/core.hpp>

#include "tests/support/format_writer_parts.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/torch_file_builder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

template <int Rows, int Columns>
std::string rows_text(const cv::Matx<double, Rows, Columns>& matrix) {
  std::string text;
  for (int row = 0; row < Rows; ++row) {
    for (int column = 0; column < Columns; ++column) {
      text += fmt::format("{}{:.17g}", column == 0 ? "" : " ", matrix(row, column));
    }
    text += "\n";
  }
  return text;
}

cv::Matx44d wide_intrinsics(const Camera& camera) {
  return {camera.fx, 0, camera.cx, 0, 0, camera.fy, camera.cy, 0, 0, 0, 1, 0, 0, 0, 0, 1};
}

// NumPy's bytes of a 4 × 4 matrix.
std::string npy_of(const cv::Matx44d& matrix) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4), }";
  header.resize(118 - 1, ' ');
  header += "\n";
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(matrix.val), sizeof(matrix.val));
  return bytes;
}

}  // namespace

fs::path write_gaussian_splatting(const Scene& scene, const fs::path& folder) {
  const fs::path source = folder / "data" / "it's a garden";
  copy_images(scene, source / "images_2");
  json cameras = json::array();
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const cv::Vec3d position = camera.position();
    cameras.push_back({{"id", i},
                       {"img_name", fmt::format("{:06d}", i)},
                       {"width", camera.width},
                       {"height", camera.height},
                       {"position", {position[0], position[1], position[2]}},
                       {"rotation", matrix_json(camera.c2w.get_minor<3, 3>(0, 0))},
                       {"fy", camera.fy},
                       {"fx", camera.fx}});
  }
  const fs::path model = folder / "output" / "3f2a";
  write_text(model / "cameras.json", cameras.dump());
  write_text(model / "cfg_args",
             fmt::format("Namespace(data_device='cuda', eval=True, images='images_2', "
                         "model_path='./output/3f2a', resolution=-1, sh_degree=3, "
                         "source_path=\"{}\", white_background=False)",
                         source.string()));
  return model;
}

fs::path write_mvsnet(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images", [](size_t i) { return fmt::format("{:08d}.png", i); });
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    write_text(folder / "cams" / fmt::format("{:08d}_cam.txt", i),
               "extrinsic\n" + rows_text(cv::Matx44d(camera.c2w.inv())) + "\nintrinsic\n" +
                   rows_text(wide_intrinsics(camera).get_minor<3, 3>(0, 0)) +
                   "\n425.0 2.5 192 933.8\n");
  }
  write_text(folder / "pair.txt", "1\n0\n1 1 100.0\n");
  return folder;
}

fs::path write_nsvf(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "rgb", [](size_t i) { return fmt::format("0_{:05d}.png", i); });
  for (size_t i = 0; i < scene.views.size(); ++i) {
    write_text(folder / "pose" / fmt::format("0_{:05d}.txt", i),
               rows_text(scene.views[i].camera.c2w));
  }
  write_text(folder / "intrinsics.txt", rows_text(wide_intrinsics(scene.views[0].camera)));
  write_text(folder / "bbox.txt", "-1 -1 -1 1 1 1 0.4\n");
  return folder;
}

fs::path write_neus(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "image", [](size_t i) { return fmt::format("{:03d}.png", i); });
  // Of the unit sphere's and the world's coordinates the scene's are the former.
  const cv::Matx44d sphere(250, 0, 0, -30, 0, 250, 0, 12, 0, 0, 250, 700, 0, 0, 0, 1);
  std::vector<ZipItem> items;
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const cv::Matx44d projection = wide_intrinsics(camera) * camera.c2w.inv() * sphere.inv();
    items.push_back({fmt::format("world_mat_{}.npy", i), npy_of(projection)});
    items.push_back({fmt::format("scale_mat_{}.npy", i), npy_of(sphere)});
    items.push_back({fmt::format("world_mat_inv_{}.npy", i), npy_of(projection.inv())});
  }
  write_text(folder / "cameras_sphere.npz", build_zip(items));
  return folder;
}

fs::path write_reality_capture(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder);
  std::string table = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2\n";
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const cv::Vec3d at = camera.position();
    const cv::Vec3d up = -camera.down();
    const cv::Vec3d back = -camera.forward();
    const double degrees = 180 / CV_PI;
    table +=
        fmt::format("{},{:.12f},{:.12f},{:.12f},{:.12f},{:.12f},{:.12f},{:.9f},0,0,0,0,0,0,0,0\n",
                    image_name(i),
                    at[0],
                    at[1],
                    at[2],
                    std::atan2(up[0], up[1]) * degrees,
                    std::asin(up[2]) * degrees,
                    std::atan2(-camera.right()[2], back[2]) * degrees,
                    camera.fx * 36 / std::max(camera.width, camera.height));
  }
  write_text(folder / "internal and external.csv", table);
  return folder;
}

}  // namespace parallax::testing
