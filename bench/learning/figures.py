"""From runs of ours and of the peers to what the page shows: plain records."""

import numpy as np

import ours
import peers
import replay

OURS = "Yardmaster, default"
BASELINES = [("best_fixed", "best fixed model"), ("random", "random"),
             ("oracle", "best model of each query")]


def from_simulate(label, result):
    """A record from a result of `yardmaster simulate`."""
    return {
        "label": label, "note": "", "reward": result["mean_reward"],
        "half": (result["ci95"][1] - result["ci95"][0]) / 2,
        "last_quarter": result["last_quarter_reward"], "quality": result["mean_quality"],
        "cost_usd": result["mean_cost_usd"], "regret": result["regret"],
        "curve": [(point["round"], point["reward"]) for point in result["curve"]],
    }


def from_peer(label, best, rounds):
    reward, half = replay.mean_and_half_width([run["reward"] for run in best["seeds"]])
    curve = np.mean([run["curve"] for run in best["seeds"]], axis=0)
    ends = np.cumsum([len(part) for part in np.array_split(np.arange(rounds), len(curve))])
    record = {"label": label, "note": note(best), "reward": reward, "half": half,
              "curve": [(int(end), float(value)) for end, value in zip(ends, curve)]}
    for field in ("last_quarter", "quality", "cost_usd", "regret"):
        record[field] = float(np.mean([run[field] for run in best["seeds"]]))
    return record


def note(best):
    configuration = best["configuration"]
    text = configuration if isinstance(configuration, str) else ", ".join(
        f"{key} {value}" for key, value in configuration.items()) or "its defaults"
    return f"{text}; best of {best['tried']}"


def compare(comparison, dataset, data_path, encoder, programs, cache, say, names):
    """All records of one comparison, ours first, in the order of the page's table."""
    setting = comparison.setting
    report = programs.simulate(
        data_path, encoder, ["default"],
        ["--cost-weight", f"{setting.cost_weight:g}", *comparison.flags])
    records = [from_simulate(OURS, ours.result_of(report, "default"))]
    rounds = len(dataset.features) - setting.warm_rows
    for name in (name for name in comparison.peers if name in names):
        best = peers.best_of(peers.PEERS[name], dataset, setting, cache, say)
        records.append(from_peer(peers.PEERS[name].name, best, rounds))
    for policy, label in BASELINES:
        records.append(from_simulate(label, ours.result_of(report, policy)))
    return records
