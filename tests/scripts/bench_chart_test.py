"""Tests bench/learning/chart.py: the part of the learning benchmark that needs no packages."""

import pathlib
import sys
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "learning"))

import chart  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series):
    return xml.etree.ElementTree.fromstring(chart.line_chart("A & B", "x", "y", list(series)))


class ChartTest(unittest.TestCase):
    def test_a_chart_is_well_formed_and_has_a_line_for_each_series(self):
        tree = drawn(("one < two", "#000000", 1, [(0, 0.5), (10, 0.7)]),
                     ("three", "#ff0000", 2, [(0, 0.1), (10, 0.2)]))
        self.assertEqual(len(tree.findall(SVG + "polyline")), 2)
        texts = [text.text for text in tree.iter(SVG + "text")]
        self.assertIn("A & B", texts)
        self.assertIn("one < two", texts)

    def test_higher_values_are_drawn_higher(self):
        tree = drawn(("up", "#000000", 1, [(0, 0.0), (10, 1.0)]))
        first, last = (float(point.split(",")[1])
                       for point in tree.find(SVG + "polyline").get("points").split())
        self.assertGreater(first, last)

    def test_a_constant_series_can_be_drawn(self):
        drawn(("flat", "#000000", 1, [(5, 0.4)]))

    def test_labels_do_not_cover_each_other(self):
        heights = chart.spread([100.0, 101.0, 99.0])
        gaps = [b - a for a, b in zip(sorted(heights), sorted(heights)[1:])]
        self.assertTrue(all(gap >= chart.LABEL_HEIGHT for gap in gaps), heights)


if __name__ == "__main__":
    unittest.main()
