// One function per format.
#include "tests/support/tool_format_writers.h"

#include <opencv2/core/quaternion.hpp>

#include "tests/support/format_writer_parts.h"
#include "tests/support/scene_fixture.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// "1.2e+00 …", row by row.
template <int Rows, int Columns>
std::string matrix_text(const cv::Matx<double, Rows, Columns>& matrix) {
  std::string text;
  for (const double value : matrix.val) {
    text += fmt::format("{}{:.16e}", text.empty() ? "" : " ", value);
  }
  return text;
}

// The pose is in the coordinates of the camera's component.
std::string metashape_camera(size_t index, const cv::Matx44d& pose) {
  return fmt::format(
      "<camera id=\"{0}\" sensor_id=\"1\" component_id=\"0\" label=\"{0:06d}\">\n"
      "<transform>{1}</transform>\n"
      "<rotation_covariance>1e-9 0 0 0 1e-9 0 0 0 1e-9</rotation_covariance>\n"
      "<orientation>1</orientation>\n"
      "<reference x=\"11.5\" y=\"48.1\" z=\"520\" enabled=\"true\"/>\n"
      "</camera>\n",
      index,
      matrix_text(pose));
}

constexpr std::uint32_t kFirstTime = 0x80000000;  // cereal's mark on new ids

json cereal_pointer(std::uint32_t id, json data) {
  return {{"id", kFirstTime | id}, {"data", std::move(data)}};
}

}  // namespace

fs::path write_metashape(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images");
  const Camera& first = scene.views[0].camera;
  const cv::Matx33d rotation =
      cv::Quatd::createFromAngleAxis(0.8, cv::Vec3d(1, -2, 0.5)).toRotMat3x3();
  const cv::Vec3d translation(6.4e5, -3.2e2, 4.1e1);
  const double scale = 3.75;
  const std::string resolution =
      fmt::format("<resolution width=\"{}\" height=\"{}\"/>\n", first.width, first.height);
  std::string grouped;
  std::string single;
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const cv::Matx44d& c2w = scene.views[i].camera.c2w;
    cv::Matx44d pose = cv::Matx44d::eye();
    const cv::Matx33d turned = rotation.t() * c2w.get_minor<3, 3>(0, 0);
    const cv::Vec3d centre =
        rotation.t() * (scene.views[i].camera.position() - translation) / scale;
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < 3; ++column) {
        pose(row, column) = turned(row, column);
      }
      pose(row, 3) = centre[row];
    }
    (i < 4 ? grouped : single) += metashape_camera(i, pose);
  }
  write_text(
      folder / "cameras of the statue.xml",
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<document version=\"2.0.0\">\n"
      "<chunk label=\"Chunk 1\" enabled=\"true\">\n<sensors next_id=\"2\">\n"
      "<sensor id=\"0\" label=\"a camera that was never calibrated\" type=\"frame\">\n" +
          resolution + "</sensor>\n<sensor id=\"1\" label=\"X (24mm)\" type=\"frame\">\n" +
          resolution +
          "<property name=\"pixel_width\" value=\"0.0024\"/>\n<bands><band "
          "label=\"Red\"/></bands>\n"
          "<data_type>uint8</data_type>\n<calibration type=\"frame\" class=\"adjusted\">\n" +
          resolution +
          fmt::format("<f>{}</f><cx>{}</cx><cy>{}</cy>\n",
                      first.fx,
                      first.cx - 0.5 * first.width,
                      first.cy - 0.5 * first.height) +
          "</calibration>\n</sensor>\n</sensors>\n<components next_id=\"1\" active_id=\"0\">\n"
          "<component id=\"0\" label=\"Component 1\">\n<transform>\n" +
          fmt::format("<rotation locked=\"false\">{}</rotation>\n", matrix_text(rotation)) +
          fmt::format("<translation locked=\"false\">{:.16e} {:.16e} {:.16e}</translation>\n",
                      translation[0],
                      translation[1],
                      translation[2]) +
          fmt::format("<scale locked=\"false\">{:.16e}</scale>\n", scale) +
          "</transform>\n</component>\n</components>\n"
          "<cameras next_id=\"100\" next_group_id=\"1\">\n"
          "<group id=\"0\" label=\"Group 1\" type=\"folder\">\n" +
          grouped + "</group>\n" + single + "</cameras>\n</chunk>\n</document>\n");
  return folder;
}

fs::path write_openmvg(const Scene& scene, const fs::path& folder) {
  const fs::path photographs = folder / "photographs";
  copy_images(scene, photographs);
  json views = json::array();
  json intrinsics = json::array();
  json poses = json::array();
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    views.push_back({{"key", i},
                     {"value",
                      {{"polymorphic_id", 0x40000000},
                       {"ptr_wrapper",
                        cereal_pointer(i + 1,
                                       {{"local_path", ""},
                                        {"filename", image_name(i)},
                                        {"width", camera.width},
                                        {"height", camera.height},
                                        {"id_view", i},
                                        {"id_intrinsic", i % 2},
                                        {"id_pose", i}})}}}});
    const cv::Vec3d centre = camera.position();
    poses.push_back({{"key", i},
                     {"value",
                      {{"rotation", matrix_json(cv::Matx33d(camera.c2w.get_minor<3, 3>(0, 0).t()))},
                       {"center", {centre[0], centre[1], centre[2]}}}}});
  }
  for (int i = 0; i < 2; ++i) {
    const Camera& camera = scene.views[0].camera;
    json value = {{"ptr_wrapper",
                   cereal_pointer(scene.views.size() + 1 + i,
                                  {{"width", camera.width},
                                   {"height", camera.height},
                                   {"focal_length", camera.fx},
                                   // OpenMVG's first pixel is centred at (0, 0).
                                   {"principal_point", {camera.cx - 0.5, camera.cy - 0.5}},
                                   {"disto_k3", {0.0, 0.0, 0.0}}})}};
    value["polymorphic_id"] = i == 0 ? kFirstTime | 1 : 1;
    if (i == 0) {
      value["polymorphic_name"] = "pinhole_radial_k3";
    }
    intrinsics.push_back({{"key", i}, {"value", value}});
  }
  write_text(folder / "sfm_data.json",
             json{{"sfm_data_version", "0.3"},
                  {"root_path", photographs.string()},
                  {"views", views},
                  {"intrinsics", intrinsics},
                  {"extrinsics", poses},
                  {"structure", json::array()},
                  {"control_points", json::array()}}
                 .dump(4));
  return folder;
}

fs::path write_opensfm(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "images");
  const Camera& first = scene.views[0].camera;
  const double size = std::max(first.width, first.height);
  const json cameras = {{"v2 maker model 256 256 perspective 0",
                         {{"projection_type", "perspective"},
                          {"width", first.width},
                          {"height", first.height},
                          {"focal", first.fx / size},
                          {"k1", 0.0},
                          {"k2", 0.0}}},
                        {"v2 maker model 256 256 brown 0",
                         {{"projection_type", "brown"},
                          {"width", first.width},
                          {"height", first.height},
                          {"focal_x", first.fx / size},
                          {"focal_y", first.fy / size},
                          {"c_x", (first.cx - 0.5 * first.width) / size},
                          {"c_y", (first.cy - 0.5 * first.height) / size},
                          {"k1", 0.0},
                          {"k2", 0.0},
                          {"p1", 0.0},
                          {"p2", 0.0},
                          {"k3", 0.0}}}};
  json shots = json::object();
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const cv::Matx44d w2c = scene.views[i].camera.c2w.inv();
    const cv::Quatd q = cv::Quatd::createFromRotMat(w2c.get_minor<3, 3>(0, 0));
    const cv::Vec3d turn = q.getAxis() * q.getAngle();
    shots[image_name(i)] = {
        {"rotation", {turn[0], turn[1], turn[2]}},
        {"translation", {w2c(0, 3), w2c(1, 3), w2c(2, 3)}},
        {"camera",
         i % 2 == 0 ? "v2 maker model 256 256 perspective 0" : "v2 maker model 256 256 brown 0"},
        {"orientation", 1},
        {"capture_time", 0.0},
        {"gps_dop", 999999.0},
        {"gps_position", {0.0, 0.0, 0.0}},
        {"scale", 1.0},
        {"vertices", json::array()}};
  }
  write_text(folder / "reconstruction.json",
             json::array({{{"cameras", cameras},
                           {"shots", shots},
                           {"reference_lla", {{"latitude", 0}, {"longitude", 0}, {"altitude", 0}}},
                           {"points", json::object()}}})
                 .dump(4));
  return folder;
}

fs::path write_polycam(const Scene& scene, const fs::path& folder) {
  const auto timestamp = [](size_t i) { return std::to_string(99999000000 + i * 333000); };
  const fs::path keyframes = folder / "keyframes";
  copy_images(
      scene, keyframes / "corrected_images", [&](size_t i) { return timestamp(i) + ".png"; });
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const Camera& camera = scene.views[i].camera;
    json document = {{"fx", camera.fx},
                     {"fy", camera.fy},
                     {"cx", camera.cx},
                     {"cy", camera.cy},
                     {"width", camera.width},
                     {"height", camera.height},
                     {"blur_score", 120.5},
                     {"manual_keyframe", false},
                     {"neighbors", json::array()},
                     {"timestamp", std::stoull(timestamp(i))}};
    const cv::Matx44d pose = camera.c2w * kOpenGl;
    for (int row = 0; row < 3; ++row) {
      for (int column = 0; column < 4; ++column) {
        document[fmt::format("t_{}{}", row, column)] = pose(row, column);
      }
    }
    write_text(keyframes / "corrected_cameras" / (timestamp(i) + ".json"), document.dump());
  }
  return folder;
}

fs::path write_record3d(const Scene& scene, const fs::path& folder) {
  copy_images(scene, folder / "rgb", [](size_t i) { return std::to_string(i) + ".png"; });
  const Camera& first = scene.views[0].camera;
  json poses = json::array();
  for (const View& view : scene.views) {
    const cv::Matx44d pose = view.camera.c2w * kOpenGl;
    const cv::Quatd q = cv::Quatd::createFromRotMat(pose.get_minor<3, 3>(0, 0));
    poses.push_back({q.x, q.y, q.z, q.w, pose(0, 3), pose(1, 3), pose(2, 3)});
  }
  write_text(folder / "metadata.json",
             json{{"w", first.width},
                  {"h", first.height},
                  {"dw", 192},
                  {"dh", 256},
                  {"fps", 60},
                  {"cameraType", 1},
                  {"K", {first.fx, 0, 0, 0, first.fy, 0, first.cx, first.cy, 1}},  // by columns
                  {"initPose", poses[0]},
                  {"poses", poses}}
                 .dump());
  return folder;
}

}  // namespace parallax::testing
