// Converts rows to text and back.
#include "apps/classify/classify_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/json_text.h"

namespace parallax {
namespace {

using nlohmann::json;

json label_json(int index, const ClassLabels& labels) {
  json value = {{"index", index}, {"name", labels.short_name(index)}};
  if (!labels[index].id.empty()) {
    value["id"] = labels[index].id;
  }
  return value;
}

json run_json(const RunResult& run, bool is_first, bool has_truth, const ClassLabels& labels) {
  json top = json::array();
  for (const Prediction& prediction : run.top) {
    json entry = label_json(prediction.index, labels);
    entry["probability"] = prediction.probability;
    top.push_back(std::move(entry));
  }
  json value = {{"top", std::move(top)}};
  if (has_truth) {
    value["truth_rank"] = run.truth_rank;
  }
  if (run.rank_alone >= 0) {
    value["rank_alone"] = {run.rank_alone, run.classes_alone};
  }
  if (!is_first) {
    value["difference"] = run.difference;
  }
  return value;
}

int checked_class(const json& value, const RowFormat& format) {
  const int index = value.at("index").get<int>();
  if (index < 0 || index >= format.labels.size()) {
    throw json::out_of_range::create(401, "class index", nullptr);
  }
  return index;
}

RunResult parse_run(const json& value, const RowFormat& format) {
  RunResult run;
  for (const json& entry : value.at("top")) {
    run.top.push_back({checked_class(entry, format), entry.at("probability").get<double>()});
  }
  run.truth_rank = value.value("truth_rank", -1);
  if (value.contains("rank_alone")) {
    run.rank_alone = value.at("rank_alone").at(0).get<int>();
    run.classes_alone = value.at("rank_alone").at(1).get<int>();
  }
  run.difference = value.value("difference", 0.0);
  return run;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + "\"";
}

std::string csv_join(const std::vector<std::string>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    line += (i == 0 ? "" : ",") + csv_field(fields[i]);
  }
  return line + "\n";
}

}  // namespace

int counted_class(const ClassifiedImage& image, int predicted) {
  const bool right = std::find(image.also_right.begin(), image.also_right.end(), predicted) !=
                     image.also_right.end();
  return right ? predicted : image.truth.value();
}

std::string json_line(const ClassifiedImage& image, const RowFormat& format) {
  json row = {{"path", image.path}, {"ok", image.error.empty()}};
  if (image.truth) {
    row["truth"] = label_json(*image.truth, format.labels);
  }
  for (const int index : image.also_right) {
    row["also_right"].push_back(label_json(index, format.labels));
  }
  if (!image.error.empty()) {
    row["error"] = image.error;
  } else {
    row["size"] = {image.rows, image.cols};
    for (size_t i = 0; i < image.runs.size(); ++i) {
      row["results"][format.runs[i]] =
          run_json(image.runs[i], i == 0, image.truth.has_value(), format.labels);
    }
    if (image.thumbnail_bytes > 0) {
      row["thumbnail"] = {image.thumbnail_offset, image.thumbnail_bytes};
    }
  }
  return dump_json(row) + "\n";
}

std::optional<ClassifiedImage> parse_json_line(const std::string& line, const RowFormat& format) {
  const json row = json::parse(line, nullptr, false);
  if (!row.is_object()) {
    return std::nullopt;
  }
  try {
    ClassifiedImage image{.path = row.at("path").get<std::string>()};
    if (row.contains("truth")) {
      image.truth = checked_class(row.at("truth"), format);
    }
    for (const json& entry : row.value("also_right", json::array())) {
      image.also_right.push_back(checked_class(entry, format));
    }
    if (!row.at("ok").get<bool>()) {
      image.error = row.at("error").get<std::string>();
      return image;
    }
    image.rows = row.at("size").at(0).get<int>();
    image.cols = row.at("size").at(1).get<int>();
    for (const std::string& run : format.runs) {
      image.runs.push_back(parse_run(row.at("results").at(run), format));
      if (image.runs.back().top.empty()) {
        return std::nullopt;
      }
    }
    if (row.contains("thumbnail")) {
      image.thumbnail_offset = row.at("thumbnail").at(0).get<int64_t>();
      image.thumbnail_bytes = row.at("thumbnail").at(1).get<int64_t>();
    }
    return image;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::string csv_header(const RowFormat& format) {
  std::vector<std::string> fields = {"path", "error", "rows", "cols", "truth_id", "truth_name"};
  for (size_t i = 0; i < format.runs.size(); ++i) {
    const std::string run = format.runs.size() > 1 ? format.runs[i] + " " : "";
    for (int k = 1; k <= format.topk; ++k) {
      for (const char* what : {"id", "name", "probability"}) {
        fields.push_back(fmt::format("{}top{}_{}", run, k, what));
      }
    }
    if (i > 0) {
      fields.push_back(run + "difference");
    }
  }
  return csv_join(fields);
}

std::string csv_line(const ClassifiedImage& image, const RowFormat& format) {
  const auto id = [&](int index) {  // the index if there is no WordNet id
    const std::string& text = format.labels[index].id;
    return text.empty() ? std::to_string(index) : text;
  };
  std::vector<std::string> fields = {image.path, image.error, "", "", "", ""};
  if (image.truth) {
    fields[4] = id(*image.truth);
    fields[5] = format.labels.short_name(*image.truth);
  }
  if (image.error.empty()) {
    fields[2] = std::to_string(image.rows);
    fields[3] = std::to_string(image.cols);
  }
  for (size_t i = 0; i < format.runs.size(); ++i) {
    const RunResult empty;
    const RunResult& run = i < image.runs.size() ? image.runs[i] : empty;
    for (size_t k = 0; k < static_cast<size_t>(format.topk); ++k) {
      const bool there = k < run.top.size();
      fields.push_back(there ? id(run.top[k].index) : "");
      fields.push_back(there ? format.labels.short_name(run.top[k].index) : "");
      fields.push_back(there ? fmt::format("{:.6g}", run.top[k].probability) : "");
    }
    if (i > 0) {
      fields.push_back(image.error.empty() ? fmt::format("{:.3g}", run.difference) : "");
    }
  }
  return csv_join(fields);
}

}  // namespace parallax
