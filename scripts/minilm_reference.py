"""Sentence vectors of a BERT encoder in numpy, slow and plain: what env/minilm_network must equal.

Importing it needs numpy; the scripts that do so make an environment first.
"""

import json
import struct

import numpy as np


def read_safetensors(data, dtype=np.float64):
    """The float tensors of a safetensors file by name."""
    (header_size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + header_size])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") != "F32":
            continue
        begin, end = (8 + header_size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
        tensors[name] = values.astype(dtype)
    return tensors


def write_safetensors(tensors):
    """The bytes of a safetensors file that holds the tensors as 32-bit floats."""
    header, data = {}, b""
    for name, values in tensors.items():
        values = np.ascontiguousarray(values, "<f4")
        header[name] = {"dtype": "F32", "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def gelu(x):
    """x times the normal distribution function, by the Chebyshev fit of erfc in Numerical Recipes
    (relative error below 1.2e-7)."""
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.5 * z)
    series = 0.17087277
    for coefficient in (-0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
                        0.37409196, 1.00002368, -1.26551223):
        series = series * t + coefficient
    upper_tail = 0.5 * t * np.exp(series - z * z)
    return x * np.where(x < 0, upper_tail, 1 - upper_tail)


class MiniLM:
    """The forward pass over many sequences of one length, by the sizes in config.json."""

    def __init__(self, tensors, config):
        self.tensors = tensors
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.epsilon = config["layer_norm_eps"]

    def linear(self, x, name):
        return x @ self.tensors[name + ".weight"].T + self.tensors[name + ".bias"]

    def layer_norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon)
        return x * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]

    def attention(self, x, layer):
        count, length, hidden = x.shape
        size = hidden // self.heads
        query, key, value = (
            self.linear(x, f"{layer}.attention.self.{part}")
            .reshape(count, length, self.heads, size).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.array(size, x.dtype))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(count, length, hidden)
        return self.linear(mixed, f"{layer}.attention.output.dense")

    def mean_pooled(self, ids):
        """The mean over the tokens' vectors, for each row of ids."""
        x = (self.tensors["embeddings.word_embeddings.weight"][ids]
             + self.tensors["embeddings.position_embeddings.weight"][:ids.shape[1]]
             + self.tensors["embeddings.token_type_embeddings.weight"][0])
        x = self.layer_norm(x, "embeddings.LayerNorm")
        for index in range(self.layers):
            layer = f"encoder.layer.{index}"
            x = self.layer_norm(x + self.attention(x, layer), f"{layer}.attention.output.LayerNorm")
            wide = gelu(self.linear(x, f"{layer}.intermediate.dense"))
            x = self.layer_norm(x + self.linear(wide, f"{layer}.output.dense"),
                                f"{layer}.output.LayerNorm")
        return x.mean(1)

    def sentence_vectors(self, texts):
        """The vectors of length 1 of texts of any lengths, each a list of ids."""
        by_length = {}
        for place, ids in enumerate(texts):
            by_length.setdefault(len(ids), []).append(place)
        out = [None] * len(texts)
        for places in by_length.values():
            for begin in range(0, len(places), 32):
                batch = places[begin:begin + 32]
                for place, vector in zip(batch, self.mean_pooled(
                        np.array([texts[place] for place in batch]))):
                    out[place] = vector / np.linalg.norm(vector)
        return np.array(out)
