"""What the documents say is so: links lead somewhere, names exist, the drawn page is fresh."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from pydantic import BaseModel

from ivr.cli import ivr
from ivr.domain import quick_connect, serving
from ivr.domain.contact import ContactState
from ivr.flow.actions import ACTIONS
from ivr.settings import Settings
from ivr.telephony.dialplan import Variable

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
FLOWS = ROOT / "docs" / "flows.md"
ADRS = ROOT / "docs" / "adr"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = (".ci", "asterisk-conf", "docker", "docs", "ivr", "tests")

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_PATH = re.compile(rf"^(?:{'|'.join(map(re.escape, FOLDERS))})(?:/[\w.-]+)+/?$")
_MAKE = re.compile(r"^(?:[A-Z_]+=\S+ )*make(?: +[A-Z]+=(?:'[^']*'|\S+))* +([a-z][a-z-]*)")
_IVR = re.compile(r"(?:^|\s)ivr ([a-z].*)")
_SETTING = re.compile(r"\bIVR_[A-Z_]*[A-Z]\b")


def wrong(paths: list[Path], faults: Callable[[Path], Collection[str]]) -> dict[str, list[str]]:
    """What is wrong in each document in which anything is, by its name."""
    found = {str(path.relative_to(ROOT)): sorted(faults(path)) for path in paths}
    return {name: each for name, each in found.items() if each}


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return _FENCE.sub("", document.read_text("utf-8"))


def code(document: Path) -> Iterator[str]:
    """Every line of code in a document, in blocks and in the text."""
    for block in _FENCE.findall(document.read_text("utf-8")):
        yield from block.splitlines()[1:-1]
    yield from _CODE.findall(prose(document))


def anchors(document: Path) -> set[str]:
    """What links into a document may name, as GitHub makes them of headings."""
    titles = [title.replace("`", "").strip().lower() for title in _HEADING.findall(prose(document))]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def all_settings(model: type[BaseModel], prefix: str = "IVR_") -> Iterator[str]:
    """Every environment variable that the settings read."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from all_settings(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def script_variables() -> set[str]:
    """Variables that the scripts of ``docker/`` read from the environment."""
    scripts = [path.read_text("utf-8") for path in (ROOT / "docker").glob("*.sh")]
    return {name for script in scripts for name in re.findall(r"\$\{(IVR_[A-Z_]+):-", script)}


def targets() -> set[str]:
    return set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )


def wrong_in_command(words: list[str]) -> str | None:
    """What is wrong with the words after ``ivr``; none if such a command can be given."""
    command: click.Command = ivr
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
        name = words.pop(0)
        if name not in command.commands:
            return f"there is no command {name!r}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    strange = used - known - {"--help"}
    return f"{command.name} has no option {', '.join(sorted(strange))}" if strange else None


def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The page of the state machines


def test_page_of_the_state_machines_is_fresh() -> None:
    module = diagrams()

    assert module.PAGE.read_text("utf-8") == module.page(), "run python docs/diagrams.py --write"


def test_page_holds_every_state_and_transition() -> None:
    rows = [line for line in diagrams().page().splitlines() if line.startswith("| `")]

    contacts = len(ContactState) + len(serving.TRANSITIONS)
    quick_connects = len(quick_connect.TransferState) + len(quick_connect.TRANSITIONS)
    assert len(rows) == contacts + quick_connects


# Links and paths


def test_relative_links_lead_somewhere() -> None:
    def broken(document: Path) -> list[str]:
        return [link for link in _LINK.findall(prose(document)) if not leads(document, link)]

    assert wrong(DOCUMENTS, broken) == {}


def leads(document: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    place, _, anchor = link.partition("#")
    target = (document.parent / place).resolve() if place else document
    return target.exists() and (not anchor or anchor in anchors(target))


def test_paths_that_are_named_exist() -> None:
    def missing(document: Path) -> list[str]:
        found = [text for text in _CODE.findall(prose(document)) if _PATH.match(text)]
        return [path for path in found if not (ROOT / path).exists()]

    assert wrong(DOCUMENTS, missing) == {}


# Names


def test_settings_that_are_named_exist() -> None:
    known = {*all_settings(Settings), *script_variables(), *Variable}
    parts = {name.rpartition("__")[0] for name in known}

    def strange(document: Path) -> set[str]:
        return set(_SETTING.findall(document.read_text("utf-8"))) - known - parts

    assert wrong(DOCUMENTS, strange) == {}


def test_readme_lists_every_setting() -> None:
    assert set(all_settings(Settings)) - set(_SETTING.findall(README.read_text("utf-8"))) == set()


def test_make_targets_that_are_named_exist() -> None:
    def strange(document: Path) -> set[str]:
        return {name for line in code(document) for name in _MAKE.findall(line)} - targets()

    assert wrong(DOCUMENTS, strange) == {}


def test_commands_that_are_named_exist() -> None:
    def strange(document: Path) -> list[str]:
        lines = [found.group(1) for line in code(document) if (found := _IVR.search(line))]
        return [f"{line}: {why}" for line in lines if (why := wrong_in_command(line.split()))]

    assert wrong(DOCUMENTS, strange) == {}


def test_readme_lists_every_command() -> None:
    shown = "\n".join(code(README))

    assert [name for name in ivr.commands if f"ivr {name}" not in shown] == []


def test_readme_names_the_test_command() -> None:
    assert "make test" in list(code(README))
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_flow_manual_lists_the_actions_that_run() -> None:
    runs = {action.name for action in ACTIONS if not action.unavailable}
    listed = re.findall(r"^\| `(\w+)` \|", FLOWS.read_text("utf-8"), re.MULTILINE)

    assert sorted(listed) == sorted(runs)


# Decisions


def test_decisions_are_numbered_and_listed() -> None:
    files = sorted(path.name for path in ADRS.glob("[0-9]*.md"))
    index = (ADRS / "README.md").read_text("utf-8")

    assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    assert [name for name in files if f"({name})" not in index] == []


def test_decisions_have_their_four_parts() -> None:
    decisions = sorted(ADRS.glob("[0-9]*.md"))
    parts = {
        path.name: re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)
        for path in decisions
    }

    assert parts == {
        path.name: ["Status", "Context", "Decision", "Consequences"] for path in decisions
    }


# Licence


def test_licence_is_the_whole_text() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")

    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert [f"{n}. " for n in range(1, 10) if f"\n   {n}. " not in text] == []
