"""Reads Asterisk's configuration files as Asterisk does, for tests that judge them.

Grammar: Asterisk's ``main/config.c`` and, for ``exten``, ``same`` and labels, ``pbx_config.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SECTION = re.compile(r"\[([^\]]+)\](?:\((.*)\))?$")
_PRIORITY = re.compile(r"(?P<number>\w+)(?:\((?P<label>[\w-]+)\))?$")
_STEP = re.compile(r"(?P<application>\w+)\((?P<arguments>.*)\)$")


@dataclass(frozen=True)
class Section:
    """One ``[section]``, its settings in order."""

    name: str
    settings: list[tuple[str, str]] = field(default_factory=list)

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.settings if name == key]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value


def lines(text: str) -> Iterator[str]:
    """The lines that count, without comments and outer blanks."""
    for raw in re.split(r"\r\n|\n|\r", text):
        line = re.split(r"(?<!\\);", raw, maxsplit=1)[0].replace("\\;", ";").strip()
        if line:
            yield line


def parse(text: str) -> list[Section]:
    """Sections of one file; ``[x](+)`` adds to the section before it of that name.

    Raises:
        ValueError: A line that is neither a section nor a setting, or an include.
    """
    sections: list[Section] = []
    for line in lines(text):
        if found := _SECTION.match(line):
            name, option = found.groups()
            if option not in (None, "", "+"):
                raise ValueError(line)
            named = [s for s in sections if s.name == name]
            if option == "+" and named:
                sections.append(sections.pop(sections.index(named[-1])))
            else:
                sections.append(Section(name))
        else:
            key, separator, value = line.partition("=")
            if line.startswith("#") or not separator or not sections:
                raise ValueError(line)
            sections[-1].settings.append((key.strip(), value.lstrip(">").strip()))
    return sections


def with_includes(path: Path, generated: Mapping[str, str]) -> str:
    """A static file with the generated file that it includes."""
    texts = []
    for line in path.read_text().splitlines():
        if line.startswith("#include"):
            texts.append(generated[Path(line.split('"')[1]).name])
        else:
            texts.append(line)
    return "\n".join(texts)


@dataclass(frozen=True)
class Step:
    """One priority of an extension."""

    application: str
    arguments: str
    label: str | None


Extensions = dict[str, list[Step]]


def dialplan(sections: Iterable[Section]) -> dict[str, Extensions]:
    """Contexts, their extensions, their steps in order.

    Raises:
        ValueError: A line that this project's dialplan does not use (hints, ``include``, gaps).
    """
    contexts: dict[str, Extensions] = {}
    for section in sections:
        if section.name in {"general", "globals"}:
            continue
        extensions = contexts.setdefault(section.name, {})
        current = ""
        for key, value in section.settings:
            if key == "exten":
                current, value = value.split(",", 1)
            elif key != "same":
                raise ValueError(f"{section.name}: {key} = {value}")
            priority, step = value.split(",", 1)
            steps = extensions.setdefault(current, [])
            where, what = _PRIORITY.match(priority), _STEP.match(step)
            if where is None or what is None or (where["number"] == "1") == bool(steps):
                raise ValueError(f"{section.name}: {key} = {value}")
            steps.append(Step(what["application"], what["arguments"], where["label"]))
    return contexts
