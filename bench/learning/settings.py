"""What is compared: data sets, encoders, weights and scenarios, with the targets of the project."""

import dataclasses

from replay import Setting


@dataclasses.dataclass(frozen=True)
class Comparison:
    slug: str  # names its chart
    title: str
    setting: Setting
    flags: tuple = ()  # of `yardmaster simulate`, beyond data, encoder and weight
    target: float = 0  # mean reward, or the regret where by_regret; 0: none
    target_last_quarter: float = 0
    by_regret: bool = False
    peers: tuple = ("vw", "pareto", "linucb", "full")


COMPARISONS = [
    Comparison("mmlu_pro-30-static", "mmlu_pro, cost weight 30, cold, static",
               Setting("mmlu_pro", "static", 30.0), target=0.648, target_last_quarter=0.656,
               peers=("vw", "pareto", "ppo", "linucb", "full")),
    Comparison("mmlu_pro-0-static", "mmlu_pro, cost weight 0, cold, static",
               Setting("mmlu_pro", "static", 0.0), target=0.7226, target_last_quarter=0.730),
    Comparison("mmlu_pro-30-minilm", "mmlu_pro, cost weight 30, cold, minilm",
               Setting("mmlu_pro", "minilm", 30.0), target=0.655, target_last_quarter=0.664),
    Comparison("mmlu_pro-30-warm-logs",
               "mmlu_pro, cost weight 30, minilm, warm: 6,000 rows of logs of a random choice",
               Setting("mmlu_pro", "minilm", 30.0, warm_rows=6000),
               ("--warm-logs", "6000"), target=0.656, peers=("vw", "linucb", "full")),
    Comparison("mmlu_pro-30-warm-full",
               "mmlu_pro, cost weight 30, minilm, warm: 6,000 rows with every model's outcome",
               Setting("mmlu_pro", "minilm", 30.0, warm_rows=6000, warm_full=True),
               ("--warm-full", "6000"), target=0.664, peers=("vw", "linucb", "full")),
    Comparison("paretobandit-0-minilm", "paretobandit_val, cost weight 0, cold, minilm",
               Setting("paretobandit_val", "minilm", 0.0), target=53, by_regret=True),
    Comparison("paretobandit-0-static", "paretobandit_val, cost weight 0, cold, static",
               Setting("paretobandit_val", "static", 0.0), by_regret=True),
    Comparison("paretobandit-30-static", "paretobandit_val, cost weight 30, cold, static",
               Setting("paretobandit_val", "static", 30.0)),
    Comparison("routellm-0-static", "routellm, cost weight 0, cold, static",
               Setting("routellm", "static", 0.0)),
    Comparison("topics-0-static", "topics (made), cost weight 0, cold, static",
               Setting("topics", "static", 0.0)),
    Comparison("topics-30-static", "topics (made), cost weight 30, cold, static",
               Setting("topics", "static", 30.0)),
    Comparison("topics_slight-0-static", "slight topics (made), cost weight 0, cold, static",
               Setting("topics_slight", "static", 0.0)),
    Comparison("experts-0-static", "experts (made), cost weight 0, cold, static",
               Setting("experts", "static", 0.0)),
]

BUDGETS = [  # USD a query, and the reward published for a warm start on the sister split
    (2.3e-4, 0.859), (6.6e-4, 0.898), (1.9e-3, 0.917)]


@dataclasses.dataclass(frozen=True)
class Trouble:
    title: str
    flags: tuple
    wants: str


TROUBLES = [  # mmlu_pro at 30, static
    Trouble("feedback 500 decisions late", ("--feedback-delay", "500"),
            "last quarter above the best fixed model's"),
    Trouble("a tenth of the feedback arrives", ("--feedback-rate", "0.1"),
            "last quarter above the best fixed model's"),
    Trouble("the best model silently halves at half time", ("--degrade", "best=0.5@50%"),
            "90% of the loss recovered within 500 rounds"),
    Trouble("gpt-4o's price falls to a tenth at half time",
            ("--price-change", "gpt-4o-2024-05-13=0.1@50%"),
            "90% of the loss recovered within 500 rounds"),
    Trouble("the best model is added at half time", ("--add-model", "best@50%"),
            "found within 150 rounds"),
]

PPO_COST_WEIGHT = 30.0  # mmlu_pro, static
