"""The learners that are not ours, their configurations, and running them with a cache: a run's
result is kept under its learner, version, configuration, seed and setting and the data's checksum,
so what was run once is not run again."""

import hashlib
import json
import time

import linear
import pareto
import ppo
import replay
import vw

PILOT_SEEDS = 2  # all configurations run on these; the best few on all seeds
KEPT = 3


class Peer:
    def __init__(self, name, version, configurations, run):
        self.name, self.version, self.configurations, self.run = name, version, configurations, run


def replayed(make):
    def run(dataset, setting, configuration, seed):
        return replay.replay(dataset, setting, seed, make(dataset, setting, configuration, seed))
    return run


def run_ppo(dataset, setting, configuration, seed):
    chosen, speed = ppo.play_routing(dataset, setting.cost_weight, configuration, seed)
    run = replay.summary(dataset, setting.cost_weight, dataset.orders[seed], chosen)
    return run | {"samples_per_s": speed}


def run_cascades(dataset, setting, configuration, seed):
    return ppo.play_cascades(dataset, setting.cost_weight, configuration, seed)


PEERS = {
    "vw": Peer(vw.NAME, vw.VERSION, vw.CONFIGURATIONS, replayed(vw.Learner)),
    "pareto": Peer(pareto.NAME, pareto.VERSION, pareto.CONFIGURATIONS, replayed(pareto.Learner)),
    "ppo": Peer(ppo.NAME, ppo.VERSION, ppo.CONFIGURATIONS, run_ppo),
    "cascades": Peer(ppo.NAME + ", cascades", ppo.VERSION, ppo.CONFIGURATIONS, run_cascades),
    "linucb": Peer(linear.LinUcb.NAME, linear.LinUcb.VERSION, linear.LinUcb.CONFIGURATIONS,
                   replayed(linear.LinUcb)),
    "full": Peer(linear.FullInformation.NAME, linear.FullInformation.VERSION,
                 linear.FullInformation.CONFIGURATIONS, replayed(linear.FullInformation)),
}


class Cache:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key, make):
        """The value kept under `key` (anything that JSON can write), made if there is none."""
        text = json.dumps(key, sort_keys=True)
        path = self.folder / (hashlib.sha256(text.encode()).hexdigest()[:32] + ".json")
        if path.exists():
            return json.loads(path.read_text())["value"]
        value = make()
        waiting = path.with_suffix(".tmp")
        waiting.write_text(json.dumps({"key": key, "value": value}))
        waiting.rename(path)
        return value


def overspent(setting, runs):
    """What is taken off a configuration's reward where it breaks its budget by over 1%."""
    if setting.budget_usd == 0:
        return 0.0
    cost = sum(run["cost_usd"] for run in runs) / len(runs)
    return max(0.0, cost / setting.budget_usd - 1.01)


def best_of(peer, dataset, setting, cache, say):
    """The best configuration in hindsight: {"configuration", "tried", "seeds": [a run each]}."""

    def run(configuration, seed):
        key = [peer.name, peer.version, configuration, seed, vars(setting), dataset.checksum]
        return cache.get(key, lambda: peer.run(dataset, setting, configuration, seed))

    def runs(configuration, seeds):
        start = time.monotonic()
        out = [run(configuration, seed) for seed in range(seeds)]
        mean = sum(one["reward"] for one in out) / seeds - overspent(setting, out)
        if time.monotonic() - start > 1:
            say(f"{peer.name} {configuration}: {mean:.4f} on {seeds} seeds")
        return mean, out

    pilots = sorted(((runs(configuration, PILOT_SEEDS)[0], place)
                     for place, configuration in enumerate(peer.configurations)), reverse=True)
    finals = []
    for _, place in pilots[:KEPT]:
        mean, out = runs(peer.configurations[place], len(dataset.orders))
        finals.append((mean, place, out))
    _, place, out = max(finals)
    return {"configuration": peer.configurations[place], "tried": len(peer.configurations),
            "seeds": out}
