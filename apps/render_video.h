// Videos of `parallax render`: a turntable, or a camera path that the viewer exported.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// What is to be filmed.
struct VideoPlan {
  std::string name;             // "turntable", "path"
  std::vector<Camera> cameras;  // as the model sees them
  double frames_per_second = 20;
  bool pictures = false;  // write every frame as a PNG, too
};

// Reads a camera path in the scene's coordinates. Throws Error naming the file and what is wrong.
VideoPlan plan_of_path(const std::filesystem::path& path, const PreparedScene& scene);

// "turntable_parallel": the file's name without its extension, and the folder of its pictures.
std::string video_stem(const std::string& name, Form form);

// Renders the frames from the form's state, writes them, and returns the video's file.
std::filesystem::path render_video(const std::filesystem::path& folder,
                                   const NvsModel& model,
                                   const FormEvaluation& form,
                                   const VideoPlan& plan,
                                   EvaluateOptions evaluate,
                                   bool quiet);

}  // namespace parallax
