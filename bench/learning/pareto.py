"""ParetoBandit's router, https://github.com/ParetoBandit/ParetoBandit, PyPI paretobandit. Features
are precomputed and priors none, as its README says for models of one's own.

It learns the reward, its own penalty for list prices being off; or, with a penalty or a budget, the
quality, as it was made for. What a request cost is reported to it with the feedback."""

import importlib.metadata
import logging

import numpy as np
from pareto_bandit import BanditRouter
from pareto_bandit.budget_pacer import BudgetPacer
from pareto_bandit.feature_service import FeatureService
from pareto_bandit.types import RouterConfig

NAME = "ParetoBandit"
VERSION = importlib.metadata.version("paretobandit")
logging.getLogger("pareto_bandit").setLevel(logging.ERROR)


def configuration(alpha, gamma, ridge=1.0, unit_variance=False, penalty=0):
    return {"alpha": alpha, "forgetting_factor": gamma, "init_lambda": ridge,
            "unit_variance": unit_variance, "cost_penalty": penalty}


# alpha .05 with forgetting .997 is its BEST_K3_TABULA_RASA_HPARAMS, alpha .01 its BEST_K3_HPARAMS;
# alpha .1 and 1 are its ExplorationRate SAFE and BALANCED; its ridge of 1 is meant for features of
# unit variance; .3 and .1 are its default cost penalty and the one of its documentation.
CONFIGURATIONS = [
    configuration(0.01, 0.997),
    configuration(0.05, 0.997),
    configuration(0.05, 0.997, unit_variance=True),
    configuration(0.1, 1.0),
    configuration(1.0, 1.0),
    configuration(1.0, 1.0, unit_variance=True),
    configuration(1.0, 1.0, ridge=20.0),
    configuration(0.05, 0.997, penalty=0.1),
    configuration(0.05, 0.997, penalty=0.3),
]
LOWEST_COST_TERM = 0.1  # USD: a reward below 0 by more than this costs is cut


class Learner:
    def __init__(self, dataset, setting, configuration, seed):
        scale = np.sqrt(dataset.features.shape[1]) if configuration["unit_variance"] else 1
        ones = np.ones((len(dataset.features), 1))
        self.features = np.hstack([dataset.features * scale, ones])
        self.models = list(dataset.models)
        self.cost_weight = setting.cost_weight
        self.learns_quality = configuration["cost_penalty"] > 0 or setting.budget_usd > 0
        lowest = 0 if self.learns_quality else -setting.cost_weight * LOWEST_COST_TERM
        pacer = BudgetPacer(setting.budget_usd) if setting.budget_usd > 0 else None
        self.router = BanditRouter.create(
            model_registry=registry(dataset), priors="none", bandit_seed=seed, budget_pacer=pacer,
            feature_service=FeatureService.for_precomputed(self.features.shape[1]),
            config=RouterConfig(reward_min=lowest), cost_penalty=configuration["cost_penalty"],
            alpha=configuration["alpha"], init_lambda=configuration["init_lambda"],
            forgetting_factor=configuration["forgetting_factor"])
        self.log = None

    def choose(self, row):
        model, self.log = self.router.route(self.features[row], input_tokens=100)
        return self.models.index(model)

    def learn(self, row, model, reward, cost_usd):
        del row, model
        self.log.cost_usd = cost_usd
        if self.learns_quality:
            reward += self.cost_weight * cost_usd
        self.router.process_feedback(self.log.request_id, reward=reward)

    def observe(self, row, model, reward, probability):
        del probability
        self.router.update(self.models[model], self.features[row], reward)


def registry(dataset):
    """List prices in USD a million tokens; a model of unknown price counts as dear."""
    out = {}
    for model, price in zip(dataset.models, dataset.price_references):
        usd_per_million = float(price) * 1e3 if price > 0 else 10.0
        out[model] = {"input_cost_per_m": usd_per_million, "output_cost_per_m": usd_per_million}
    return out
