#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yardmaster::agent {

/// A place on the picture, in pixels from the top left.
struct Pixel {
  double x = 0;
  double y = 0;
};

/// Writes a picture as SVG text. Colours follow the viewer's light or dark scheme: `ink` for text
/// and baselines, `faint` for grids, `c0` to `c7` for data; each is a class for the style.
class SvgWriter {
 public:
  SvgWriter(double width, double height);

  void line(Pixel from, Pixel to, std::string_view style);
  void polyline(std::span<const Pixel> points, std::string_view style, bool dashed);
  void area(std::span<const Pixel> outline, std::string_view style);  ///< half transparent
  void dot(Pixel centre, double radius, std::string_view style);

  /// `anchor`: start, middle or end; the text is escaped.
  void text(Pixel at, std::string_view anchor, std::string_view text, int size = 12);

  /// The whole picture; nothing may be written after.
  std::string finish();

 private:
  std::string out_;
};

/// Maps values to pixels, linear or by powers of ten, and names round values.
class Axis {
 public:
  /// `from` and `to` are the pixels of the least and the largest value; the range is widened to be
  /// more than a point. A logarithmic axis needs a least value above 0.
  Axis(double least, double largest, double from, double to, bool logarithmic);

  double pixel(double value) const;  ///< values outside are moved to the nearest end

  struct Tick {
    double value = 0;
    std::string label;
  };
  std::vector<Tick> ticks() const;

 private:
  double scaled(double value) const;

  double least_, largest_, from_, to_;
  bool logarithmic_;
};

}  // namespace yardmaster::agent
