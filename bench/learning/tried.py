"""What other models of quality make of RouteLLM's MMLU, for the halves' table: the same features
and splits as ours, learned in one go."""

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

import halves


def difference_ridge(x, weak, strong, asked):
    return Ridge(alpha=20).fit(x, strong - weak).predict(asked)


def logistic(x, weak, strong, asked):
    def expected(quality):
        return LogisticRegression(C=0.3, max_iter=500).fit(x, quality).predict_proba(asked)[:, 1]

    return expected(strong) - expected(weak)


def calibrated_ridge(x, weak, strong, asked):
    """A ridge regression for each model, and a logistic function of one variable on top."""

    def expected(quality):
        ridge = Ridge(alpha=10).fit(x, quality)
        link = LogisticRegression(C=100).fit(ridge.predict(x)[:, None], quality)
        return link.predict_proba(ridge.predict(asked)[:, None])[:, 1]

    return expected(strong) - expected(weak)


def difficulty_crossed(x, weak, strong, asked):
    """Ridge regression of the difference on the features, and on them times the difficulty."""
    difficulty = Ridge(alpha=10).fit(x, (weak + strong) / 2)
    known = difficulty.predict(x)

    def crossed(rows):
        unit = (difficulty.predict(rows) - known.mean()) / known.std()
        return np.hstack([rows, rows * unit[:, None]])

    return Ridge(alpha=20).fit(crossed(x), strong - weak).predict(crossed(asked))


MODELS = [("ridge regression of the difference", difference_ridge),
          ("a logistic regression for each model", logistic),
          ("a ridge regression for each model, logistic link on top", calibrated_ridge),
          ("ridge regression of the difference, features crossed with difficulty",
           difficulty_crossed)]


def on_halves(features, weak, strong, scored_rows):
    """(name, what halves.over_splits gives) for each; a split learns the rows it does not score."""
    x = features.astype(float)
    out = []
    for name, model in MODELS:
        triples = []
        for asked in scored_rows:
            learned = np.setdiff1d(np.arange(len(x)), asked)
            score = model(x[learned], weak[learned], strong[learned], x[asked])
            triples.append((score, weak[asked], strong[asked]))
        out.append((name, halves.over_splits(triples)))
    return out
