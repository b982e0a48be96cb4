"""References that are not products: linear UCB with its parameters picked in hindsight, and ridge
regression that sees every model's outcome, which bounds what a linear learner can reach."""

import itertools

import numpy as np


class LinUcb:
    """Li et al. 2010, one ridge regression a model; a weak prior on the intercept, a strong one on
    the context weights, rewards centred on their running mean."""

    NAME = "calibrated LinUCB"
    VERSION = "1"
    CONFIGURATIONS = [{"alpha": alpha, "ridge": ridge}
                      for alpha, ridge in itertools.product([0.3, 0.6, 1.0, 2.0], [20, 80])]

    def __init__(self, dataset, setting, configuration, seed):
        del setting, seed
        self.x = with_intercept(dataset)
        count = len(dataset.models)
        precision = np.full(self.x.shape[1], float(configuration["ridge"]))
        precision[0] = 0.1
        self.inverse = np.repeat(np.diag(1 / precision)[None], count, axis=0)
        self.moment = np.zeros((count, len(precision)))
        self.sum_x = np.zeros((count, len(precision)))
        self.alpha = configuration["alpha"]
        self.mean, self.rows = 0.0, 0

    def choose(self, row):
        x = self.x[row]
        px = self.inverse @ x
        expected = np.einsum("md,md->m", px, self.moment - self.mean * self.sum_x)
        return int(np.argmax(expected + self.alpha * np.sqrt(px @ x)))

    def learn(self, row, model, reward, cost_usd):
        del cost_usd
        self.observe(row, model, reward, 1)

    def observe(self, row, model, reward, probability):
        del probability
        x = self.x[row]
        px = self.inverse[model] @ x
        self.inverse[model] -= np.outer(px, px / (1 + px @ x))
        self.moment[model] += reward * x
        self.sum_x[model] += x
        self.rows += 1
        self.mean += (reward - self.mean) / self.rows


class FullInformation:
    """Ridge regression of each model's reward on rows seen so far with every model's outcome."""

    NAME = "full information"
    VERSION = "1"
    CONFIGURATIONS = [{"ridge": ridge} for ridge in (10, 20, 40, 80, 160)]
    REFIT = 100

    def __init__(self, dataset, setting, configuration, seed):
        del seed
        self.x = with_intercept(dataset)
        self.rewards = dataset.rewards(setting.cost_weight)
        width = self.x.shape[1]
        self.gram = np.diag([1e-6] + [float(configuration["ridge"])] * (width - 1))
        self.moment = np.zeros((width, len(dataset.models)))
        self.weights = self.moment
        self.rows = 0
        self.observed = None

    def choose(self, row):
        if self.rows % self.REFIT == 0 or self.rows < self.REFIT:
            self.weights = np.linalg.solve(self.gram, self.moment)
        return int(np.argmax(self.x[row] @ self.weights))

    def learn(self, row, model, reward, cost_usd):
        del model, reward, cost_usd
        self.gram += np.outer(self.x[row], self.x[row])
        self.moment += np.outer(self.x[row], self.rewards[row])
        self.rows += 1

    def observe(self, row, model, reward, probability):
        """A row of a warm start counts once, and with all its outcomes, whatever was chosen."""
        del probability
        if row != self.observed:
            self.learn(row, model, reward, 0)
        self.observed = row


def with_intercept(dataset):
    return np.hstack([np.ones((len(dataset.features), 1)), dataset.features.astype(float)])
