"""stable-baselines3's PPO on our two environments, written again for gymnasium.

Routing: an episode is one decision; the observation is the query's features, the action a model.
Cascades: the rules of env/cascade_environment.h, action masks included (MaskablePPO of sb3-contrib,
which is stable-baselines3's PPO but for the masks). Rows come in the seed's order, and it learns
from what it plays, once through the rows."""

import time

import gymnasium
import numpy as np
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback

NAME = "stable-baselines3 PPO"
VERSION = f"{stable_baselines3.__version__} with torch {torch.__version__}"

# The defaults, then shorter batches and faster learning for so short a life.
CONFIGURATIONS = [
    {},
    {"n_steps": 512, "learning_rate": 1e-3},
    {"n_steps": 256, "learning_rate": 1e-3, "ent_coef": 0.01},
]
TRIES, JUDGE_ERROR = 3, 0.1  # of a cascade, simulate's defaults


class RoutingEnv(gymnasium.Env):
    def __init__(self, features, rewards, rows):
        self.observation_space = gymnasium.spaces.Box(
            -np.inf, np.inf, (features.shape[1],), np.float32)
        self.action_space = gymnasium.spaces.Discrete(rewards.shape[1])
        self.features, self.rewards, self.rows = features, rewards, rows
        self.chosen = []

    def row(self):
        return self.rows[len(self.chosen) % len(self.rows)]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return self.features[self.row()], {}

    def step(self, action):
        reward = float(self.rewards[self.row(), action])
        self.chosen.append(int(action))
        return self.features[self.row()], reward, True, False, {}


class CascadeEnv(gymnasium.Env):
    """`worths` has what each finished episode was worth: delivered quality minus weighed costs."""

    def __init__(self, dataset, cost_weight, rows, seed):
        self.features, self.quality, self.cost = dataset.features, dataset.quality, dataset.cost_usd
        self.models = self.quality.shape[1]
        self.cost_weight, self.rows = cost_weight, rows
        size = self.features.shape[1] + 2 * self.models + 2
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(self.models + 1)
        self.judge = np.random.default_rng([seed, 3])
        self.worths, self.episode = [], -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        self.episode += 1
        self.row = self.rows[self.episode % len(self.rows)]
        self.scores = np.zeros(self.models, np.float32)
        self.drafted = np.zeros(self.models, np.float32)
        self.best_score, self.best_quality, self.drafts, self.spent = 0.0, 0.0, 0, 0.0
        return self.observation(), {}

    def observation(self):
        rest = [self.best_score, self.drafts / TRIES]
        return np.concatenate([self.features[self.row], self.scores, self.drafted, rest]).astype(
            np.float32)

    def action_masks(self):
        may_draft = (self.drafted == 0) & ~np.isnan(self.quality[self.row])
        return np.append(may_draft, self.drafts > 0)

    def step(self, action):
        if action == self.models:
            return self.end(self.best_quality, True)
        quality = self.quality[self.row, action]
        score = 1 - quality if self.judge.random() < JUDGE_ERROR else quality
        self.scores[action], self.drafted[action] = score, 1
        if self.drafts == 0 or score >= self.best_score:
            self.best_score, self.best_quality = score, quality
        self.drafts += 1
        self.spent += self.cost[self.row, action]
        reward = -self.cost_weight * self.cost[self.row, action]
        if self.drafts == TRIES or not self.action_masks()[:-1].any():
            return self.end(reward, False)
        return self.observation(), float(reward), False, False, {}

    def end(self, reward, terminated):
        self.worths.append(self.best_quality - self.cost_weight * self.spent)
        return self.observation(), float(reward), terminated, not terminated, {}


class StopAfterEpisodes(BaseCallback):
    def __init__(self, env, episodes):
        super().__init__()
        self.env, self.episodes = env, episodes

    def _on_step(self):
        return len(self.env.worths) < self.episodes


def play_routing(dataset, cost_weight, configuration, seed):
    """The models chosen, and samples a second, environment included."""
    torch.set_num_threads(1)
    rows = dataset.orders[seed]
    env = RoutingEnv(dataset.features, dataset.rewards(cost_weight), rows)
    model = stable_baselines3.PPO("MlpPolicy", env, seed=seed, device="cpu", **configuration)
    start = time.perf_counter()
    model.learn(len(rows))
    speed = len(env.chosen) / (time.perf_counter() - start)
    return np.array(env.chosen[:len(rows)]), speed


def play_cascades(dataset, cost_weight, configuration, seed):
    """The mean worth of an episode, of the last quarter's, and samples a second."""
    torch.set_num_threads(1)
    rows = dataset.orders[seed]
    env = CascadeEnv(dataset, cost_weight, rows, seed)
    model = sb3_contrib.MaskablePPO("MlpPolicy", env, seed=seed, device="cpu", **configuration)
    start = time.perf_counter()
    model.learn(len(rows) * TRIES, callback=StopAfterEpisodes(env, len(rows)))
    speed = model.num_timesteps / (time.perf_counter() - start)
    worths = np.array(env.worths[:len(rows)])
    return {"reward": float(worths.mean()), "samples_per_s": speed,
            "last_quarter": float(worths[-(len(worths) // 4):].mean())}
