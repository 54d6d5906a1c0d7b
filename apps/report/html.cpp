// Small HTML and SVG writers.
#include "apps/report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "apps/report/axes.h"
#include "core/base/json_text.h"

namespace parallax::html {
namespace {

using axes::Extent;
using axes::extent_of;
using axes::kColours;
using axes::ticks;

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr const char* kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](size_t i) { return static_cast<unsigned>(static_cast<uchar>(bytes[i])); };
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = byte(i) << 16U;
    group |= i + 1 < bytes.size() ? byte(i + 1) << 8U : 0U;
    group |= i + 2 < bytes.size() ? byte(i + 2) : 0U;
    text += kAlphabet[group >> 18U & 63U];
    text += kAlphabet[group >> 12U & 63U];
    text += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    text += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return text;
}

std::string escape(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string script_safe(const nlohmann::json& value) {
  std::string text = dump_json(value);
  for (size_t at = text.find("</"); at != std::string::npos; at = text.find("</", at)) {
    text.replace(at, 2, "<\\/");
  }
  for (size_t at = text.find("<!--"); at != std::string::npos; at = text.find("<!--", at)) {
    text.replace(at, 4, "\\u003c!--");
  }
  return text;
}

std::string png_base64(const cv::Mat& picture) {
  cv::Mat bgr;
  cv::cvtColor(picture, bgr, cv::COLOR_RGB2BGR);
  std::vector<uchar> png;
  cv::imencode(".png", bgr, png);
  return base64({reinterpret_cast<const char*>(png.data()), png.size()});
}

std::string image(const cv::Mat& picture, const std::string& alt, int width_px) {
  return fmt::format("<img src=\"data:image/png;base64,{}\" alt=\"{}\" title=\"{}\" width=\"{}\">",
                     png_base64(picture),
                     escape(alt),
                     escape(alt),
                     width_px);
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::string text = "<table>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    text += "<tr>";
    for (const std::string& cell : rows[r]) {
      text += fmt::format("<{0}>{1}</{0}>", r == 0 ? "th" : "td", escape(cell));
    }
    text += "</tr>\n";
  }
  return text + "</table>\n";
}

std::string line_chart(const std::string& title,
                       const std::vector<Series>& series,
                       const std::string& x_label,
                       const std::string& y_label) {
  constexpr double kLeft = 60;
  constexpr double kRight = 560;
  constexpr double kTop = 20;
  constexpr double kBottom = 250;
  std::vector<double> xs;
  std::vector<double> ys;
  for (const Series& one : series) {
    for (const auto& [x, y] : one.points) {
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  const Extent ex = extent_of(xs);
  const Extent ey = extent_of(ys);
  std::string svg = fmt::format(
      "<figure><figcaption>{}</figcaption><svg width=\"760\" height=\"290\">\n", escape(title));
  for (const double tick : ticks(ey.low, ey.high)) {
    const double y = ey.place(tick, kBottom, kTop);
    svg += fmt::format(
        "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" class=\"grid\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\" class=\"axis\">{:g}</text>\n",
        kLeft,
        kRight,
        y,
        y,
        kLeft - 6,
        y + 4,
        tick);
  }
  for (const double tick : ticks(ex.low, ex.high)) {
    svg += fmt::format(
        "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\" class=\"axis\">{:g}</text>\n",
        ex.place(tick, kLeft, kRight),
        kBottom + 16,
        tick);
  }
  for (size_t i = 0; i < series.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    std::string points;
    for (const auto& [x, y] : series[i].points) {
      if (std::isfinite(y)) {
        points +=
            fmt::format("{:.1f},{:.1f} ", ex.place(x, kLeft, kRight), ey.place(y, kBottom, kTop));
      }
    }
    // Every other series is dashed: the curves of forms that agree coincide.
    svg += fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}/>"
        "<text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>\n",
        points,
        colour,
        i % 2 == 1 ? " stroke-dasharray=\"5 4\"" : "",
        kRight + 12,
        22 + 18 * static_cast<int>(i),
        colour,
        escape(series[i].label));
  }
  svg += fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" class=\"axis\">{}</text>"
      "<text x=\"12\" y=\"12\" class=\"axis\">{}</text></svg></figure>\n",
      (kLeft + kRight) / 2,
      kBottom + 34,
      escape(x_label),
      escape(y_label));
  return svg;
}

std::string fill(std::string_view frame,
                 const std::vector<std::pair<std::string, std::string>>& values) {
  std::string text;
  while (!frame.empty()) {
    const size_t at = frame.find('@');
    text += frame.substr(0, at);
    if (at == std::string_view::npos) {
      break;
    }
    frame.remove_prefix(at);
    const auto value = std::find_if(values.begin(), values.end(), [&](const auto& one) {
      return frame.starts_with("@" + one.first + "@");
    });
    text += value == values.end() ? "@" : value->second;
    frame.remove_prefix(value == values.end() ? 1 : value->first.size() + 2);
  }
  return text;
}

std::string page(const std::string& title, const std::string& body) {
  return fmt::format(R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{0}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1180px; overflow-x: auto; padding: 0 1em;
       color: #222; background: #fff; }}
h1 {{ font-size: 1.5em; }} h2 {{ font-size: 1.2em; margin-top: 2em; }}
table {{ border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25em .7em; white-space: nowrap; border-bottom: 1px solid #ddd; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ image-rendering: pixelated; border: 1px solid #eee; }}
figure {{ margin: 1em 0; overflow-x: auto; }} figcaption {{ font-weight: 600; }}
svg text {{ font: 12px system-ui, sans-serif; }} .axis {{ fill: #777; }} .grid {{ stroke: #eee; }}
.pictures td {{ text-align: center; border: 0; padding: .2em; font-size: 12px; }}
.note {{ color: #777; }}
</style></head><body>
<h1>{0}</h1>
{1}
</body></html>
)",
                     escape(title),
                     body);
}

}  // namespace parallax::html
