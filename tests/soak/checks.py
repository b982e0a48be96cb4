"""What must hold after a soak: of what was acknowledged, and of what the daemon used."""

import collections
import json
import statistics

# Growth is judged where the soak is long enough for what a start takes to have passed.
LONG_ENOUGH_S = 300


def records(told, lines):
    """Sentences on what the decision log lacks, doubles or contradicts."""
    wrong = []
    log = {}
    for line in lines:
        record = json.loads(line)
        if record["decision_id"] in log:
            wrong.append(f"decision {record['decision_id']} is there twice")
        log[record["decision_id"]] = record
    for decision, propensity in told.decisions.items():
        record = log.get(decision)
        if record is None:
            wrong.append(f"decision {decision} is lost")
            continue
        there = record["propensities"][record["candidates"].index(record["model"])]
        if there != propensity:
            wrong.append(f"decision {decision} was told as {propensity} and is logged as {there}")
    for decision in told.outcomes:
        if "outcome" not in log.get(decision, {}):
            wrong.append(f"the outcome of decision {decision} is lost")
    for decision, value in told.feedback.items():
        values = [item["value"] for item in log.get(decision, {}).get("feedback", [])]
        if values != [value]:
            wrong.append(f"feedback {value} on decision {decision} is there as {values}")
    for decision, record in log.items():
        shares = record["propensities"]
        if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
            wrong.append(f"decision {decision} has the propensities {shares}")
        if len(record.get("feedback", [])) > 1:
            wrong.append(f"decision {decision} has feedback twice")
    return wrong, len(log)


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def p99_of_latencies(latencies, begin, end):
    return quantile([seconds for at, seconds in latencies if begin <= at < end], 0.99)


def growth(samples, latencies):
    """Sentences on what grew, and the figures of the first and the last third."""
    begin, end = samples[0]["at"], samples[-1]["at"]
    third = (end - begin) / 3
    parts = {"first": [s for s in samples if s["at"] < begin + third],
             "last": [s for s in samples if s["at"] >= end - third]}
    figures = {}
    for name, part in parts.items():
        figures[name] = {key: statistics.median(sample[key] for sample in part)
                         for key in ("rss_kib", "descriptors", "threads", "stored")}
    figures["first"]["route_p99_s"] = p99_of_latencies(latencies, begin, begin + third)
    figures["last"]["route_p99_s"] = p99_of_latencies(latencies, end - third, end + 1)
    first, last = figures["first"], figures["last"]
    wrong = []
    if max(sample["descriptors"] for sample in samples) > 500:
        wrong.append("more than 500 descriptors were open")
    if max(sample["threads"] for sample in samples) > 60:
        wrong.append("more than 60 threads ran")
    if end - begin >= LONG_ENOUGH_S:
        if last["rss_kib"] > 1.3 * first["rss_kib"] + 64 * 1024:
            wrong.append(f"memory grew from {first['rss_kib']} to {last['rss_kib']} KiB")
        if last["descriptors"] > first["descriptors"] + 50:
            wrong.append("the number of descriptors grew")
        if last["threads"] > first["threads"] + 5:
            wrong.append("the number of threads grew")
        if last["route_p99_s"] > 3 * first["route_p99_s"] + 0.1:
            wrong.append("the latency of /v1/route grew")
    return wrong, figures


def shortened(wrong, most=20):
    """Sentences for a report: the first of them, and how many there are."""
    counts = collections.Counter(wrong)
    out = [sentence if count == 1 else f"{sentence} ({count} times)"
           for sentence, count in counts.items()]
    return out[:most] + ([f"and {len(out) - most} more"] if len(out) > most else [])
