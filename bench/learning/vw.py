"""Vowpal Wabbit's contextual bandits: https://vowpalwabbit.org, PyPI vowpalwabbit.

Models are actions with one name feature each, crossed with the query's features (-q SA), so every
model has weights of its own, and the query's features alone are weights that all share. Costs are
1 - reward. Features have names: bare indices collide in Vowpal Wabbit 9."""

import numpy as np
import vowpalwabbit

NAME = "Vowpal Wabbit"
VERSION = vowpalwabbit.__version__

# Each exploration algorithm of the documentation, around its documented values; the learning rate
# -l is .5 unless given.
CONFIGURATIONS = [
    "--epsilon 0.05",
    "--epsilon 0.02 -l 0.1",
    "--first 1000",
    "--squarecb --gamma_scale 10",
    "--squarecb --gamma_scale 100",
    "--squarecb --gamma_scale 1000",
    "--squarecb --gamma_scale 3000",
    "--squarecb --gamma_scale 1000 -l 0.1",
    "--regcbopt --mellowness 0.1",
    "--regcbopt --mellowness 0.01",
    "--regcbopt --mellowness 0.001",
    "--regcbopt --mellowness 0.001 -l 0.1",
    "--bag 5",
    "--bag 5 -l 0.1",
    "--bag 10 -l 0.05",
    "--cover 5 --psi 0.01 --nounif",
    "--softmax --lambda 50",
    "--softmax --lambda 200",
]


class Learner:
    def __init__(self, dataset, setting, configuration, seed):
        del setting
        self.queries = query_lines(dataset)
        self.actions = [f"|A model{model}" for model in range(len(dataset.models))]
        self.workspace = vowpalwabbit.Workspace(
            f"--cb_explore_adf -q SA {configuration} --random_seed {seed + 1} --quiet")
        self.rng = np.random.default_rng([seed, 2])
        self.probability = 1.0

    def choose(self, row):
        probabilities = np.maximum(
            self.workspace.predict([self.queries[row], *self.actions]), 0)
        bounds = np.cumsum(probabilities)
        model = int(np.searchsorted(bounds, self.rng.random() * bounds[-1], side="right"))
        model = min(model, len(self.actions) - 1)
        self.probability = probabilities[model] / bounds[-1]
        return model

    def learn(self, row, model, reward, cost_usd):
        del cost_usd
        self.observe(row, model, reward, self.probability)

    def observe(self, row, model, reward, probability):
        lines = [self.queries[row], *self.actions]
        lines[model + 1] = f"0:{1 - reward:.6g}:{max(probability, 1e-6):.6g} {lines[model + 1]}"
        self.workspace.learn(lines)


def query_lines(dataset):
    """The queries as Vowpal Wabbit reads them; kept, since making them takes a second."""
    lines = getattr(dataset, "vw_lines", None)
    if lines is None:
        lines = ["shared |S " + " ".join(f"f{i + 1}:{value:.5g}" for i, value in enumerate(row))
                 for row in dataset.features]
        dataset.vw_lines = lines
    return lines
