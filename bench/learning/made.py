"""Outcome data sets that are made, not measured: queries of topics, which an encoder tells apart,
and models that are each good at some. Here the queries decide which model is best, as they hardly do
in the measured sets; a learner has to find out in which of the two worlds it lives."""

import functools
import json
import math
import random

ROWS = 8000
FILLER = "the a of in is what which how that with for and to".split()
# A topic's words are drawn from the alphabet below, so that any number of topics can be made.
SYLLABLES = "ba co di fu ga he ki lo mu na pe ri so tu va we xi yo za".split()


def words(rng, count):
    return ["".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))) for _ in range(count)]


def text(rng, vocabulary):
    """A query of 8 to 40 words, two in five of them its topic's."""
    return " ".join(rng.choice(vocabulary if rng.random() < 0.4 else FILLER)
                    for _ in range(rng.randint(8, 40)))


def topics(spread):
    """Nine topics and eleven models, the dearer the better on the whole; beyond that a model's part
    of right answers differs from topic to topic with this deviation."""
    rng = random.Random(5)
    vocabularies = [words(rng, 14) for _ in range(9)]
    prices = [0.0002 * 2 ** (0.7 * model) for model in range(11)]
    right = [[min(0.98, max(0.02, 0.35 + 0.05 * model + rng.gauss(0, spread)))
              for _ in vocabularies] for model in range(11)]
    for _ in range(ROWS):
        topic = rng.randrange(len(vocabularies))
        difficulty = rng.gauss(0, 0.6)
        qualities = []
        for model in range(11):
            part = right[model][topic]
            odds = math.log(part / (1 - part)) - difficulty
            qualities.append(float(rng.random() < 1 / (1 + math.exp(-odds))))
        yield text(rng, vocabularies[topic]), qualities, prices


def experts():
    """Twenty topics and twenty models: each is right with .9 in its own and with .1 in all others."""
    rng = random.Random(6)
    vocabularies = [words(rng, 14) for _ in range(20)]
    for _ in range(ROWS):
        topic = rng.randrange(20)
        qualities = [float(rng.random() < (0.9 if model == topic else 0.1)) for model in range(20)]
        yield text(rng, vocabularies[topic]), qualities, [0.001] * 20


MADE = {"topics": lambda: topics(0.25), "topics_slight": lambda: topics(0.1), "experts": experts}


@functools.cache
def write(name, path):
    """The data set as JSON lines; the same bytes each time. Once a run, however often it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for row, (query, qualities, prices) in enumerate(MADE[name]()):
            outcomes = {f"model{model:02d}": {"quality": quality, "cost_usd": price}
                        for model, (quality, price) in enumerate(zip(qualities, prices))}
            file.write(json.dumps({"query_id": f"{name}_{row}", "query": query,
                                   "outcomes": outcomes}) + "\n")
