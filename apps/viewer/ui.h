// What the panels share besides the viewer's state: how images get onto the screen, where items
// are, which dialogs are open. Without a window the functions for images return nothing.
#pragma once

#include <imgui.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "vision/viewer/view_state.h"

namespace parallax {

// How one pane is drawn, in the pane's pixels. Equal drawings give equal pixels.
struct PaneDrawing {
  // What is made of the first and the second image.
  enum class Mode { kPicture = 0, kAbsolute, kSquared, kSigned, kSplit };

  int width = 0;  // of the pane
  int height = 0;
  view::ImagePtr first;
  view::ImagePtr second;  // for all modes except the first
  Mode mode = Mode::kPicture;
  bool false_colour = false;
  float gain = 1;
  float split_at = 0.5F;  // of the pane's width
  float x = 0;            // the image's top left corner
  float y = 0;
  float shown_width = 0;  // of the image
  float shown_height = 0;

  bool operator==(const PaneDrawing&) const = default;
};

// A rectangle on the screen.
struct ItemRect {
  ImVec2 min;
  ImVec2 max;
};

// Frame times of the interface, as `--stats` reports them.
struct FrameTimes {
  double last_ms = 0;
  double percentile95_ms = 0;
  int frames = 0;
};

// The side of the strip's thumbnails, in pixels before the scale.
inline constexpr float kThumbnailSide = 54;

// The range of the scale of text and controls.
inline constexpr float kLeastScale = 0.5F;
inline constexpr float kLargestScale = 4;

// Whether a part of the Compare screen is shown; automatic: if the window has room for it.
enum class Shown { kAutomatic, kShown, kHidden };
inline constexpr const char* kShownNames[] = {"automatic", "shown", "hidden"};

// A question with one button per answer, and one that answers nothing.
struct Question {
  struct Answer {
    std::string text;
    std::function<void(view::ViewState&)> act;
  };
  std::string text;
  std::vector<Answer> answers;
};

// The interface's own state.
struct Ui {
  float scale = 1;         // of text and controls, in effect
  float wanted_scale = 0;  // as the user set it; 0: the monitor's
  float scale_option = 0;  // --ui-scale, until the user sets another; 0: none
  // A pane's texture; null without a window.
  std::function<ImTextureID(int pane, const PaneDrawing&)> draw_pane;
  // A small image's texture; null without a window.
  std::function<ImTextureID(const view::ImagePtr&)> texture_of;

  bool show_open = false;
  bool show_help = false;
  bool show_messages = false;
  bool show_stats = false;
  std::string open_path;
  std::vector<std::string> completions;
  std::string completed_for;  // the text that `completions` belong to
  std::string track_path;
  std::optional<Question> question;
  int side_tab = 0;                 // the panel's open tab
  Shown side = Shown::kAutomatic;   // the panel with the tabs
  Shown strip = Shown::kAutomatic;  // the thumbnails
  float side_width = 0;             // in pixels before the scale; 0: a share of the window
  bool side_was_dragged = false;
  bool pictures_only = false;  // nothing but the panes' images
  // As drawn last, which may be automatic.
  bool side_is_shown = true;
  bool strip_is_shown = true;
  int hovered_row = -1;  // set while the panes are drawn
  int hovered_col = -1;
  double overview_yaw = 0.6;
  double overview_pitch = 0.5;
  FrameTimes times;

  // Where named items were last drawn, for scripts: "screen/Probe", "pane/0", "thumbnail/3".
  std::map<std::string, ItemRect> items;
};

// Records where the item just drawn is.
void mark_item(Ui& ui, const std::string& name);
void mark_rect(Ui& ui, const std::string& name, const ImVec2& min, const ImVec2& max);

// The text, or as much of its beginning and its end as is that wide, with an ellipsis between:
// names differ at their ends.
std::string middle_ellipsis(const std::string& text, float width);

// The colours of a difference pane with values beneath, as wide as the room, at most 16 em.
void draw_colour_bar(const view::Pane& pane, const PaneDrawing& drawing);

// Closes what is on top: an open list or menu, else a dialog. Returns whether there was anything.
bool close_topmost(view::ViewState& state, Ui& ui);

// Switches what is shown to hidden and what is hidden to shown.
void toggle_shown(Shown& part, bool is_shown);

// Draws the whole window.
void draw_viewer(view::ViewState& state, Ui& ui);

// The panels. Each draws into the current window and returns whether it changed the state.
bool draw_menu_panel(view::ViewState& state, Ui& ui);
bool draw_start_panel(view::ViewState& state, Ui& ui);
bool draw_panes_panel(view::ViewState& state, Ui& ui);
bool draw_strip_panel(view::ViewState& state, Ui& ui);
bool draw_camera_panel(view::ViewState& state, Ui& ui);
bool draw_inputs_panel(view::ViewState& state, Ui& ui);
bool draw_table_panel(view::ViewState& state, Ui& ui);
bool draw_view_plot_panel(view::ViewState& state, Ui& ui);
bool draw_curve_panel(view::ViewState& state, Ui& ui);
bool draw_path_panel(view::ViewState& state, Ui& ui);
bool draw_overview_panel(view::ViewState& state, Ui& ui);
bool draw_classify_panel(view::ViewState& state, Ui& ui);
bool draw_probe_panel(view::ViewState& state, Ui& ui);
bool draw_lab_panel(view::ViewState& state, Ui& ui);
bool draw_dialogs(view::ViewState& state, Ui& ui);

// Handles keys that no text field wants, and Esc in any case. Returns whether they changed the
// state.
bool handle_shortcuts(view::ViewState& state, Ui& ui, double seconds);

// Handles the mouse in an image's rectangle: orbit, pan, dolly, zoom.
bool handle_picture_mouse(view::ViewState& state, const PaneDrawing& drawing, const ItemRect& rect);

// Places an image of the scene's size in a pane.
PaneDrawing place_picture(const view::ViewState& state, int width, int height);

// A pane's drawing; empty if there is none, in which case `pane_note` says why.
std::optional<PaneDrawing> pane_drawing(const view::ViewState& state,
                                        const view::Pane& pane,
                                        int width,
                                        int height);

// Puts a drawing into the pane's rectangle of the current window.
void show_drawing(Ui& ui, int pane, const PaneDrawing& drawing, const ItemRect& rect);

// The menus above a pane; `stacked`: in a column beside the image. Returns whether they changed it.
bool draw_pane_header(view::ViewState& state, Ui& ui, int index, bool stacked);

// The number of lines of values under a pane.
inline constexpr int kNumberLines = 3;
// Between values of one line, which a narrow pane shows in lines of their own.
inline constexpr const char* kNumberGap = "   ";
// The lines under a pane; unused ones are empty.
using NumberLines = std::array<std::string, kNumberLines>;
NumberLines pane_numbers(const view::ViewState& state,
                         const view::Pane& pane,
                         const std::optional<PaneDrawing>& drawing);

// Shows text, in red if it is an error, wrapped to the window.
void draw_note(const std::string& text, bool is_error = false);

}  // namespace parallax
