"""Reading definition files: what an author wrote is what is loaded, and each fault is named where it stands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_platform.agents.definition import AgentDefinition
from agent_platform.agents.loader import MAX_BYTES, AgentLoader, read_document
from agent_platform.errors import AgentNotFound, DefinitionError, DefinitionFault
from tests.fakes.definitions import a_definition, as_yaml, write_definition

FILE = "agent_defs/post/parcel.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "agent_defs"


@pytest.fixture
def load(root: Path) -> Callable[..., AgentDefinition]:
    """Loads a text as the file of `post/parcel`."""

    def load(text: str | bytes, path: str = "post/parcel.yaml") -> AgentDefinition:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return AgentLoader(root).load(file)

    return load


@pytest.fixture
def faults(load: Callable[..., AgentDefinition]) -> Callable[..., tuple[DefinitionFault, ...]]:
    """The faults of a text."""

    def faults(text: str | bytes, path: str = "post/parcel.yaml") -> tuple[DefinitionFault, ...]:
        with pytest.raises(DefinitionError) as raised:
            load(text, path)
        return raised.value.faults

    return faults


def line_of(text: str, beginning: str, below: str = "") -> int:
    """The number of the first line that begins so, indented or not; `below` names a line to look behind."""
    lines = [line.lstrip(" -") for line in text.splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith(below))
    return next(n for n, line in enumerate(lines[start:], start + 1) if line.startswith(beginning))


def test_a_good_file_becomes_a_definition_whose_id_is_its_path(load):
    definition = load(as_yaml(a_definition()))
    assert definition.id == "post/parcel"
    assert definition.group == "post"
    assert definition.name == "Parcel Weigher"
    assert definition.tags == ("logistics", "pricing", "review")
    assert definition.limits.timeout_seconds == 120
    assert definition.example.input["sent_on"] == "2026-03-31"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "ab", "at least 3 characters"),
        ("name", "x" * 61, "at most 60 characters"),
        ("name", 5, "valid string"),
        ("version", "1.0", "pattern"),
        ("version", "1.02.0", "pattern"),
        ("version", "v1.0.0", "pattern"),
        ("version", 1.0, "valid string"),
        ("summary", "short", "at least 20 characters"),
        ("summary", "x" * 121, "at most 120 characters"),
        ("use_when", "  ", "at least 3 characters"),
        ("use_when", "x" * 601, "at most 600 characters"),
        ("not_when", [], "at least 1 item"),
        ("tags", ["one", "two"], "at least 3 items"),
        ("tags", ["a", "b", "c", "d", "e", "f", "g"], "at most 6 items"),
        ("tags", ["one", "two", "two"], "the same entry twice"),
        ("tags", "one", "valid tuple"),
        ("instructions", "Do it well.", "has 3 words; write 120 to 300"),
        ("instructions", "word " * 301, "has 301 words; write 120 to 300"),
        ("tools", ["Calculator"], "pattern"),
        ("tools", ["calculator", "calculator"], "the same entry twice"),
        ("memory", "forever", "'none', 'conversation' or 'long_term'"),
        ("model", "claude-sonnet-5-5", "'fast', 'balanced' or 'deep'"),
        ("effort", "extreme", "'low', 'medium', 'high', 'xhigh' or 'max'"),
        ("max_output_tokens", 255, "greater than or equal to 256"),
        ("max_output_tokens", 32_001, "less than or equal to 32000"),
        ("max_output_tokens", True, "valid integer"),
        ("max_output_tokens", "8000", "valid integer"),
        ("framework", "homemade", "'custom'"),
        ("dedicated", "yes", "valid boolean"),
        ("dedicated", 1, "valid boolean"),
        ("asks", ["one ask", "two asks"], "at least 3 items"),
        ("near_misses", [], "at least 2 items"),
        ("temperature", 0.5, "not permitted"),
    ],
)
def test_a_bad_field_is_named_with_its_line(faults, field: str, value: Any, message: str):
    text = as_yaml(a_definition(**{field: value}))
    (fault,) = [fault for fault in faults(text) if message in fault.message]
    assert fault.file == FILE
    assert fault.field.split(".")[0] == field
    assert fault.line == line_of(text, f"{field}:") + (fault.field != field)


@pytest.mark.parametrize(
    ("changes", "field", "line"),
    [
        ({"limits": {"timeout_seconds": 841}}, "limits.timeout_seconds", "timeout_seconds:"),
        ({"limits": {"max_cost_usd": 0}}, "limits.max_cost_usd", "max_cost_usd:"),
        ({"limits": {"cost": 1}}, "limits.cost", "cost:"),
        ({"guardrails": {"pii": "keep"}}, "guardrails.pii", "pii:"),
        ({"guardrails": {"refuse": ["??"]}}, "guardrails.refuse.0", "??"),
        ({"not_when": [{"ask": "Something else."}]}, "not_when.0.instead", "ask: Something else."),
        ({"not_when": [{"ask": "Something.", "instead": "nobody"}]}, "not_when.0.instead", "instead:"),
        ({"tags": ["logistics", "pricing", "Re View"]}, "tags.2", "Re View"),
    ],
)
def test_a_fault_deep_inside_is_named_with_its_own_line(faults, changes: dict[str, Any], field: str, line: str):
    text = as_yaml(a_definition(**changes))
    assert [(fault.field, fault.line) for fault in faults(text)] == [(field, line_of(text, line))]


@pytest.mark.parametrize("field", [name for name in a_definition() if name != "framework"])
def test_a_missing_field_is_named(faults, field: str):
    found = faults(as_yaml(a_definition(**{field: None})))
    assert [(fault.line, fault.field, fault.message) for fault in found] == [(1, field, "Field required")]


def test_all_faults_of_a_file_are_told_at_once(faults):
    text = as_yaml(a_definition(version="1", model="huge", colour="red", tags=["a", "b"]))
    assert {(fault.field, fault.line) for fault in faults(text)} == {
        ("version", line_of(text, "version:")),
        ("model", line_of(text, "model:")),
        ("colour", line_of(text, "colour:")),
        ("tags", line_of(text, "tags:")),
    }


def test_an_example_that_departs_from_the_schemas_is_told_field_by_field(faults):
    example = {"input": {"parcel_grams": 0, "colour": "red"}, "output": {"tariff_class": "XL", "size": 1}}
    text = as_yaml(a_definition(example=example))
    assert {(fault.field, fault.line) for fault in faults(text)} == {
        ("example.input.parcel_grams", line_of(text, "parcel_grams: 0")),
        ("example.output.tariff_class", line_of(text, "tariff_class: XL")),
        ("example.output.size", line_of(text, "size:")),
        ("example.output.reason", line_of(text, "output:", below="example:")),
    }


def test_a_fault_inside_a_schema_is_told_at_its_keyword(faults):
    fields = a_definition()
    fields["output"]["properties"]["reason"]["maxLength"] = 10
    text = as_yaml(fields)
    (fault,) = faults(text)
    assert (fault.field, fault.line) == ("output.properties.reason", line_of(text, "reason:", below="output:"))
    assert "`maxLength` is not a keyword" in fault.message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("0123", "0123"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1.2.3", "1.2.3"),
        (".inf", ".inf"),
    ],
)
def test_what_looks_like_text_to_its_author_stays_text(load, written: str, meant: str):
    text = as_yaml(a_definition()).replace("reason: 1.5 kg lies between 1 and 5 kg.", f"reason: {written}")
    assert load(text).example.output["reason"] == meant


@pytest.mark.parametrize(
    ("written", "meant"), [("7", 7), ("+7", 7), ("0", 0), ("1e3", 1000.0), ("1.5e3", 1500.0), ("2.", 2.0)]
)
def test_numbers_are_read_as_json_would_read_them(load, written: str, meant: float):
    text = (
        as_yaml(a_definition())
        .replace("parcel_grams: 1500", f"parcel_grams: {written}")
        .replace("minimum: 1", "minimum: 0")
    )
    assert load(text).example.input["parcel_grams"] == meant


@pytest.mark.parametrize(("written", "meant"), [("true", True), ("False", False), ("TRUE", True)])
def test_only_true_and_false_are_booleans(load, written: str, meant: bool):
    assert load(as_yaml(a_definition()) + f"dedicated: {written}\n").dedicated is meant


def test_text_outside_ascii_is_kept(load):
    assert load(as_yaml(a_definition(name="Päckchen-Wäger 📦 秤"))).name == "Päckchen-Wäger 📦 秤"


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"# comment\r\n", b"---\n", b"%YAML 1.2\n---\n"])
def test_marks_that_editors_leave_do_not_matter(load, prefix: bytes):
    assert load(prefix + as_yaml(a_definition()).encode()).id == "post/parcel"


def test_windows_line_ends_keep_the_line_numbers(faults):
    text = as_yaml(a_definition(version="1"))
    (fault,) = faults(text.replace("\n", "\r\n"))
    assert fault.line == line_of(text, "version:")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "must be a mapping"),
        ("# nothing", 1, "must be a mapping"),
        ("- a\n- b", 1, "must be a mapping"),
        ("text", 1, "must be a mapping"),
        ("name: x\n\tversion: 1", 2, "is not YAML"),
        ("name: [", 2, "is not YAML"),
        ("name: x\n---\nname: y", 2, "is not YAML"),
        ("name: 'open", 1, "is not YAML"),
        ("name: x\nname: y", 2, "has the key `name` twice"),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3", 5, "has the key `c` twice"),
        ("a: &x 1\nb: *x", 2, "uses the alias `*x`"),
        ("a: &x [*x]", 1, "uses the alias `*x`"),
        ("<<: {a: 1}", 1, "has the key `<<`, which is no text"),
        ("1: a", 1, "has the key `1`, which is no text"),
        ("a:\n  true: b", 2, "has the key `true`, which is no text"),
        ("a:\n  null: b", 2, "has the key `null`, which is no text"),
        ("? [a]\n: 1", 1, "which is no text"),
        ("? {a: 1}\n: 1", 1, "which is no text"),
        ("a: !!python/object/apply:os.system [ls]", 1, "uses the tag `tag:yaml.org,2002:python/object/apply"),
        ("a: !!python/name:os.system x", 1, "uses the tag `tag:yaml.org,2002:python/name"),
        ("a: !!binary aGk=", 1, "uses the tag"),
        ("a: !!set {x}", 1, "uses the tag"),
        ("a: !!timestamp 2026-01-01", 1, "uses the tag"),
        ("a: 1e999", 0, "JSON does not have"),
        ("a: !!int x", 1, "uses the tag"),
        ("a: \0", 0, "cannot be read"),
        ("a: " + "[" * 5000 + "]" * 5000, 1, "nested deeper than 100 levels"),
        ("a: " + "{b: " * 5000 + "}" * 5000, 1, "nested deeper than 100 levels"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_text_that_is_no_definition_is_refused_at_its_line(faults, text: str, line: int, message: str):
    (fault,) = faults(text)
    assert (fault.file, fault.line) == (FILE, line)
    assert message in fault.message


@pytest.mark.parametrize(
    "content",
    [
        as_yaml(a_definition(name="Päckchen")).encode("latin-1"),
        as_yaml(a_definition()).encode("utf-16"),
        b"\x89PNG\r\n\x1a\n",
        b"name: \xed\xa0\x80",
    ],
)
def test_a_file_that_is_not_utf_8_is_refused(faults, content: bytes):
    (fault,) = faults(content)
    assert "is not UTF-8 text" in fault.message
    assert "at byte" in fault.message


def test_the_largest_file_is_read_and_one_byte_more_is_not(load, faults):
    text = as_yaml(a_definition()) + "# "
    full = text + "x" * (MAX_BYTES - len(text.encode()))
    assert load(full).id == "post/parcel"
    (fault,) = faults(full + "x")
    assert str(fault) == f"{FILE}: has {MAX_BYTES + 1} bytes; a definition has at most {MAX_BYTES}"


class TestJsonFiles:
    """A definition may be JSON as well; the editor's line numbers hold there too."""

    @pytest.fixture
    def text(self) -> Callable[..., str]:
        return lambda **changes: json.dumps(a_definition(**changes), indent=2)

    def test_a_json_file_is_the_same_definition_as_a_yaml_file(self, load, text):
        assert load(text(), "post/parcel.json") == load(as_yaml(a_definition()))

    def test_a_fault_is_told_with_its_line(self, faults, text):
        written = text(version="1", model="huge")
        assert {(fault.line, fault.field) for fault in faults(written, "post/parcel.json")} == {
            (line_of(written, '"version"'), "version"),
            (line_of(written, '"model"'), "model"),
        }

    def test_escapes_of_every_plane_are_read(self, load, text):
        written = text(name="Weigher 😀 \\ud83d / é")
        assert "\\ud83d\\ude00" in written
        assert load(written, "post/parcel.json").name == "Weigher 😀 \\ud83d / é"

    def test_numbers_in_every_form_are_numbers(self, load, text):
        written = (
            text().replace('"minimum": 1', '"minimum": 1E0').replace('"parcel_grams": 1500', '"parcel_grams": 15e2')
        )
        assert load(written, "post/parcel.json").example.input["parcel_grams"] == 1500

    @pytest.mark.parametrize(
        ("written", "line", "message"),
        [
            ('{\n "a": 1,\n}', 2, "is not JSON"),
            ('{\n "a": 1,\n "a": 2}', 3, "has the key `a` twice"),
            ('{"a": 1} trailing', 1, "is not JSON: Extra data"),
            ("a: 1", 1, "is not JSON"),
            ("", 1, "is not JSON"),
            ('{"a": NaN}', 0, "NaN is no JSON number"),
            ('{"a": -Infinity}', 0, "-Infinity is no JSON number"),
            ('{"a": 1e999}', 0, "JSON does not have"),
            ('{"a": "\\ud800"}', 0, "JSON does not have"),
            ("[" * 30_000, 0, "cannot be read"),
            ("[1]", 1, "must be a mapping"),
        ],
        ids=lambda value: repr(value)[:30],
    )
    def test_what_is_no_json_is_refused_at_its_line(self, faults, written: str, line: int, message: str):
        (fault,) = faults(written, "post/parcel.json")
        assert fault.line == line
        assert message in fault.message


@pytest.mark.parametrize(
    "path",
    [
        *("Post/parcel.yaml", "post/Parcel.yaml", "post/par cel.yaml", "post/parcel_weigher.yaml", "9post/parcel.yaml"),
        *("post/päckchen.yaml", "post/parcel.v2.yaml", "post/-parcel.yaml", "post/parcel--big.yaml"),
        f"post/{'x' * 100}.yaml",
    ],
)
def test_a_path_that_is_no_id_is_refused(faults, path: str):
    (fault,) = faults(as_yaml(a_definition()), path)
    assert "is no agent id" in fault.message
    assert fault.file == f"agent_defs/{path}"


class TestManyFiles:
    """A whole folder at once."""

    def test_every_file_is_loaded_in_the_order_of_the_ids(self, root: Path):
        write_definition(root, "post/letter", suffix=".json")
        write_definition(root, "air/cargo", suffix=".yml")
        write_definition(root, "post/parcel")
        (root / "groups.yaml").write_text("post: {}")
        (root / "post/README.md").write_text("# Post")
        assert [definition.id for definition in AgentLoader(root).load_all()] == [
            "air/cargo",
            "post/letter",
            "post/parcel",
        ]

    def test_the_faults_of_all_files_are_told_at_once(self, root: Path):
        write_definition(root, "post/letter", version="1")
        write_definition(root, "post/parcel")
        (root / "post/card.yaml").write_text("[")
        with pytest.raises(DefinitionError) as raised:
            AgentLoader(root).load_all()
        assert {fault.file for fault in raised.value.faults} == {
            "agent_defs/post/letter.yaml",
            "agent_defs/post/card.yaml",
        }

    def test_two_files_of_one_id_are_refused(self, root: Path):
        write_definition(root, "post/parcel")
        write_definition(root, "post/parcel", suffix=".json")
        with pytest.raises(DefinitionError, match=r"post/parcel\.yaml: a second file for `post/parcel`"):
            AgentLoader(root).load_all()

    def test_progress_is_told_after_each_file_also_after_a_faulty_one(self, root: Path):
        for name in ("a-card", "letter", "parcel"):
            write_definition(root, f"post/{name}", version="1" if name == "letter" else "1.0.0")
        told: list[tuple[int, int]] = []
        with pytest.raises(DefinitionError):
            AgentLoader(root).load_all(lambda done, total: told.append((done, total)))
        assert told == [(1, 3), (2, 3), (3, 3)]

    def test_an_empty_folder_has_no_agents(self, root: Path):
        root.mkdir()
        assert AgentLoader(root).load_all() == []


class TestOneById:
    """`make agent ID=group/name` loads a single file."""

    @pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
    def test_the_file_is_found_whatever_its_form(self, root: Path, suffix: str):
        write_definition(root, "post/parcel", suffix=suffix)
        assert AgentLoader(root).load_id("post/parcel").id == "post/parcel"

    @pytest.mark.parametrize(
        "agent_id", ["post/letter", "post", "", "../post/parcel", "post/../post/parcel", "/etc/passwd"]
    )
    def test_an_id_without_a_file_is_not_found(self, root: Path, agent_id: str):
        write_definition(root, "post/parcel")
        with pytest.raises(AgentNotFound, match="There is no file"):
            AgentLoader(root).load_id(agent_id)


class TestWithColleagues:
    """One agent, and all whom it takes to run it."""

    def test_an_agent_comes_first_and_after_it_each_colleague_once_however_far_down(self, root: Path):
        write_definition(root, "post/desk", team={"mode": "parallel", "members": ["post/card", "air/clerk"]})
        write_definition(root, "post/card")
        write_definition(root, "air/clerk", tools=["consult_agent"], consults=["post/card", "sea/clerk"])
        write_definition(root, "sea/clerk", tools=["consult_agent"], consults=["post/desk"])
        write_definition(root, "rail/clerk")
        loaded = AgentLoader(root).load_with_colleagues("post/desk")
        assert [each.id for each in loaded] == ["post/desk", "post/card", "air/clerk", "sea/clerk"]

    def test_one_that_works_alone_comes_alone(self, root: Path):
        write_definition(root, "post/card")
        assert [each.id for each in AgentLoader(root).load_with_colleagues("post/card")] == ["post/card"]

    def test_a_colleague_without_a_file_is_not_found(self, root: Path):
        write_definition(root, "post/desk", tools=["consult_agent"], consults=["post/nobody"])
        with pytest.raises(AgentNotFound, match=r"There is no file post/nobody\.yaml"):
            AgentLoader(root).load_with_colleagues("post/desk")


def test_a_fault_of_the_whole_catalogue_is_told_at_the_line_of_its_field(root: Path):
    path = write_definition(root, "post/parcel")
    text = path.read_text()
    loader = AgentLoader(root)
    loader.load(path)
    for field, line in {
        "tags.1": line_of(text, "pricing"),
        "not_when.0.instead": line_of(text, "instead:"),
        "not_when.7.instead": line_of(text, "not_when:"),
        "input": text.splitlines().index("input:") + 1,
        "": 1,
    }.items():
        fault = loader.fault("post/parcel", field, "is wrong")
        assert (fault.file, fault.line, fault.field) == ("agent_defs/post/parcel.yaml", line, field)


def test_vocabularies_are_read_with_the_same_care(tmp_path: Path):
    path = tmp_path / "tags.yaml"
    path.write_text("logistics: Moving goods\nlogistics: Twice\n")
    with pytest.raises(DefinitionError, match=r"^agent_defs/tags\.yaml:2: has the key `logistics` twice"):
        read_document(path, "agent_defs/tags.yaml")
