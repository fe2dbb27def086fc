from __future__ import annotations

from pathlib import Path

import pytest

from ivr.ports.speech import ImportedPrompts, Unspeakable
from ivr.speech.imports import import_prompts
from ivr.speech.jobs import Convert, Job

pytestmark = pytest.mark.unit


class Copies:
    """A workshop that copies recordings, and refuses empty ones."""

    async def perform(self, job: Job) -> None:
        assert isinstance(job, Convert)
        content = job.source.read_bytes()
        if not content:
            raise Unspeakable("holds no sound")
        job.target.write_bytes(content)

    async def close(self) -> None:
        raise AssertionError


def site(folder: Path, **files: bytes) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("_dot_", ".")).write_bytes(content)
    return folder


async def imported(folder: Path, sounds: Path) -> ImportedPrompts:
    return await import_prompts(folder, sounds=sounds, workshop=Copies())


async def test_recordings_are_playable_by_their_file_name(tmp_path: Path) -> None:
    folder = site(tmp_path / "prompts", welcome_dot_wav=b"w", sorry_dot_ulaw=b"s")

    result = await imported(folder, tmp_path / "sounds")

    assert result == ImportedPrompts(("sorry", "welcome"), ())
    assert (tmp_path / "sounds/recorded/welcome.ulaw").read_bytes() == b"w"


async def test_earlier_recordings_stay_and_changed_ones_are_replaced(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    await imported(site(tmp_path / "one", a_dot_wav=b"1", b_dot_wav=b"1"), sounds)

    result = await imported(site(tmp_path / "two", b_dot_wav=b"2"), sounds)

    assert result.prompt_ids == ("a", "b")
    assert (sounds / "recorded/b.ulaw").read_bytes() == b"2"


async def test_one_fault_and_nothing_is_changed(tmp_path: Path) -> None:
    folder = site(
        tmp_path / "prompts",
        good_dot_wav=b"g",
        empty_dot_wav=b"",
        song_dot_mp3=b"m",
        good_dot_ulaw=b"g",
        **{"bad name.wav": b"b", "hold-music.wav": b"h"},
    )

    result = await imported(folder, tmp_path / "sounds")

    assert result.prompt_ids == ()
    assert result.problems == (
        "bad name.wav: a prompt id has letters, digits, - and _, at most 64",
        "good.wav: good.ulaw has the same prompt id",
        "hold-music.wav: hold-music means music on hold",
        "song.mp3: not a recording (.sln, .ul, .ulaw, .wav)",
        "empty.wav: holds no sound",
    )
    assert [path.name for path in (tmp_path / "sounds").iterdir()] == ["recorded"]


async def test_notes_and_hidden_files_may_lie_beside_recordings(tmp_path: Path) -> None:
    folder = site(tmp_path / "prompts", README_dot_md=b"x", **{".DS_Store": b"x"})

    assert await imported(folder, tmp_path / "sounds") == ImportedPrompts((), ())


async def test_a_site_without_recordings_has_none(tmp_path: Path) -> None:
    assert await imported(tmp_path / "prompts", tmp_path / "sounds") == ImportedPrompts((), ())
