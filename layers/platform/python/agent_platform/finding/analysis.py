"""Indexes of words: how texts become words, in what is indexed and in what is asked, and how an index is opened."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tantivy import Filter, Index, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from agent_platform.errors import ConfigurationError


def plain() -> TextAnalyzer:
    """Words in lower case without accents."""
    return _words().build()


def stemming() -> TextAnalyzer:
    """The same, reduced to their English stems (Porter 2)."""
    return _words().filter(Filter.stemmer("english")).build()


def _words() -> TextAnalyzerBuilder:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).filter(Filter.ascii_fold())


def open_index(folder: Path) -> Index:
    """Open an index that lies where nothing may be written, as a Lambda layer does.

    Tantivy wants to lock the folder of an index while it opens it; so it gets one with links to the files, which may go
    as soon as they are mapped into memory.

    Raises:
        ConfigurationError: there is no index in the folder.
    """
    if not (folder / "meta.json").is_file():
        raise ConfigurationError(f"There is no index of agents in {folder}. Build it with `make catalogue`.")
    # Tantivy may still put its lock there while the folder is being removed.
    with TemporaryDirectory(prefix="finding-", ignore_cleanup_errors=True) as writable:
        for file in folder.iterdir():
            if file.suffix != ".lock":
                (Path(writable) / file.name).symlink_to(file.absolute())
        index = Index.open(writable)
        index.config_reader(reload_policy="manual")
    index.register_tokenizer("plain", plain())
    index.register_tokenizer("stemmed", stemming())
    return index
