// `parallax variants`: every row of the variant table, explained in full.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/variant_text.h"
#include "vision/models/vit3/model_store.h"

namespace parallax {
namespace {

constexpr const char* kSource =
    "docs/variants.md; docs/dev/spec.md, §4 (the rows), §2 (LaCT), §3 (ViT³), §5 and §6 (the "
    "forms); Table 2 and "
    "Appendix I of arXiv 2602.21204; core/ttt/variant.h";

struct VariantsOptions {
  std::vector<std::string> names;
  std::string json;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("json", self.json, "write the rows here; - is stdout");
  }
};

// A row of the shared table, of ViT³'s, or of both.
struct Row {
  std::string name;
  const Variant* shared = nullptr;
  const Vit3Variant* classifier = nullptr;
};

const Vit3Variant* row_of_classifier(std::string_view name) {
  for (const Vit3Variant& row : vit3_variants()) {
    if (row.name == name) {
      return &row;
    }
  }
  return nullptr;
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const Variant& variant : kVariants) {
    rows.push_back({std::string(variant.name), &variant, row_of_classifier(variant.name)});
  }
  for (const Vit3Variant& variant : vit3_variants()) {
    const bool is_shared = std::any_of(
        rows.begin(), rows.end(), [&](const Row& row) { return row.name == variant.name; });
    if (!is_shared) {
      rows.push_back({std::string(variant.name), nullptr, &variant});
    }
  }
  return rows;
}

std::vector<Row> chosen_rows(const std::vector<std::string>& names) {
  const std::vector<Row> rows = all_rows();
  if (names.empty()) {
    return rows;
  }
  std::vector<Row> chosen;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
    if (found == rows.end()) {
      find_variant(name);  // says which there are
    }
    chosen.push_back(*found);
  }
  return chosen;
}

const VariantSwitches& switches_of(const Row& row) {
  return row.shared != nullptr ? row.shared->switches : row.classifier->rule.switches;
}

std::string summary_of(const Row& row) {
  return row.shared != nullptr ? full_summary(*row.shared) : std::string(row.classifier->summary);
}

std::string models_text(const Row& row) {
  if (row.shared == nullptr) {
    return "ViT³ only";
  }
  if (row.classifier == nullptr && row.shared->kind == RowKind::kLater) {
    return "LaCT-NVS only: ViT³ makes one update per image, and the row changes what one update "
           "leaves to the next";
  }
  if (row.classifier == nullptr) {
    return "LaCT-NVS only: ViT³ lacks the part that this row changes, so there it equals the row "
           "above";
  }
  const std::string there(row.classifier->summary);
  return "LaCT-NVS and ViT³" + (there == summary_of(row) ? "" : " (there: " + there + ")");
}

std::string paper_text(const PaperResults& paper) {
  std::vector<std::string> parts;
  if (!std::isnan(paper.nvs_psnr)) {
    parts.push_back(fmt::format("{:.2f} dB on novel views", paper.nvs_psnr));
  }
  if (!std::isnan(paper.vit3_top1)) {
    parts.push_back(fmt::format("{:.2f} % top-1 of ViT³-B", paper.vit3_top1));
  }
  return parts.empty() ? "reports nothing for this row" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string names_of(const std::vector<std::string>& models) {
  return models.empty() ? "none" : fmt::format("{}", fmt::join(models, ", "));
}

// The models here that were trained as the row.
std::vector<std::string> weights_of(const Row& row,
                                    const std::vector<ModelListing>& models,
                                    const std::vector<ClassifierListing>& classifiers) {
  std::vector<std::string> names;
  for (const ModelListing& model : models) {
    if (row.shared != nullptr && model.card.options.variant == row.name) {
      names.push_back(model.name);
    }
  }
  for (const ClassifierListing& model : classifiers) {
    if (model.card.options.variant == row.name) {
      names.push_back(model.name);
    }
  }
  return names;
}

void print_row(const Row& row, const std::vector<std::string>& weights) {
  const auto line = [](const std::string& name, const std::string& text) {
    fmt::print("  {:<24} {}\n", name, text);
  };
  fmt::print("{}: {}\n", row.name, summary_of(row));
  if (row.classifier != nullptr && row.classifier->rule.mixing != QueryKeyMixing::kNone) {
    line("mixing", "as said, before the steps below");
  }
  for (const auto& [name, text] : explain_rule(switches_of(row))) {
    line(name, text);
  }
  const auto reason = why_no_parallel_form(switches_of(row));
  line("over one update range", "recurrent and parallel");
  line("over several", reason ? "recurrent only: " + *reason : "recurrent and parallel");
  line("models", models_text(row));
  line("weights here", names_of(weights));
  if (row.shared != nullptr) {
    line(
        "the authors' name",
        std::string(row.shared->reference_name) +
            (row.classifier != nullptr ? ", for ViT³ " + std::string(row.classifier->reference_name)
                                       : ""));
    line("the paper", paper_text(row.shared->paper));
    if (!row.shared->source.empty()) {
      line("published in", std::string(row.shared->source));
    }
  } else {
    line("the authors' name", std::string(row.classifier->reference_name));
  }
  fmt::print("\n");
}

nlohmann::json row_json(const Row& row, const std::vector<std::string>& weights) {
  nlohmann::json rule = nlohmann::json::object();
  for (const auto& [name, text] : explain_rule(switches_of(row))) {
    std::string key = name;
    std::replace(key.begin(), key.end(), ' ', '_');
    rule[key] = text;
  }
  const auto reason = why_no_parallel_form(switches_of(row));
  nlohmann::json json = {{"name", row.name},
                         {"summary", summary_of(row)},
                         {"rule", rule},
                         {"parallel_over_several_ranges", !reason.has_value()},
                         {"why_no_parallel_form", reason ? nlohmann::json(*reason) : nullptr},
                         {"lact_nvs", row.shared != nullptr},
                         {"vit3", row.classifier != nullptr},
                         {"weights", weights}};
  if (row.shared != nullptr) {
    const auto number = [](double value) {
      return std::isnan(value) ? nlohmann::json() : nlohmann::json(value);
    };
    json["paper"] = {{"nvs_psnr", number(row.shared->paper.nvs_psnr)},
                     {"vit3_top1", number(row.shared->paper.vit3_top1)}};
    json["source"] = row.shared->source;
  }
  return json;
}

int run_variants(const VariantsOptions& options) {
  const std::vector<Row> rows = chosen_rows(options.names);
  const std::vector<ModelListing> models = list_nvs_models();
  const std::vector<ClassifierListing> classifiers = list_classifiers();
  nlohmann::json list = nlohmann::json::array();
  for (const Row& row : rows) {
    const std::vector<std::string> weights = weights_of(row, models, classifiers);
    list.push_back(row_json(row, weights));
    if (options.json != "-") {
      print_row(row, weights);
    }
  }
  if (options.json != "-") {
    fmt::print("Sources: {}\n", kSource);
  }
  if (!options.json.empty()) {
    write_json(options.json,
               {{"variants", list}, {"sources", kSource}, {"provenance", provenance_json()}});
  }
  return kExitDone;
}

}  // namespace

Command add_variants_command(CLI::App& program) {
  auto options = std::make_shared<VariantsOptions>();
  CLI::App* app = add_subcommand(program,
                                 "variants",
                                 "Explain the rows of the variant table",
                                 "Example:\n  parallax variants 0 3 key-as-query");
  add_positional(
      *app, "VARIANT", options->names, "rows to explain; none: all", Presence::kOptional);
  add_options(*app, *options);
  return {app, [options] { return run_variants(*options); }};
}

}  // namespace parallax
