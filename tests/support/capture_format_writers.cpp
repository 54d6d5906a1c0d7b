// One function per format.
#include "tests/support/capture_format_writers.h"

#include <opencv2/core.hpp>
#include <opencv2/core/quaternion.hpp>

#include "tests/support/format_writer_parts.h"
#include "tests/support/scene_fixture.h"

namespace parallax::testing {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path write_sdfstudio(const Scene& scene, const fs::path& folder) {
  const auto name = [](size_t i) { return fmt::format("{:06d}_rgb.png", i); };
  copy_images(scene, folder, name);
  json document = {{"camera_model", "OPENCV"},
                   {"height", scene.views[0].camera.height},
                   {"width", scene.views[0].camera.width},
                   {"has_mono_prior", false},
                   {"worldtogt", matrix_json(cv::Matx44d::diag({2, 2, 2, 1}))}};
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const cv::Matx44d intrinsics(
        camera.fx, 0, camera.cx, 0, 0, camera.fy, camera.cy, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    document["frames"].push_back({{"rgb_path", name(i)},
                                  {"camtoworld", matrix_json(camera.c2w)},
                                  {"intrinsics", matrix_json(intrinsics)}});
  }
  write_text(folder / "meta_data.json", document.dump());
  return folder;
}

fs::path write_visualsfm(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder, [](size_t i) { return fmt::format("my photo {}.png", i); });
  const Camera& first = scene.views[0].camera;
  std::string text = fmt::format("NVM_V3 FixedK {:.17g} {:.17g} {:.17g} {:.17g}\n\n{}\n",
                                 first.fx,
                                 first.cx,
                                 first.fy,
                                 first.cy,
                                 scene.views.size());
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const cv::Quatd q =
        cv::Quatd::createFromRotMat(cv::Matx33d(camera.c2w.get_minor<3, 3>(0, 0).t()));
    const cv::Vec3d at = camera.position();
    text += fmt::format("my\"photo\"{}.png\t{:.17g}", i, camera.fx);
    for (const double number : {q.w, q.x, q.y, q.z, at[0], at[1], at[2]}) {
      text += fmt::format(" {:.17g}", number);
    }
    text += " 0 0\n";
  }
  write_text(folder / "reconstruction.nvm", text + "\n0\n\n0\n");
  return folder;
}

fs::path write_replica(const Scene& scene, const fs::path& folder) {
  const fs::path room = folder / "room0";
  copy_images(scene, room / "results", [](size_t i) { return fmt::format("frame{:06d}.png", i); });
  copy_images(scene, room / "results", [](size_t i) { return fmt::format("depth{:06d}.png", i); });
  std::string text;
  for (const View& view : scene.views) {
    for (const double number : view.camera.c2w.val) {
      text += fmt::format("{:.18e} ", number);
    }
    text.back() = '\n';
  }
  write_text(room / "traj.txt", text);
  const Camera& camera = scene.views[0].camera;
  const json intrinsics = {{"w", camera.width},
                           {"h", camera.height},
                           {"fx", camera.fx},
                           {"fy", camera.fy},
                           {"cx", camera.cx - 0.5},
                           {"cy", camera.cy - 0.5},
                           {"scale", 6553.5}};
  write_text(folder / "cam_params.json", json{{"camera", intrinsics}}.dump());
  return room;
}

// Each photograph lies between two moments at which the trajectory is known: a hundredth of a
// second before the camera was turned and moved one way, after it as much the other way.
fs::path write_tum_rgbd(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "rgb");
  std::string truth = "# timestamp tx ty tz qx qy qz qw\n";
  std::string list = "# timestamp filename\n";
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    const double time = 100 + static_cast<double>(i);
    list += fmt::format("{:.6f} rgb/{}\n", time, image_name(i));
    for (const double side : {-1.0, 1.0}) {
      const cv::Quatd turn = cv::Quatd::createFromAngleAxis(0.02 * side, cv::Vec3d(0, 1, 0));
      const cv::Matx33d rotation = camera.c2w.get_minor<3, 3>(0, 0);
      const cv::Quatd q = cv::Quatd::createFromRotMat(rotation) * turn * side;  // −q is q's, too
      const cv::Vec3d at = camera.position() + cv::Vec3d(0.1, 0, -0.05) * side;
      truth += fmt::format("{:.4f}", time + 0.01 * side);
      for (const double number : {at[0], at[1], at[2], q.x, q.y, q.z, q.w}) {
        truth += fmt::format(" {:.17g}", number);
      }
      truth += "\n";
    }
  }
  write_text(folder / "groundtruth.txt", truth);
  write_text(folder / "rgb.txt", list);
  const Camera& camera = scene.views[0].camera;
  write_text(
      folder / "calibration.txt",
      fmt::format(
          "{:.17g} {:.17g} {} {}\n", camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5));
  return folder;
}

fs::path write_kitti(const Scene& scene, const fs::path& folder) {
  const fs::path sequence = folder / "sequences" / "07";
  copy_images(scene, sequence / "image_3");
  const Camera& camera = scene.views[0].camera;
  const double baseline = -0.54;
  write_text(
      sequence / "calib.txt",
      fmt::format("P0: 1 0 0 0 0 1 0 0 0 0 1 0\nP3: {0:.17g} 0 {1} {2:.17g} 0 {3:.17g} {4} 0 "
                  "0 0 1 0\n",
                  camera.fx,
                  camera.cx - 0.5,
                  camera.fx * baseline,
                  camera.fy,
                  camera.cy - 0.5));
  std::string text;
  for (const View& view : scene.views) {
    cv::Matx44d pose = view.camera.c2w;
    for (int row = 0; row < 3; ++row) {
      pose(row, 3) += pose(row, 0) * baseline;  // the first camera is left of the fourth
      for (int column = 0; column < 4; ++column) {
        text += fmt::format("{:.17g} ", pose(row, column));
      }
    }
    text.back() = '\n';
  }
  write_text(folder / "poses" / "07.txt", text);
  return sequence;
}

}  // namespace parallax::testing
