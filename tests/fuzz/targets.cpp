// The list of targets, each as the program calls the reader.
#include "tests/fuzz/targets.h"

#include <algorithm>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "apps/viewer/png_text.h"
#include "apps/viewer/script.h"
#include "apps/viewer/state_json.h"
#include "core/base/error.h"
#include "core/image/image.h"
#include "core/image/image_format.h"
#include "core/image/image_header.h"
#include "core/io/checkpoint.h"
#include "core/io/npy.h"
#include "vision/eval/evaluation_index.h"
#include "vision/images/class_labels.h"
#include "vision/images/truth_file.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/model_files.h"
#include "vision/models/vit3/model_store.h"
#include "vision/scene/formats/bundler.h"
#include "vision/scene/formats/colmap/colmap.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/datasets/kitti.h"
#include "vision/scene/formats/datasets/mvsnet.h"
#include "vision/scene/formats/datasets/neus.h"
#include "vision/scene/formats/datasets/nsvf.h"
#include "vision/scene/formats/datasets/replica.h"
#include "vision/scene/formats/datasets/sdfstudio.h"
#include "vision/scene/formats/datasets/tum_rgbd.h"
#include "vision/scene/formats/datasets/visualsfm.h"
#include "vision/scene/formats/gaussian_splatting.h"
#include "vision/scene/formats/llff.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/lvsm_json.h"
#include "vision/scene/formats/metashape.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/scene/formats/openmvg.h"
#include "vision/scene/formats/opensfm.h"
#include "vision/scene/formats/pixelsplat.h"
#include "vision/scene/formats/polycam.h"
#include "vision/scene/formats/realestate10k.h"
#include "vision/scene/formats/reality_capture.h"
#include "vision/scene/formats/record3d.h"
#include "vision/scene/formats/transforms_json.h"
#include "vision/synth/meshes/mesh_import.h"
#include "vision/viewer/camera/camera_track.h"

namespace parallax::fuzz {
namespace {

namespace fs = std::filesystem;

void read_checkpoint(const fs::path& path) {
  const Checkpoint checkpoint = load_checkpoint(path);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    static_cast<void>(tensor.numel());
  }
}

void read_sharded(const fs::path& folder) { read_checkpoint(folder); }

void read_cards(const fs::path& path) {
  Checkpoint checkpoint;
  const fs::path weights = fs::path(path).replace_extension(".safetensors");  // which is not there
  if (const auto card = find_model_card(weights, checkpoint)) {
    try {
      read_model_card(weights, checkpoint);
    } catch (const Error&) {  // a classifier's card
      read_classifier_card(weights, checkpoint);
    }
  }
}

void read_scene_folder(const fs::path& folder) {
  const Scene scene = load_scene(folder);
  // What `info` and `render` ask of every view at once.
  for (const View& view : scene.views) {
    static_cast<void>(view.camera.c2w);
  }
}

// As the program does, the first input and now and then; else by its own reader alone: what the
// readers before it look for in a folder, COLMAP's above all, takes longer than the reading.
template <auto kLoad>
void read_scene_of(const fs::path& path) {
  constexpr int kOfferedToAll = 16;
  static int inputs = 0;
  if (inputs++ % kOfferedToAll == 0) {
    read_scene_folder(path);
  } else {
    kLoad(path, SceneOptions());
  }
}

// By the file, as formats without a name of their own are opened.
template <auto kLoad>
void read_scene_file(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().stem() == "scene") {
      read_scene_of<kLoad>(entry.path());
      return;
    }
  }
}

void read_chunks(const fs::path& path) {
  for (const std::string& key : pixelsplat_scenes(path)) {
    read_scene_folder(path / key);
  }
}

// Image libraries decode what may be megapixels from a few bytes; the fuzzer's own limit is in
// pixels. Sizes of formats other than these four come of decoding: once is enough.
void read_picture(const fs::path& path) {
  constexpr int kMostPixels = 1 << 16;
  const std::optional<ImageFormat> format = image_format(read_image_bytes(path));
  const bool has_plain_size = format == ImageFormat::kPng || format == ImageFormat::kJpeg ||
                              format == ImageFormat::kWebp || format == ImageFormat::kTiff;
  const cv::Size size = image_file_size(path);
  check_image_file(path);
  if (has_plain_size && int64_t{size.width} * size.height <= kMostPixels) {
    static_cast<void>(read_image(path));
  }
}

void read_mesh_file(const fs::path& path) { import_mesh(path); }

void read_mesh_bundle(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().stem() == "mesh" && entry.path().extension() != ".mtl") {
      import_mesh(entry.path());
      return;
    }
  }
}

void read_labels(const fs::path& path) {
  const ClassLabels labels = read_label_file(path);
  labels_to_json(labels);
  for (int i = 0; i < labels.size(); ++i) {
    labels.short_name(i);
  }
}

void read_truth(const fs::path& path) {
  const TruthTable table = read_truth_table(path);
  const ClassLabels labels = labels_of_truth_table(table);
  const TruthFile truth(table, labels);
  truth.find(path.parent_path() / "val" / "ILSVRC2012_val_00000001.JPEG");
}

void read_index(const fs::path& path) { read_evaluation_index(path); }

void read_camera_track(const fs::path& path) {
  view::CameraTrack track = view::read_track(path);
  track.frames = std::min(track.frames, 100);
  view::track_cameras(track);
}

void read_settings_file(const fs::path& path) {
  const nlohmann::json settings = read_json_file(path);
  view::ViewState state;
  state.reads.resize(4);
  Ui ui;
  kept_camera(settings, "scenes/a");
  apply_settings(settings, state, ui);
  settings_json(state, ui);
}

void read_script(const fs::path& path) {
  Script script(read_json_file(path));
  Script::Actions actions;
  actions.is_idle = [] { return true; };
  actions.is_shown = [] { return true; };
  actions.open = actions.capture = actions.describe = [](const std::string&) {};
  actions.drop = [](const std::vector<std::string>&) {};
  actions.quit = [] {};
  actions.set = [](const nlohmann::json& fields) {
    view::ViewState state;
    Ui ui;
    apply_settings(fields, state, ui);
  };
  for (int frame = 0; frame < 40; ++frame) {
    script.advance(actions, frame);
  }
}

void read_array(const fs::path& path) { read_npy(path); }
void read_png_chunks(const fs::path& path) { read_png_text(path); }

// Libraries' exceptions and what OpenCV says of itself. A sentence may quote the input.
bool is_of_a_library(std::string_view sentence, std::string_view input) {
  for (const char* mark : {"[json.exception", "OpenCV(", "basic_string", "std::", "vector::"}) {
    if (sentence.find(mark) != std::string_view::npos &&
        input.find(std::string_view(mark).substr(0, 5)) == std::string_view::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

const std::vector<FuzzTarget>& fuzz_targets() {
  static const std::vector<FuzzTarget> targets = {
      {"safetensors", "input.safetensors", read_checkpoint},
      {"torch_zip", "input.pt", read_checkpoint},
      {"shards", nullptr, read_sharded},
      {"model_card", "input.json", read_cards},
      {"npy", "input.npy", read_array},
      {"opencv_json", nullptr, read_scene_of<load_opencv_json>},
      {"transforms", nullptr, read_scene_of<load_transforms>},
      {"colmap_text", nullptr, read_scene_of<load_colmap>},
      {"colmap_binary", nullptr, read_scene_of<load_colmap>},
      {"llff", nullptr, read_scene_of<load_llff>},
      {"bundler", nullptr, read_scene_of<load_bundler>},
      {"metashape", nullptr, read_scene_of<load_metashape>},
      {"openmvg", nullptr, read_scene_of<load_openmvg>},
      {"opensfm", nullptr, read_scene_of<load_opensfm>},
      {"polycam", nullptr, read_scene_of<load_polycam>},
      {"record3d", nullptr, read_scene_of<load_record3d>},
      {"gaussian_splatting", nullptr, read_scene_of<load_gaussian_splatting>},
      {"mvsnet", nullptr, read_scene_of<load_mvsnet>},
      {"nsvf", nullptr, read_scene_of<load_nsvf>},
      {"neus", nullptr, read_scene_of<load_neus>},
      {"sdfstudio", nullptr, read_scene_of<load_sdfstudio>},
      {"visualsfm", nullptr, read_scene_of<load_visualsfm>},
      {"replica", nullptr, read_scene_of<load_replica>},
      {"tum_rgbd", nullptr, read_scene_of<load_tum_rgbd>},
      {"kitti", nullptr, read_scene_of<load_kitti>},
      {"reality_capture", nullptr, read_scene_of<load_reality_capture>},
      {"lvsm_json", nullptr, read_scene_file<load_lvsm_json>},
      {"realestate10k", nullptr, read_scene_file<load_realestate10k>},
      {"pixelsplat", "input.torch", read_chunks},
      {"evaluation_index", "input.json", read_index},
      {"image", "input.img", read_picture},
      {"png_text", "input.png", read_png_chunks},
      {"ply", "input.ply", read_mesh_file},
      {"gltf", nullptr, read_mesh_bundle},
      {"glb", "input.glb", read_mesh_file},
      {"obj", nullptr, read_mesh_bundle},
      {"stl", "input.stl", read_mesh_file},
      {"labels", "input.txt", read_labels},
      {"truth", "input.txt", read_truth},
      {"camera_track", "input.json", read_camera_track},
      {"settings", "input.json", read_settings_file},
      {"script", "input.json", read_script},
  };
  return targets;
}

fs::path input_path(const FuzzTarget& target, const Scratch& scratch) {
  return scratch.folder / (target.file == nullptr ? "bundle" : target.file);
}

void run_target(const FuzzTarget& target, std::string_view input, Scratch& scratch) {
  const fs::path path = input_path(target, scratch);
  if (target.file == nullptr) {
    scratch.bundle.unpack(input);
  } else if (!write_file(path, input)) {
    throw std::logic_error("the scratch folder cannot be written to");
  }
  try {
    target.read(path);
  } catch (const Error& error) {
    if (is_of_a_library(error.what(), input)) {
      throw std::logic_error(std::string("a library's words: ") + error.what());
    }
  }
}

}  // namespace parallax::fuzz
