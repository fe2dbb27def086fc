"""Public exported flows, read in place where they are present; they are other people's files."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from ivr.flow.actions import ACTIONS
from ivr.flow.document import load_flow
from ivr.flow.errors import InvalidFlow
from ivr.flow.step import FlowDocument
from ivr.testing.flow_script import TryWorld, run_script

CORPUS = Path(__file__).parents[3].parent / "shared" / "flows" / "corpus"

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of public flows is not here"),
]

SCRIPTS = [(), ("1",) * 12, ("2", "1", "3", "1", "2"), ("2025550123#",) * 6]


@dataclass(frozen=True)
class Entry:
    file: str
    old: bool
    broken: bool

    def load(self) -> FlowDocument:
        return load(self.file)


@cache
def load(file: str) -> FlowDocument:
    return load_flow((CORPUS / file).read_bytes())


def entries() -> list[Entry]:
    manifest = CORPUS / "manifest.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8") as file:
        return [
            Entry(
                row["file"],
                old=row["format"] == "old",
                # the maker of the sample replaced identifiers of this one by a single value
                broken="PROBLEM" in row["note"] or "utilities_after_hours" in row["file"],
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]


def problems(entry: Entry) -> tuple[str, ...]:
    with pytest.raises(InvalidFlow) as caught:
        entry.load()
    return caught.value.problems


def test_manifest_lists_every_file() -> None:
    assert {entry.file for entry in entries()} == {path.name for path in CORPUS.glob("*.json")}


def test_sound_flows_load() -> None:
    sound = [entry for entry in entries() if not entry.old and not entry.broken]

    assert len(sound) > 140
    for entry in sound:
        assert entry.load().steps, entry.file


def test_old_exports_are_refused_as_such() -> None:
    for entry in entries():
        if entry.old:
            assert "old export format" in problems(entry)[0], entry.file


def test_broken_flows_are_refused_for_what_is_wrong_with_them() -> None:
    reasons = ("is not part of the language", "is used twice", "there is no action")

    for entry in entries():
        if entry.broken:
            found = problems(entry)
            assert any(reason in problem for reason in reasons for problem in found), entry.file


def test_known_problem_of_the_manifest_is_among_the_faults() -> None:
    with (CORPUS / "manifest.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if "unknown-types:" in row["note"]:
                type_ = row["note"].partition("unknown-types:")[2].split(";")[0].strip()
                found = "\n".join(problems(Entry(row["file"], old=False, broken=True)))
                assert f"action type {type_!r}" in found, row["file"]


def test_flows_whose_actions_run_here_run_to_an_end() -> None:
    runnable = 0
    for entry in entries():
        if entry.old or entry.broken:
            continue
        document = entry.load()
        if any(ACTIONS[step.type].unavailable for step in document.steps.values()):
            continue
        runnable += 1
        for script in SCRIPTS:
            transcript = run_script(document, script)
            assert transcript.lines, entry.file

    assert runnable > 10


def test_every_flow_comes_to_an_end_whatever_its_world_says() -> None:
    for entry in entries():
        if entry.old or entry.broken:
            continue
        for prompts_play in (True, False):
            world = TryWorld(prompts_play=prompts_play, is_open=None, queue_exists=False)
            assert run_script(entry.load(), ("1",), world=world).lines, entry.file
