#include "agent/simulation/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "agent/simulation.h"
#include "agent/simulation/svg.h"

namespace yardmaster::agent {
namespace {

constexpr double kWidth = 1080, kTop = 64, kPanelHeight = 340, kLegendRow = 20;
constexpr double kPanelWidth = 430, kLeftPanel = 70, kRightPanel = 600;
constexpr std::size_t kColours = 8;
constexpr std::size_t kLegendColumns = 4;

std::string colour(std::size_t index) { return "c" + std::to_string(index % kColours); }

struct Range {
  double least = INFINITY, largest = -INFINITY;

  void include(double value) {
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
  void widen(double part) {
    const double by = part * (largest - least);
    least -= by;
    largest += by;
  }
};

void draw_frame(SvgWriter& svg, double left, const Axis& x, const Axis& y, const std::string& title,
                const std::string& x_name) {
  const double bottom = kTop + kPanelHeight;
  for (const Axis::Tick& tick : y.ticks()) {
    const double place = y.pixel(tick.value);
    svg.line({left, place}, {left + kPanelWidth, place}, "faint");
    svg.text({left - 8, place + 4}, "end", tick.label);
  }
  for (const Axis::Tick& tick : x.ticks()) {
    const double place = x.pixel(tick.value);
    svg.line({place, bottom}, {place, bottom + 4}, "ink");
    svg.text({place, bottom + 19}, "middle", tick.label);
  }
  svg.line({left, bottom}, {left + kPanelWidth, bottom}, "ink");
  svg.text({left, kTop - 12}, "start", title, 13);
  svg.text({left + kPanelWidth / 2, bottom + 38}, "middle", x_name);
}

void draw_curves(SvgWriter& svg, const PlotRun& run) {
  Range rewards;
  for (const SimulationResult& result : run.results) {
    for (const CurvePoint& point : result.curve) {
      rewards.include(is_baseline(result.policy) ? point.reward : point.ci95[0]);
      rewards.include(is_baseline(result.policy) ? point.reward : point.ci95[1]);
    }
  }
  rewards.widen(0.03);
  const Axis x(0, static_cast<double>(run.results.front().rounds), kLeftPanel,
               kLeftPanel + kPanelWidth, false);
  const Axis y(rewards.least, rewards.largest, kTop + kPanelHeight, kTop, false);
  char title[80];
  std::snprintf(title, sizeof title, "mean reward at cost weight %g", run.cost_weight);
  draw_frame(svg, kLeftPanel, x, y, title, "queries");
  for (std::size_t i = 0; i < run.results.size(); ++i) {
    const SimulationResult& result = run.results[i];
    std::vector<Pixel> line, band;
    double from = 0;
    for (const CurvePoint& point : result.curve) {
      const double middle = (from + static_cast<double>(point.round)) / 2;
      from = static_cast<double>(point.round);
      line.push_back({x.pixel(middle), y.pixel(point.reward)});
      band.push_back({x.pixel(middle), y.pixel(point.ci95[1])});
    }
    for (std::size_t p = result.curve.size(); p-- > 0;) {
      band.push_back({line[p].x, y.pixel(result.curve[p].ci95[0])});
    }
    if (!is_baseline(result.policy)) svg.area(band, colour(i));
    svg.polyline(line, colour(i), is_baseline(result.policy));
  }
}

void draw_frontier(SvgWriter& svg, const std::vector<PlotRun>& runs,
                   const std::vector<FixedModel>& fixed) {
  Range costs, qualities;
  const auto include = [&](double cost_usd, double quality) {
    if (cost_usd > 0) costs.include(1000 * cost_usd);
    qualities.include(quality);
  };
  for (const FixedModel& model : fixed) include(model.cost_usd, model.quality);
  for (const PlotRun& run : runs) {
    for (const SimulationResult& each : run.results) include(each.mean_cost_usd, each.mean_quality);
  }
  if (!(costs.least <= costs.largest)) costs.include(1);  // nothing costs anything
  qualities.widen(0.05);
  const Axis x(costs.least / 1.3, costs.largest * 1.3, kRightPanel, kRightPanel + kPanelWidth,
               true);
  const Axis y(qualities.least, qualities.largest, kTop + kPanelHeight, kTop, false);
  draw_frame(svg, kRightPanel, x, y, "quality against cost", "USD per 1,000 queries");
  const auto place = [&](double cost_usd, double quality) {
    return Pixel{x.pixel(1000 * cost_usd), y.pixel(quality)};
  };
  for (std::size_t i = 0; i < runs.front().results.size(); ++i) {
    std::vector<Pixel> points;
    for (const PlotRun& run : runs) {
      points.push_back(place(run.results[i].mean_cost_usd, run.results[i].mean_quality));
    }
    if (points.size() > 1) {
      svg.polyline(points, colour(i), is_baseline(runs.front().results[i].policy));
    }
    for (const Pixel& point : points) svg.dot(point, 4, colour(i));
  }
  for (const FixedModel& model : fixed) {
    const Pixel at = place(model.cost_usd, model.quality);
    const bool at_right = at.x > kRightPanel + 0.75 * kPanelWidth;
    svg.dot(at, 3, "ink");
    svg.text({at.x + (at_right ? -6 : 6), at.y + (at_right ? -9 : 14)}, at_right ? "end" : "start",
             model.model, 10);
  }
}

void draw_legend(SvgWriter& svg, const std::vector<SimulationResult>& results) {
  const double top = kTop + kPanelHeight + 68;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto row = static_cast<double>(i / kLegendColumns);
    const auto column = static_cast<double>(i % kLegendColumns);
    const Pixel at{kLeftPanel + column * 250, top + row * kLegendRow};
    const Pixel ends[] = {{at.x, at.y - 4}, {at.x + 24, at.y - 4}};
    svg.polyline(ends, colour(i), is_baseline(results[i].policy));
    svg.text({at.x + 32, at.y}, "start", results[i].policy);
  }
}

}  // namespace

std::vector<FixedModel> fixed_models(const World& world) {
  std::vector<FixedModel> out;
  for (std::size_t model = 0; model < world.data().models.size(); ++model) {
    double quality = 0, cost = 0, weight = 0;
    for (const Stretch& stretch : world.stretches()) {
      const auto rounds = static_cast<double>(stretch.end - stretch.first);
      for (std::size_t row = 0; row < world.data().rows(); ++row) {
        if (!world.may_serve(stretch, row, model)) continue;
        const SimulationData::Cell cell = world.cell(stretch, row, model);
        quality += rounds * cell.quality.value_or(0);
        cost += rounds * cell.cost_usd;
        weight += rounds;
      }
    }
    if (weight > 0) out.push_back({world.data().models[model], quality / weight, cost / weight});
  }
  return out;
}

std::string plot_svg(const std::string& title, const std::vector<PlotRun>& runs,
                     const std::vector<FixedModel>& fixed) {
  const std::size_t rows = (runs.front().results.size() + kLegendColumns - 1) / kLegendColumns;
  SvgWriter svg(kWidth, kTop + kPanelHeight + 68 + static_cast<double>(rows) * kLegendRow);
  svg.text({kLeftPanel, 26}, "start", title, 15);
  draw_curves(svg, runs.front());
  std::vector<PlotRun> by_weight = runs;
  std::sort(by_weight.begin(), by_weight.end(),
            [](const PlotRun& a, const PlotRun& b) { return a.cost_weight < b.cost_weight; });
  draw_frontier(svg, by_weight, fixed);
  draw_legend(svg, runs.front().results);
  return svg.finish();
}

}  // namespace yardmaster::agent
