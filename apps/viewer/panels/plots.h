// Line charts and bars on ImGui's draw list.
#pragma once

#include <imgui.h>

#include <string>
#include <utility>
#include <vector>

namespace parallax {

// One curve or one set of points.
struct PlotSeries {
  std::string label;
  std::vector<std::pair<double, double>> points;
};

// A chart of the given size with axes, round tick values and a legend; series in fixed colours.
void draw_line_plot(const char* id,
                    const std::vector<PlotSeries>& series,
                    const char* x_label,
                    const char* y_label,
                    const ImVec2& size);

// Points in the plane with a legend; series in fixed colours.
void draw_scatter_plot(const char* id, const std::vector<PlotSeries>& series, const ImVec2& size);

// A horizontal bar, `width` wide, filled to `share` in [0, 1], with text on it.
void draw_bar(double share, const std::string& text, float width, int colour);

// The plots' colour of this index.
ImU32 plot_colour(int index, float alpha = 1);

}  // namespace parallax
