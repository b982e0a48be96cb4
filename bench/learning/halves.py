"""APGR and CPT of RouteLLM (Ong et al. 2024) from what learning_halves wrote.

Queries go to the strong model in the order of the score, here its expected quality minus the weak
model's. PGR is the part of the quality gap that is closed, APGR its mean over the share of strong
calls, CPT(x) the least share that closes x of the gap."""

import json

import numpy as np

import replay


def read(path):
    """The models, and for each split its rows and the expected qualities (rows x models)."""
    data = path.read_bytes()
    end = data.index(b"\n")
    header = json.loads(data[:end])
    rows, models = header["rows"], len(header["models"])
    splits, offset = [], end + 1
    while offset < len(data):
        numbers = np.frombuffer(data, "<u4", rows, offset)
        offset += 4 * rows
        expected = np.frombuffer(data, "<f8", rows * models, offset).reshape(rows, models)
        offset += 8 * rows * models
        splits.append((numbers, expected))
    return header["models"], splits


def apgr_and_cpt(score, weak, strong, part=0.5):
    """Queries of equal score stand in their given order."""
    order = np.argsort(-score, kind="stable")
    gain = np.concatenate([[0], np.cumsum((strong - weak)[order])])
    pgr = gain / gain[-1]
    apgr = float((pgr[1:] + pgr[:-1]).sum() / 2 / len(score))
    return apgr, float(np.argmax(pgr >= part) / len(score))


def over_splits(splits):
    """Means over (score, weak, strong) triples, and half of APGR's 95% interval."""
    values = np.array([apgr_and_cpt(*split) for split in splits])
    apgr, half = replay.mean_and_half_width(values[:, 0])
    return {"apgr": apgr, "apgr_half": half, "cpt": float(values[:, 1].mean())}
