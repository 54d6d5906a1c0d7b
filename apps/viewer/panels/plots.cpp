// Charts in a few draw-list calls.
#include "apps/viewer/panels/plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "apps/report/axes.h"

namespace parallax {
namespace {

// The axes' area within the plot's rectangle, and their extents.
struct Frame {
  ImVec2 min;
  ImVec2 max;
  axes::Extent x;
  axes::Extent y;

  ImVec2 place(double px, double py) const {
    return {static_cast<float>(x.place(px, min.x, max.x)),
            static_cast<float>(y.place(py, max.y, min.y))};
  }
};

axes::Extent extent(const std::vector<PlotSeries>& series, bool horizontal) {
  std::vector<double> values;
  for (const PlotSeries& line : series) {
    for (const auto& [x, y] : line.points) {
      values.push_back(horizontal ? x : y);
    }
  }
  return axes::extent_of(values);
}

void draw_legend(const std::vector<PlotSeries>& series) {
  const float line = ImGui::GetTextLineHeight();
  for (size_t i = 0; i < series.size(); ++i) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::GetWindowDrawList()->AddRectFilled({at.x, at.y + line * 0.3F},
                                              {at.x + line * 0.7F, at.y + line * 0.8F},
                                              plot_colour(static_cast<int>(i)));
    ImGui::Dummy({line * 0.7F, line});
    ImGui::SameLine();
    ImGui::TextUnformatted(series[i].label.c_str());
    const float next =
        i + 1 < series.size() ? ImGui::CalcTextSize(series[i + 1].label.c_str()).x + line * 2 : 0;
    if (i + 1 < series.size() &&
        ImGui::GetItemRectMax().x + next <
            ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x) {
      ImGui::SameLine();
    }
  }
}

// Reserves the rectangle and draws axes with tick values.
Frame begin_plot(const char* id,
                 const std::vector<PlotSeries>& series,
                 const char* x_label,
                 const char* y_label,
                 const ImVec2& size) {
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton(id, {std::max(size.x, 1.0F), std::max(size.y, 1.0F)});
  ImDrawList* list = ImGui::GetWindowDrawList();
  const float font = ImGui::GetFontSize();
  Frame frame{{corner.x + font * 3.2F, corner.y + font * 1.3F},
              {corner.x + size.x - font, corner.y + size.y - font * 2.4F},
              extent(series, true),
              extent(series, false)};
  frame.max.x = std::max(frame.max.x, frame.min.x + 1);
  frame.max.y = std::max(frame.max.y, frame.min.y + 1);
  const ImU32 ink = ImGui::GetColorU32(ImGuiCol_TextDisabled);
  const ImU32 grid = ImGui::GetColorU32(ImGuiCol_Border, 0.6F);
  list->AddRect(frame.min, frame.max, grid);
  list->AddText({corner.x, corner.y}, ink, y_label);
  const float label_width = ImGui::CalcTextSize(x_label).x;
  list->AddText({frame.max.x - label_width, frame.max.y + font * 1.2F}, ink, x_label);
  for (const double tick : axes::ticks(frame.x.low, frame.x.high)) {
    const ImVec2 at = frame.place(tick, frame.y.low);
    list->AddLine({at.x, frame.min.y}, {at.x, frame.max.y}, grid);
    list->AddText({at.x - font * 0.5F, frame.max.y + 2}, ink, fmt::format("{:g}", tick).c_str());
  }
  for (const double tick : axes::ticks(frame.y.low, frame.y.high)) {
    const ImVec2 at = frame.place(frame.x.low, tick);
    list->AddLine({frame.min.x, at.y}, {frame.max.x, at.y}, grid);
    list->AddText({corner.x, at.y - font * 0.5F}, ink, fmt::format("{:.4g}", tick).c_str());
  }
  return frame;
}

}  // namespace

ImU32 plot_colour(int index, float alpha) {
  const char* hex = axes::kColours[static_cast<size_t>(index) % std::size(axes::kColours)];
  const auto value = static_cast<unsigned>(std::strtoul(hex + 1, nullptr, 16));
  // The reports' colours are meant for white paper; on a dark background they must be lighter.
  const auto lighter = [](unsigned channel) { return channel + (255 - channel) / 4; };
  return IM_COL32(lighter(value >> 16 & 255),
                  lighter(value >> 8 & 255),
                  lighter(value & 255),
                  static_cast<int>(alpha * 255));
}

void draw_line_plot(const char* id,
                    const std::vector<PlotSeries>& series,
                    const char* x_label,
                    const char* y_label,
                    const ImVec2& size) {
  const Frame frame = begin_plot(id, series, x_label, y_label, size);
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->PushClipRect(frame.min, frame.max, true);
  for (size_t i = 0; i < series.size(); ++i) {
    const ImU32 colour = plot_colour(static_cast<int>(i));
    std::vector<ImVec2> points;
    for (const auto& [x, y] : series[i].points) {
      if (std::isfinite(x) && std::isfinite(y)) {
        points.push_back(frame.place(x, y));
        list->AddCircleFilled(points.back(), 2.5F, colour);
      }
    }
    list->AddPolyline(points.data(), static_cast<int>(points.size()), colour, 0, 1.5F);
  }
  list->PopClipRect();
  draw_legend(series);
}

void draw_scatter_plot(const char* id, const std::vector<PlotSeries>& series, const ImVec2& size) {
  const Frame frame = begin_plot(id, series, "", "", size);
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->PushClipRect(frame.min, frame.max, true);
  for (size_t i = 0; i < series.size(); ++i) {
    for (const auto& [x, y] : series[i].points) {
      const ImVec2 at = frame.place(x, y);
      // Squares take half the triangles of circles, and there are hundreds of points.
      list->AddRectFilled({at.x - 1.5F, at.y - 1.5F},
                          {at.x + 1.5F, at.y + 1.5F},
                          plot_colour(static_cast<int>(i), 0.7F));
    }
  }
  list->PopClipRect();
  draw_legend(series);
}

void draw_bar(double share, const std::string& text, float width, int colour) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height = ImGui::GetTextLineHeight();
  const auto filled = static_cast<float>(std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0);
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->AddRectFilled(at, {at.x + width * filled, at.y + height}, plot_colour(colour, 0.45F));
  list->AddText({at.x + 3, at.y}, ImGui::GetColorU32(ImGuiCol_Text), text.c_str());
  ImGui::Dummy({width, height});
}

}  // namespace parallax
