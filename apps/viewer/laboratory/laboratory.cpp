// A thread that waits for the child; once per frame, its lines.
#include "apps/viewer/laboratory/laboratory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <regex>
#include <thread>
#include <utility>

#include "apps/common/cli.h"
#include "apps/viewer/laboratory/lab_command.h"
#include "apps/viewer/laboratory/lab_folder.h"
#include "core/base/child_process.h"
#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using view::ViewState;

// What an exit code means that came with no sentence.
std::string sentence_on_end(int exit_code, const std::string& last_line) {
  if (exit_code > 128) {
    return fmt::format("the laboratory was ended by signal {}{}",
                       exit_code - 128,
                       exit_code == 137 ? ", as when memory is full" : "");
  }
  return fmt::format("the laboratory ended with {}: {}", exit_code, last_line);
}

void tell_page_error(ViewState& state, const std::string& sentence) {
  state.lab.page_error = sentence;
  view::complain(state, sentence);
}

// "MODEL, ascent (2 of 8): 7 evaluations …" behind "lab: ".
bool read_probe_line(view::LabRun& run, const std::string& text) {
  static const std::regex pattern(R"(.*, ([a-z-]+) \((\d{1,4}) of (\d{1,4})\): (.*))");
  std::smatch parts;
  if (!std::regex_match(text, parts, pattern)) {
    return false;
  }
  run.probe = parts[1];
  run.number = std::stoi(parts[2]);
  run.all = std::max(1, std::stoi(parts[3]));
  run.work = fmt::format("{} of {}: {}", run.number, run.all, parts[4].str());
  run.share = static_cast<double>(run.number - 1) / run.all;
  run.progress.clear();
  return true;
}

// "3/7, 2.1/s, 2 s left", or another line.
void read_progress(view::LabRun& run, const std::string& text) {
  run.progress = text;
  int done = 0;
  int parts = 0;
  if (std::sscanf(text.c_str(), "%d/%d,", &done, &parts) == 2 && parts > 0 && run.all > 0) {
    run.share = (run.number - 1 + std::min(1.0, static_cast<double>(done) / parts)) / run.all;
  }
}

}  // namespace

fs::path parallax_command() {
  const fs::path folder = program_folder();
  std::error_code ignored;
  for (const fs::path& place :
       {folder / "parallax", folder.parent_path().parent_path() / "bin" / "parallax"}) {
    if (fs::is_regular_file(place, ignored)) {
      return place;
    }
  }
  return folder / "parallax-compute";
}

void read_lab_line(view::LabRun& run, const std::string& line) {
  const std::string lab = "lab: ";
  const std::string error = "parallax: ";
  run.last_line = line;
  if (line.starts_with(error)) {
    run.errors.push_back(line.substr(error.size()));
  } else if (line.starts_with(lab)) {
    if (!read_probe_line(run, line.substr(lab.size()))) {
      run.work = line.substr(lab.size());
    }
  } else if (!run.probe.empty() && line.starts_with(run.probe + ": ")) {
    read_progress(run, line.substr(run.probe.size() + 2));
  }
}

// A run on a thread of its own, whose end stops it.
struct Laboratory::Child {
  std::mutex mutex;  // guards what follows
  std::vector<std::string> lines;
  std::optional<ChildEnd> end;
  std::string error;    // that it could not be started
  std::jthread thread;  // last: it ends before what it uses
};

Laboratory::Laboratory(std::function<void()> on_news, fs::path program)
    : on_news_(std::move(on_news)), program_(std::move(program)) {}

Laboratory::~Laboratory() = default;

bool Laboratory::carry_out(ViewState& state, const view::Command& command) {
  if (std::holds_alternative<view::RunLabCommand>(command)) {
    start(state);
  } else if (std::holds_alternative<view::CancelLabCommand>(command)) {
    if (child_ != nullptr) {
      child_->thread.request_stop();
    }
  } else if (const auto* page = std::get_if<view::OpenPageCommand>(&command)) {
    state.lab.page_error.clear();
    try {
      pages_.open(page->path);
    } catch (const Error& error) {
      tell_page_error(state, error.what());
    }
  } else {
    return false;
  }
  return true;
}

void Laboratory::start(ViewState& state) {
  if (child_ != nullptr || state.lab.words.empty()) {
    return;
  }
  state.lab.run = {.title = fmt::format("{} on {}", state.probe.model, state.scene->name),
                   .folder = folder_,
                   .is_running = true};
  child_ = std::make_unique<Child>();
  child_->thread = std::jthread(
      [&child = *child_, on_news = on_news_, program = program_, words = state.lab.words](
          const std::stop_token& stop) {
        std::optional<ChildEnd> end;
        std::string problem;
        try {
          end = run_child({.program = program,
                           .arguments = words,
                           .on_line =
                               [&](const std::string& line) {
                                 const std::lock_guard lock(child.mutex);
                                 child.lines.push_back(line);
                                 on_news();
                               },
                           .should_stop = [&] { return stop.stop_requested(); }});
        } catch (const std::exception& error) {
          problem = error.what();
        }
        const std::lock_guard lock(child.mutex);
        child.end = end.value_or(ChildEnd{});
        child.error = problem;
        on_news();
      });
}

void Laboratory::update(ViewState& state) {
  for (const std::string& failure : pages_.take_failures()) {
    tell_page_error(state, failure);
  }
  if (child_ != nullptr) {
    take_news(state);
  }
  if (state.screen == view::Screen::kProbe) {
    look(state);
  }
}

void Laboratory::take_news(ViewState& state) {
  bool has_ended = false;
  {
    const std::lock_guard lock(child_->mutex);
    for (const std::string& line : std::exchange(child_->lines, {})) {
      read_lab_line(state.lab.run, line);
    }
    has_ended = child_->end.has_value();
  }
  if (has_ended) {
    end(state);
  }
}

void Laboratory::end(ViewState& state) {
  child_->thread.join();
  view::LabRun& run = state.lab.run;
  const int code = child_->end->exit_code;
  run.was_cancelled = child_->end->stopped;
  if (!child_->error.empty()) {
    run.errors = {child_->error};
  } else if (!run.was_cancelled && code != kExitDone && run.errors.empty()) {
    run.errors = {sentence_on_end(code, run.last_line)};
  }
  child_.reset();
  run.is_running = false;
  run.share = 1;
  for (const std::string& error : run.errors) {
    view::complain(state, fmt::format("laboratory, {}: {}", run.title, error));
  }
  if (run.was_cancelled) {
    view::say(state, fmt::format("The laboratory was stopped: {}", run.title));
  } else if (code == kExitDone || code == kExitSomeFailed) {
    view::say(state, fmt::format("The laboratory examined {}: {}/lab.html", run.title, run.folder));
  }
  looked_for_.clear();
}

void Laboratory::look(ViewState& state) {
  std::optional<LabOptions> options = shown_lab_options(state);
  if (!options) {
    state.lab.words.clear();
    state.lab.folder = {};
    looked_for_.clear();
    return;
  }
  LabOptions all_probes = *options;
  all_probes.probes.clear();
  all_probes.output = state.output;
  if (std::vector<std::string> wanted = lab_words(all_probes); wanted != looked_for_) {
    folder_ = find_lab_folder(state, all_probes);
    looked_for_ = std::move(wanted);
    stamp_.reset();
  }
  options->output = folder_;
  state.lab.words = lab_words(*options);
  if (std::string stamp = lab_folder_stamp(folder_); stamp != stamp_) {
    state.lab.folder = read_lab_folder(folder_, options->models.front());
    stamp_ = std::move(stamp);
  }
}

}  // namespace parallax
