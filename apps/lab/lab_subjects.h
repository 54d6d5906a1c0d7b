// The laboratory's data and models: scenes and folders of images, and what each model sees of them.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/lab/lab_options.h"
#include "vision/images/image_files.h"
#include "vision/lab/classifier_subject.h"
#include "vision/lab/nvs_subject.h"

namespace parallax {

// What the user named, sorted by what it is.
struct LabData {
  std::vector<Scene> scenes;
  std::vector<std::string> folders;   // of images
  std::vector<std::string> failures;  // sentences on what could not be read
};

// Reads the scenes. Throws UsageError if a path does not exist.
LabData find_lab_data(const LabOptions& options);

// A model to be examined. Its file's time tells it from the same file after more training.
struct LabModel {
  std::string word;
  std::filesystem::path file;
  bool classifies = false;
  int64_t time = 0;
};

// The models that the user named, or all that fit the data. Throws UsageError naming a model that
// there is not, or for which there are no data.
std::vector<LabModel> find_lab_models(const LabOptions& options, const LabData& data);

// A loaded model on its data; one of the two.
struct LabSubject {
  std::optional<NvsModel> nvs_model;
  lab::NvsSubject nvs;
  std::optional<Classifier> classifier;
  lab::ClassifierSubject images;

  const std::string& name() const { return nvs_model ? nvs_model->name : classifier->name; }
  const std::string& variant() const {
    return nvs_model ? nvs_model->card.options.variant : classifier->card.options.variant;
  }
  int64_t training_steps() const { return nvs_model ? nvs_model->card.total_steps : 0; }
};

// Throws Error if none of the scenes can be made ready for the model, or no image is of a known
// class.
std::unique_ptr<LabSubject> load_lab_subject(const LabOptions& options,
                                             const LabModel& model,
                                             const LabData& data);

}  // namespace parallax
