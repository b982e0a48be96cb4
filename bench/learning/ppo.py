"""stable-baselines3's PPO on routing as an environment of one step: the observation is the query's
features, the action a model. Rows come in the seed's order; it learns from its own choices."""

import gymnasium
import numpy as np
import stable_baselines3
import torch

NAME = "stable-baselines3 PPO"
VERSION = f"{stable_baselines3.__version__}, torch {torch.__version__}"

# The defaults, then shorter batches and faster learning for so short a life.
CONFIGURATIONS = [
    {},
    {"n_steps": 512, "learning_rate": 1e-3},
    {"n_steps": 256, "learning_rate": 1e-3, "ent_coef": 0.01},
]


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


def choices(dataset, setting, configuration, seed, passes=1):
    """The models chosen while it learned; `passes` times through the rows."""
    torch.set_num_threads(1)
    rows = dataset.orders[seed]
    env = RoutingEnv(dataset.features, dataset.rewards(setting.cost_weight), rows)
    model = stable_baselines3.PPO("MlpPolicy", env, seed=seed, device="cpu", **configuration)
    model.learn(len(rows) * passes)
    return np.array(env.chosen[:len(rows) * passes])
