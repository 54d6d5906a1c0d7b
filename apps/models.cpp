// `parallax models`: the published weights, and fetching them.
#include <fmt/ranges.h>

#include <cstdio>

#include "apps/common/cli.h"
#include "apps/report/results.h"
#include "core/base/device.h"
#include "core/base/error.h"
#include "vision/models/published_models.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

struct FetchOptions {
  std::vector<std::string> names;
  bool quiet = false;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("quiet", self.quiet, "print nothing but the files' paths and errors");
  }
};

std::string image_size(const PublishedModel& model) { return size_text(model.width, model.height); }

// The command for which the model was published.
std::string command_for(const PublishedModel& model) {
  return model.input_views > 0 ? "parallax render SCENE --model " + model.name
                               : "parallax classify PATH --model " + model.name;
}

std::string describe_presence(const PublishedModel& model) {
  const auto path = find_fetched(model);
  std::error_code error;
  const auto bytes = path ? std::filesystem::file_size(*path, error) : 0;
  return path && !error ? "yes, " + format_bytes(static_cast<int64_t>(bytes)) : "no";
}

int list_models() {
  std::vector<std::vector<std::string>> rows = {
      {"name", "for", "configuration", "parameters", "images", "input views", "here"}};
  for (const PublishedModel& model : published_models()) {
    rows.push_back({model.name,
                    model.purpose,
                    model.configuration,
                    model.parameters,
                    image_size(model),
                    model.input_views > 0 ? std::to_string(model.input_views) : "-",
                    describe_presence(model)});
  }
  fmt::print("{}", format_table(rows));
  std::string readme;
  for (const PublishedModel& model : published_models()) {
    if (model.readme != readme) {
      readme = model.readme;
      fmt::print(
          "licence of {} and the like, as stated by {}: {}\n", model.name, readme, model.licence);
    }
  }
  fmt::print("`parallax models fetch NAME` fetches one.\n");
  return kExitDone;
}

const PublishedModel& require_published(const std::string& name) {
  if (const PublishedModel* model = find_published_model(name)) {
    return *model;
  }
  std::vector<std::string> names;
  for (const PublishedModel& model : published_models()) {
    names.push_back(model.name);
  }
  throw UsageError(ErrorParts{.what = "no published model is called '" + name + "'",
                              .expected = fmt::format("one of {}", fmt::join(names, ", "))});
}

// What the table says of using the model.
void print_advice(const PublishedModel& model) {
  if (model.input_views > 0) {
    fmt::print(stderr,
               "{}: {}, {}; images of {}, {} input views and poses normalised as {} by default\n",
               model.name,
               model.purpose,
               model.configuration,
               image_size(model),
               model.input_views,
               model.object_centric ? "an object" : "a scene");
  } else {
    fmt::print(stderr, "{}: {}, {}\n", model.name, model.purpose, model.configuration);
  }
  fmt::print(stderr,
             "licence: {} ({})\nuse it with: {}\n",
             model.licence,
             model.readme,
             command_for(model));
}

int run_fetch(const FetchOptions& options) {
  for (const std::string& name : options.names) {
    require_published(name);  // before the first of several is fetched
  }
  std::vector<std::string> fetched;
  for (const std::string& name : options.names) {
    const PublishedModel& model = require_published(name);
    try {
      fetched.push_back(fetch_published(model, options.quiet).string());
    } catch (const Error& error) {
      fmt::print(stderr, "parallax: {}\n", error.what());
      continue;
    }
    if (options.quiet) {
      fmt::print("{}\n", fetched.back());
    } else {
      print_advice(model);
    }
  }
  if (!options.quiet) {
    print_info(fetched);
  }
  if (fetched.size() == options.names.size()) {
    return kExitDone;
  }
  return fetched.empty() ? kExitFailed : kExitSomeFailed;
}

}  // namespace

std::vector<Command> add_models_commands(CLI::App& program) {
  CLI::App* models = add_subcommand(program,
                                    "models",
                                    "List the published weights and whether they are here",
                                    "Example:\n  parallax models fetch lact-nvs/obj_res256");
  auto options = std::make_shared<FetchOptions>();
  CLI::App* fetch = add_subcommand(*models,
                                   "fetch",
                                   "Fetch published weights, into the Hub's cache or the user's "
                                   "folder of models",
                                   "Example:\n  parallax models fetch lact-nvs/obj_res256");
  add_positional(*fetch, "NAME", options->names, "names of `parallax models`", Presence::kRequired);
  add_options(*fetch, *options);
  // `models fetch` is `models`, too: the first that was parsed is run.
  return {{fetch, [options] { return run_fetch(*options); }},
          {models, [] { return list_models(); }}};
}

}  // namespace parallax
