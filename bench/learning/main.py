"""Runs the whole comparison and writes the page; scripts/bench-learning starts it."""

import argparse
import json
import pathlib
import time

import numpy as np

import chart
import dataset
import figures
import halves
import made
import ours
import page
import peers
import replay
import settings
import tried

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "learning"
COLOURS = {figures.OURS: ("#0a6ebd", 3), "Vowpal Wabbit": ("#8a2be2", 1.5),
           "ParetoBandit": ("#d62728", 1.5), "stable-baselines3 PPO": ("#2ca02c", 1.5),
           "calibrated LinUCB": ("#e6a817", 1.5), "full information": ("#444444", 1.5),
           "best fixed model": ("#c2571a", 1.5)}


class Bench:
    def __init__(self, arguments):
        self.start = time.monotonic()
        self.data = arguments.data
        self.encoders = arguments.encoders
        self.only = arguments.only
        self.peers = arguments.peers
        self.cache = peers.Cache(WORK / "results")
        self.programs = ours.Programs(ROOT, self.cache, self.say)

    def say(self, message):
        print(f"{time.monotonic() - self.start:6.0f} s  {message}", flush=True)

    def outcomes(self, name):
        if name in made.MADE:
            path = WORK / "made" / name / "outcomes.jsonl"
            made.write(name, path)
            return path
        return self.data / name / "outcomes.jsonl"

    def encoder(self, name):
        return f"minilm:{ROOT / 'build' / 'minilm'}" if name == "minilm" else name

    def dataset(self, name, encoder):
        path = WORK / "data" / f"{name}-{encoder}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.programs.export(self.outcomes(name), self.encoder(encoder), path)
        return dataset.read(path)

    def comparisons(self):
        """The summary's rows and the sections of the comparisons that can run here."""
        rows, sections = [], []
        for comparison in settings.COMPARISONS:
            setting = comparison.setting
            if setting.encoder not in self.encoders:
                continue
            if self.only and comparison.slug not in self.only:
                continue
            data = self.dataset(setting.data, setting.encoder)
            records = figures.compare(comparison, data, self.outcomes(setting.data),
                                      self.encoder(setting.encoder), self.programs, self.cache,
                                      self.say, self.peers)
            rows += page.target_rows(comparison, records)
            sections.append(page.comparison_section(comparison, records))
            self.draw(comparison, records)
        return rows, sections

    def draw(self, comparison, records):
        series = [(record["label"], *COLOURS[record["label"]], smooth(record["curve"]))
                  for record in records if record["label"] in COLOURS]
        path = ROOT / "docs" / page.chart_path(comparison)
        path.parent.mkdir(exist_ok=True)
        path.write_text(chart.line_chart(comparison.title, "queries",
                                         "mean reward of the queries so far", series))

    def halves(self):
        source = WORK / "data" / "routellm_mmlu.jsonl"
        with open(self.outcomes("routellm"), encoding="utf-8") as file:
            lines = [line for line in file if json.loads(line)["benchmark"] == "mmlu"]
        source.write_text("".join(lines))
        output = WORK / "halves.bin"
        self.programs.halves(source, "static", "default", output)
        models, splits = halves.read(output)
        weak = models.index("mistralai/Mixtral-8x7B-Instruct-v0.1")
        strong = models.index("gpt-4-1106-preview")
        quality = np.array([[json.loads(line)["outcomes"][model]["quality"] for model in models]
                            for line in lines])
        mine = halves.over_splits(
            (expected[:, strong] - expected[:, weak], quality[rows, weak], quality[rows, strong])
            for rows, expected in splits)
        path = WORK / "data" / "routellm_mmlu-static.bin"
        self.programs.export(source, "static", path)
        features = dataset.read(path).features
        return page.halves_section(mine, tried.on_halves(
            features, quality[:, weak], quality[:, strong], [rows for rows, _ in splits]))

    def policy_gradients(self):
        """PPO of ours and of stable-baselines3, each in the same two environments."""
        data = self.dataset("mmlu_pro", "static")
        setting = replay.Setting("mmlu_pro", "static", settings.PPO_COST_WEIGHT)
        rows = []
        for title, policy, flags, peer in (
                ("one decision", "ppo", [], "ppo"),
                ("cascades", "default", ["--cascade"], "cascades")):
            report = self.programs.simulate(
                self.outcomes("mmlu_pro"), "static", [policy],
                ["--cost-weight", f"{settings.PPO_COST_WEIGHT:g}", *flags])
            mine = ours.result_of(report, "ppo")
            rows.append([title, "Yardmaster ppo", f"{mine['mean_reward']:.4f}",
                         f"{mine['last_quarter_reward']:.4f}", f"{mine['decisions_per_s']:,.0f}",
                         ""])
            best = peers.best_of(peers.PEERS[peer], data, setting, self.cache, self.say)
            means = {field: np.mean([run[field] for run in best["seeds"]])
                     for field in ("reward", "last_quarter", "samples_per_s")}
            rows.append([title, peers.PEERS["ppo"].name, f"{means['reward']:.4f}",
                         f"{means['last_quarter']:.4f}", f"{means['samples_per_s']:,.0f}",
                         figures.note(best)])
        return page.policy_gradient_section(rows)

    def budgets(self):
        rows = []
        for encoder in self.encoders:
            data = self.dataset("paretobandit_val", encoder)
            for budget, published in settings.BUDGETS:
                report = self.programs.simulate(
                    self.outcomes("paretobandit_val"), self.encoder(encoder), ["default"],
                    ["--cost-weight", "0", "--budget", f"{budget:g}"])
                mine = ours.result_of(report, "default")
                setting = replay.Setting("paretobandit_val", encoder, 0.0, budget_usd=budget)
                best = peers.best_of(peers.PEERS["pareto"], data, setting, self.cache, self.say)
                peer = figures.from_peer(peers.PEERS["pareto"].name, best, len(data.features))
                label = f"{budget:g} USD, {encoder}"
                rows.append([label, figures.OURS, f"{mine['mean_reward']:.4f}",
                             f"{mine['mean_cost_usd'] / budget:.3f}",
                             f"{mine['highest_mean_cost_usd'] / budget:.3f}", str(published)])
                rows.append([label, f"{peer['label']}, cold: {peer['note']}",
                             f"{peer['reward']:.4f}", f"{peer['cost_usd'] / budget:.3f}", "", ""])
        return page.budget_section(rows)

    def troubles(self):
        rows = []
        for trouble in settings.TROUBLES:
            report = self.programs.simulate(self.outcomes("mmlu_pro"), "static", ["default"],
                                            ["--cost-weight", "30", *trouble.flags])
            mine = ours.result_of(report, "default")
            fixed = ours.result_of(report, "best_fixed")
            recovered = [change["recovery_rounds"] for change in mine.get("changes", [])]
            rows.append([trouble.title, f"`{' '.join(trouble.flags)}`",
                         f"{mine['mean_reward']:.4f}", f"{mine['last_quarter_reward']:.4f}",
                         f"{fixed['last_quarter_reward']:.4f}",
                         ", ".join("not" if value is None else str(value) for value in recovered),
                         trouble.wants])
        return page.trouble_section(rows)


def smooth(curve):
    """The mean of all windows so far: what a learner has got by then, a query."""
    values = np.cumsum([value for _, value in curve]) / np.arange(1, len(curve) + 1)
    return [(place, float(value)) for (place, _), value in zip(curve, values)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / ".." / "shared" / "data",
                        help="folder of the outcome data sets")
    parser.add_argument("--encoders", nargs="*", choices=["static", "minilm"],
                        default=["static", "minilm"],
                        help="the page then lacks the other; minilm takes an hour more")
    parser.add_argument("--only", nargs="*", metavar="SLUG",
                        help="of the comparisons in settings.py; the page then lacks the others")
    parser.add_argument("--peers", nargs="*", metavar="NAME", default=[name for name in peers.PEERS if name != "cascades"],
                        help="of %(default)s; the page then lacks the others")
    bench = Bench(parser.parse_args())
    rows, sections = bench.comparisons()
    versions = ", ".join(f"{peer.name} {peer.version}" for key, peer in peers.PEERS.items()
                         if key in ("vw", "pareto", "ppo"))
    text = "\n".join([page.HEAD.format(versions=versions), page.summary_section(rows),
                      bench.budgets(), bench.halves(), bench.troubles(),
                      *([bench.policy_gradients()] if "ppo" in bench.peers else []), "## Comparisons\n", *sections])
    (ROOT / "docs" / "benchmarks-learning.md").write_text(text)
    bench.say("wrote docs/benchmarks-learning.md")


if __name__ == "__main__":
    main()
