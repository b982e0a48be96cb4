"""Replays a data set against a learner, as `yardmaster simulate` does, and sums up what it got.

A learner here has
    choose(row) -> model          decides for the query of that row
    learn(row, model, reward, cost_usd)             hears what its own choice brought
    observe(row, model, reward, probability)        a logged choice of a warm start
and is made anew for each seed. It may look at the row's features, never at its outcomes."""

import dataclasses

import numpy as np

CURVE_POINTS = 40


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is replayed: everything but the learner."""
    data: str
    encoder: str
    cost_weight: float
    warm_rows: int = 0  # the first rows of each order, learned first and not played
    warm_full: bool = False  # with every model's outcome, else a uniformly random choice's
    budget_usd: float = 0  # a query; 0: none


def replay(dataset, setting, seed, learner):
    """One seed's run as a dictionary of plain numbers."""
    rewards = dataset.rewards(setting.cost_weight)
    order = dataset.orders[seed]
    warm_up(rewards, order[:setting.warm_rows], setting.warm_full, seed, learner)
    rows = order[setting.warm_rows:]
    chosen = np.empty(len(rows), int)
    for place, row in enumerate(rows):
        model = learner.choose(row)
        chosen[place] = model
        learner.learn(row, model, rewards[row, model], dataset.cost_usd[row, model])
    return summary(dataset, setting.cost_weight, rows, chosen)


def warm_up(rewards, rows, full, seed, learner):
    models = rewards.shape[1]
    rng = np.random.default_rng([seed, 1])
    for row in rows:
        for model in range(models) if full else [int(rng.integers(models))]:
            learner.observe(row, model, rewards[row, model], 1 if full else 1 / models)


def summary(dataset, cost_weight, rows, chosen):
    rewards = dataset.rewards(cost_weight)
    got = rewards[rows, chosen]
    quarter = max(len(rows) // 4, 1)
    return {
        "reward": float(got.mean()),
        "quality": float(dataset.quality[rows, chosen].mean()),
        "cost_usd": float(dataset.cost_usd[rows, chosen].mean()),
        "last_quarter": float(got[-quarter:].mean()),
        "regret": float((np.nanmax(rewards[rows], axis=1) - got).sum()),
        "curve": [float(part.mean()) for part in np.array_split(got, CURVE_POINTS)],
    }


# 97.5% quantiles of Student's t for 1 to 9 degrees of freedom.
STUDENT_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]


def mean_and_half_width(values):
    """The mean over seeds, and half of its 95% interval."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), 0.0
    t = STUDENT_T[len(values) - 2] if len(values) <= 10 else 1.96
    return float(values.mean()), float(t * values.std(ddof=1) / np.sqrt(len(values)))
