#include "agent/simulation/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace yardmaster::agent {
namespace {

constexpr std::string_view kStyle = R"(<style>
text { font-family: system-ui, sans-serif; fill: #222; stroke: #fff; stroke-width: 3;
  paint-order: stroke; stroke-linejoin: round }
.back { fill: #fff } .line { fill: none; stroke-width: 1.8 } .area { stroke: none; opacity: .18 }
.ink { stroke: #555 } .ink.dot { fill: #555 } .faint { stroke: #ddd; stroke-width: 1 }
.dashed { stroke-dasharray: 5 4 } .dot { stroke: none }
.c0 { stroke: #1f77d0; fill: #1f77d0 } .c1 { stroke: #e0671b; fill: #e0671b }
.c2 { stroke: #2b9a4a; fill: #2b9a4a } .c3 { stroke: #9a55cf; fill: #9a55cf }
.c4 { stroke: #c93a60; fill: #c93a60 } .c5 { stroke: #1aa0ad; fill: #1aa0ad }
.c6 { stroke: #a98a0b; fill: #a98a0b } .c7 { stroke: #8a6a55; fill: #8a6a55 }
polyline.line { fill: none }
@media (prefers-color-scheme: dark) {
text { fill: #ddd; stroke: #161a1f } .back { fill: #161a1f } .ink { stroke: #aaa } .ink.dot { fill: #aaa }
.faint { stroke: #333a42 }
}
</style>
)";

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string points_of(std::span<const Pixel> points) {
  std::string out;
  for (const Pixel& point : points) out += number(point.x) + "," + number(point.y) + " ";
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// 1, 2 or 5 times a power of ten, so that some five of it cover the range.
double round_step(double range) {
  const double rough = range / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

SvgWriter::SvgWriter(double width, double height) {
  out_ = R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 )" + number(width) + " " +
         number(height) + R"(" width=")" + number(width) + R"(" height=")" + number(height) +
         "\">\n";
  out_ += kStyle;
  out_ += R"(<rect class="back" width="100%" height="100%"/>)"
          "\n";
}

void SvgWriter::line(Pixel from, Pixel to, std::string_view style) {
  out_ += R"(<line class="line )" + std::string(style) + R"(" x1=")" + number(from.x) +
          R"(" y1=")" + number(from.y) + R"(" x2=")" + number(to.x) + R"(" y2=")" + number(to.y) +
          "\"/>\n";
}

void SvgWriter::polyline(std::span<const Pixel> points, std::string_view style, bool dashed) {
  out_ += R"(<polyline class="line )" + std::string(style) + (dashed ? " dashed" : "") +
          R"(" points=")" + points_of(points) + "\"/>\n";
}

void SvgWriter::area(std::span<const Pixel> outline, std::string_view style) {
  out_ += R"(<polygon class=")" + std::string(style) + R"( area" points=")" + points_of(outline) +
          "\"/>\n";
}

void SvgWriter::dot(Pixel centre, double radius, std::string_view style) {
  out_ += R"(<circle class=")" + std::string(style) + R"( dot" cx=")" + number(centre.x) +
          R"(" cy=")" + number(centre.y) + R"(" r=")" + number(radius) + "\"/>\n";
}

void SvgWriter::text(Pixel at, std::string_view anchor, std::string_view text, int size) {
  out_ += R"(<text x=")" + number(at.x) + R"(" y=")" + number(at.y) + R"(" text-anchor=")" +
          std::string(anchor) + R"(" font-size=")" + std::to_string(size) + "\">" + escaped(text) +
          "</text>\n";
}

std::string SvgWriter::finish() { return std::move(out_) + "</svg>\n"; }

Axis::Axis(double least, double largest, double from, double to, bool logarithmic)
    : least_(least), largest_(largest), from_(from), to_(to), logarithmic_(logarithmic) {
  if (largest_ > least_) return;
  least_ = logarithmic ? least / 2 : least - 0.5;
  largest_ = logarithmic ? least * 2 : least + 0.5;
}

double Axis::scaled(double value) const { return logarithmic_ ? std::log10(value) : value; }

double Axis::pixel(double value) const {
  const double inside = std::clamp(value, least_, largest_);
  const double part = (scaled(inside) - scaled(least_)) / (scaled(largest_) - scaled(least_));
  return from_ + part * (to_ - from_);
}

std::vector<Axis::Tick> Axis::ticks() const {
  std::vector<Tick> out;
  if (!logarithmic_) {
    const double step = round_step(largest_ - least_);
    for (double i = std::ceil(least_ / step - 1e-9); i * step <= largest_ + 1e-9 * step; ++i) {
      const double value = i * step + 0.0;  // never -0
      out.push_back({value, short_number(value)});
    }
    return out;
  }
  const bool few_decades = std::log10(largest_ / least_) < 2.5;
  for (double power = std::pow(10, std::floor(std::log10(least_))); power <= largest_;
       power *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * power;
      if (value < least_ || value > largest_ || (factor > 1 && !few_decades)) continue;
      out.push_back({value, short_number(value)});
    }
  }
  return out;
}

}  // namespace yardmaster::agent
