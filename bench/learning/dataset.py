"""What learning_export wrote: features, outcomes and the order of rows for each seed."""

import dataclasses
import hashlib
import json

import numpy as np


@dataclasses.dataclass
class Dataset:
    models: list
    price_references: np.ndarray  # USD, one a model; 0: unknown
    encoder: str
    features: np.ndarray  # rows x dimension, float32
    quality: np.ndarray  # rows x models; NaN where the model has no outcome
    cost_usd: np.ndarray  # rows x models; NaN likewise
    orders: np.ndarray  # seeds x rows: the row of each round
    checksum: str  # of all of the above

    def rewards(self, cost_weight):
        return self.quality - cost_weight * self.cost_usd


def read(path):
    data = path.read_bytes()
    end = data.index(b"\n")
    header = json.loads(data[:end])
    rows, models = header["rows"], len(header["models"])
    offset = end + 1

    def take(dtype, *shape):
        nonlocal offset
        count = int(np.prod(shape))
        values = np.frombuffer(data, dtype, count, offset).reshape(shape)
        offset += values.nbytes
        return values

    return Dataset(
        models=header["models"],
        price_references=np.array(header["price_references"]),
        encoder=header["encoder"],
        features=take("<f4", rows, header["dimension"]),
        quality=take("<f8", rows, models),
        cost_usd=take("<f8", rows, models),
        orders=take("<u4", header["seeds"], rows),
        checksum=hashlib.sha256(data).hexdigest())
