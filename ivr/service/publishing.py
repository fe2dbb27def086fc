"""Use cases of an administrator: check a site completely, then make it live at once.

A site is a folder: ``site.yaml``, ``flows/*.json`` and ``prompts/*``. Everything is checked before
anything is written; every fault is reported with its file, path and reason. The rows are replaced
in one transaction, so that a contact sees either the old site or the new one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ivr.domain.agent import StatusKind
from ivr.domain.callback import MAX_RETRIES
from ivr.domain.errors import InvalidSite, NotFound
from ivr.domain.site import Site
from ivr.flow.context import FlowContext
from ivr.flow.document import load_flow
from ivr.flow.errors import InvalidFlow
from ivr.flow.kinds import FlowKind
from ivr.flow.parameters import Mention, MentionKind
from ivr.flow.prompt import Recorded, Ssml, Text
from ivr.flow.reference import references_in
from ivr.flow.step import FlowDocument
from ivr.ports.speech import MUSIC_PROMPTS, PlainText, SpeechPort, Voice, Words
from ivr.ports.speech import Ssml as SpokenSsml
from ivr.ports.store import SiteObject, Store
from ivr.service.site_documents import (
    KINDS,
    FlowDocumentEntry,
    SiteDocument,
    document_of,
    names_of,
    objects_of,
    read_document,
    site_of,
    slug,
)
from ivr.service.whispers import spoken_words

SITE_FILE = "site.yaml"
_DIGITS = SpokenSsml('<speak><say-as interpret-as="telephone">+1 234 567 8900</say-as></speak>')
FLOWS_FOLDER = "flows"
PROMPTS_FOLDER = "prompts"


@dataclass(slots=True)
class CheckedSite:
    """A site folder as it was read.

    Attributes:
        flows: Content of each flow, by the flow's id.
        problems: Faults; nothing may be applied if there is one.
        warnings: Accepted, but worth knowing.
    """

    document: SiteDocument | None = None
    flows: dict[str, str] = field(default_factory=dict)
    documents: dict[str, FlowDocument] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_site(folder: Path, speech: SpeechPort) -> CheckedSite:
    """Read and check a site folder; nothing is written."""
    checked = CheckedSite()
    data = _read_yaml(folder / SITE_FILE, checked)
    if data is None:
        return checked
    document, problems = read_document(data)
    checked.problems += [f"{SITE_FILE}: {problem}" for problem in problems]
    if document is None:
        return checked
    checked.document = document
    _check_uniqueness(document, checked)
    _check_references(document, checked)
    for entry in document.flows:
        _check_flow(folder, entry, document, speech, checked)
    _warn_of_oddities(document, checked)
    return checked


def _read_yaml(path: Path, checked: CheckedSite) -> Any:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        checked.problems.append(f"{path.name}: cannot be read: {type(error).__name__}")
        return None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        checked.problems.append(f"{path.name}{where}: {getattr(error, 'problem', 'no YAML')}")
        return None
    if not isinstance(data, dict):
        checked.problems.append(f"{path.name}: must be a mapping")
        return None
    return data


def _check_uniqueness(document: SiteDocument, checked: CheckedSite) -> None:
    for plural, _ in KINDS.values():
        seen: dict[str, int] = {}
        for index, each in enumerate(getattr(document, plural)):
            named = hasattr(each, "known_as")
            keys = {each.name, each.known_as()} if named else {_label(each)}
            for key in keys:
                if seen.setdefault(key, index) != index:
                    checked.problems.append(
                        f"{SITE_FILE}: {plural}[{index}]: {key!r} is there twice"
                    )
    endpoints: dict[str, str] = {}
    for prefix, accounts in (("agent", document.agents), ("caller", document.callers)):
        for account in accounts:
            endpoint = account.endpoint or f"{prefix}-{account.known_as()}"
            other = endpoints.setdefault(endpoint, account.name)
            if other != account.name:
                checked.problems.append(
                    f"{SITE_FILE}: endpoint {endpoint!r} is used by {other!r} and {account.name!r}"
                )
    codes: dict[str, str] = {}
    for status in document.statuses:
        if status.code and codes.setdefault(status.code, status.name) != status.name:
            checked.problems.append(f"{SITE_FILE}: code {status.code} chooses two statuses")


def _label(each: Any) -> str:
    return str(getattr(each, "name", None) or each.number)


def _check_references(document: SiteDocument, checked: CheckedSite) -> None:
    names = {
        kind: set(names_of(getattr(document, KINDS[kind][0])))
        for kind in ("hours", "queue", "profile", "flow")
    }
    kinds = {name: flow.kind for flow in document.flows for name in (flow.name, flow.known_as())}
    numbers = {number.number for number in document.numbers}

    def expect(place: str, kind: str, name: str | None) -> bool:
        if name is None or name in names[kind]:
            return True
        checked.problems.append(f"{SITE_FILE}: {place}: there is no {kind} {name!r}")
        return False

    def expect_flow(place: str, name: str | None, kind: FlowKind) -> None:
        if expect(place, "flow", name) and name is not None and kinds[name] is not kind:
            checked.problems.append(
                f"{SITE_FILE}: {place}: flow {name!r} is a {kinds[name].value}, not a {kind.value}"
            )

    for i, number in enumerate(document.numbers):
        expect_flow(f"numbers[{i}].flow", number.flow, FlowKind.CONTACT_FLOW)
    for i, queue in enumerate(document.queues):
        expect(f"queues[{i}].hours", "hours", queue.hours)
        expect_flow(
            f"queues[{i}].outbound_whisper", queue.outbound_whisper, FlowKind.OUTBOUND_WHISPER
        )
        if queue.caller_id is not None and queue.caller_id not in numbers:
            checked.problems.append(
                f"{SITE_FILE}: queues[{i}].caller_id: must be a number of the site"
            )
    for i, profile in enumerate(document.routing_profiles):
        for j, each in enumerate(profile.queues):
            expect(f"routing_profiles[{i}].queues[{j}].queue", "queue", each.queue)
    for i, agent in enumerate(document.agents):
        expect(f"agents[{i}].routing_profile", "profile", agent.routing_profile)
    for i, trunk in enumerate(document.trunks):
        if trunk.username is None and not trunk.identify:
            checked.problems.append(
                f"{SITE_FILE}: trunks[{i}]: needs `identify` addresses or a `username`"
            )
    routable = [s for s in document.statuses if s.kind is StatusKind.ROUTABLE]
    if document.statuses and not routable:
        checked.problems.append(f"{SITE_FILE}: statuses: none is routable")


def _check_flow(
    folder: Path,
    entry: FlowDocumentEntry,
    document: SiteDocument,
    speech: SpeechPort,
    checked: CheckedSite,
) -> None:
    file = f"{FLOWS_FOLDER}/{entry.file or entry.known_as() + '.json'}"
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        checked.problems.append(f"{SITE_FILE}: flow {entry.name!r}: {file} is outside the site")
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        checked.problems.append(f"{file}: cannot be read: {type(error).__name__}")
        return
    try:
        flow = load_flow(content, kind=entry.kind)
    except InvalidFlow as error:
        checked.problems += [f"{file}: {problem}" for problem in error.problems]
        return
    checked.warnings += [f"{file}: {warning}" for warning in flow.warnings]
    checked.flows[entry.known_as()] = content.decode("utf-8-sig")
    checked.documents[entry.known_as()] = flow
    for action_id, mention in flow.mentions():
        if not _is_there(mention, document):
            checked.problems.append(
                f"{file}: {action_id}: there is no {mention.kind.value} {mention.name!r}"
            )
    checked.problems += [
        f"{file}: {problem}" for problem in unspeakable(flow, document.site.language, speech)
    ]
    checked.warnings += [f"{file}: {warning}" for warning in _clamped(flow, document)]


def _is_there(mention: Mention, document: SiteDocument) -> bool:
    name = mention.name.rsplit("/", 1)[-1] if mention.name.startswith("arn:") else mention.name
    match mention.kind:
        case MentionKind.QUEUE:
            return name in set(names_of(document.queues))
        case MentionKind.FLOW:
            return name in set(names_of(document.flows))
        case MentionKind.HOURS:
            return name in set(names_of(document.hours))
        case MentionKind.AGENT:
            return name in set(names_of(document.agents))
        case MentionKind.NUMBER:
            return name in {number.number for number in document.numbers}


def unspeakable(flow: FlowDocument, language: str, speech: SpeechPort) -> Iterator[str]:
    """Why prompts of a flow could not be heard: a missing voice or recording is never silence."""
    voice = Voice(language=language)
    for step in flow.steps.values():
        for prompt in step.parameters.prompts():
            match prompt:
                case Recorded(name):
                    known = name in MUSIC_PROMPTS or speech.recorded(name) is not None
                    if not known and not references_in(name):
                        yield f"{step.id}: there is no recorded prompt {name!r}"
                case _:
                    for problem in speech.problems(words_of(prompt), voice):
                        yield f"{step.id}: {problem}"


def words_of(prompt: Text | Ssml) -> Words:
    """What speech is asked for."""
    return PlainText(prompt.text) if isinstance(prompt, Text) else SpokenSsml(prompt.ssml)


def _clamped(flow: FlowDocument, document: SiteDocument) -> Iterator[str]:
    """Callback settings beyond the site's bounds, which count as the bounds."""
    for step in flow.steps.values():
        if step.type != "CreateCallbackContact":
            continue
        attempts = step.raw.get("MaximumConnectionAttempts")
        spacing = step.raw.get("RetryDelaySeconds")
        floor = document.site.min_retry_delay_seconds
        if str(attempts).isdigit() and int(str(attempts)) > MAX_RETRIES:
            yield f"{step.id}: {attempts} retries count as {MAX_RETRIES}"
        if str(spacing).isdigit() and int(str(spacing)) < floor:
            yield f"{step.id}: a spacing of {spacing} s is raised to the site's {floor} s"


def _warn_of_oddities(document: SiteDocument, checked: CheckedSite) -> None:
    served = {each.queue for profile in document.routing_profiles for each in profile.queues}
    for queue in document.queues:
        if not {queue.name, queue.known_as()} & served:
            checked.warnings.append(f"{SITE_FILE}: queue {queue.name!r} is served by no profile")
        if queue.caller_id is None:
            checked.warnings.append(
                f"{SITE_FILE}: queue {queue.name!r} has no caller_id: callbacks are anonymous"
            )


async def apply_site(
    folder: Path, store: Store, speech: SpeechPort, *, now: datetime, prune: bool = False
) -> tuple[Site, tuple[str, ...]]:
    """Check a site folder and make it live, all or nothing.

    Args:
        folder: Holds ``site.yaml``, ``flows/`` and ``prompts/``.
        store: Open.
        speech: Imports recordings, and renders what can be said ahead of time.
        now: Current time, UTC.
        prune: Remove what the folder does not have; otherwise nothing is ever deleted.

    Returns:
        The live site, and warnings.

    Raises:
        InvalidSite: Every fault; nothing was applied.
    """
    problems: list[str] = []
    if (folder / PROMPTS_FOLDER).is_dir():
        imported = await speech.import_prompts(folder / PROMPTS_FOLDER)
        problems += imported.problems
    checked = check_site(folder, speech)
    problems += checked.problems
    if checked.document is None or problems:
        raise InvalidSite(tuple(problems))
    versions = {}
    for entry in checked.document.flows:
        flow_id = entry.known_as()
        versions[flow_id] = await store.publish_flow(
            flow_id,
            name=entry.name,
            kind=entry.kind.value,
            content=checked.flows[flow_id],
            now=now,
        )
    rows = [_with_version(row, versions) for row in objects_of(checked.document)]
    wanted = {(row.kind, row.name) for row in rows}
    old = [(row.kind, row.name) for row in await store.site_objects()]
    remove = [key for key in old if key not in wanted] if prune else []
    await store.put_site_objects(rows, remove=remove)
    site = await load_site(store)
    failed = await speech.prepare(
        [
            (words_of(prompt), Voice(language=site.language))
            for flow in checked.documents.values()
            for prompt in flow.prompts()
            if not isinstance(prompt, Recorded)
        ]
    )
    # What is said around a value that is not known yet, and the digits a number is made of.
    unknown = FlowContext(contact_id="", initial_contact_id="")
    templates = [w for f in checked.documents.values() for w in spoken_words(f, unknown)]
    await speech.prepare((words, Voice(language=site.language)) for words in (*templates, _DIGITS))
    return site, (*checked.warnings, *failed)


def _with_version(row: SiteObject, versions: Mapping[str, int]) -> SiteObject:
    if row.kind != "flow":
        return row
    return dataclasses.replace(row, document={**row.document, "version": versions[row.id]})


async def load_site(store: Store) -> Site:
    """The site as it is in the database.

    Raises:
        NotFound: None has been applied.
    """
    rows = await store.site_objects()
    if not any(row.kind == "site" for row in rows):
        message = "no site has been applied; run `ivr apply SITE_DIR`"
        raise NotFound(message)
    document = document_of(rows)
    flows: dict[str, tuple[int, str]] = {}
    for entry in document.flows:
        content = await store.flow_content(entry.known_as(), entry.version)
        if content is None:
            message = f"no content of flow {entry.name!r}"
            raise NotFound(message)
        flows[entry.known_as()] = content
    return site_of(document, flows)


async def export_site(store: Store, folder: Path) -> tuple[str, ...]:
    """Write the live site as a folder that ``apply_site`` reads; the files that were written.

    Raises:
        NotFound: None has been applied.
    """
    site = await load_site(store)
    document = document_of(await store.site_objects())
    (folder / FLOWS_FOLDER).mkdir(parents=True, exist_ok=True)
    data = document.model_dump(mode="json", exclude_defaults=True)
    written = [SITE_FILE]
    for entry in data.get("flows", []):
        entry.pop("version", None)
        known_as = entry.get("id") or slug(entry["name"])
        entry["file"] = f"{known_as}.json"
        content = next(flow.content for flow in site.flows if flow.id == known_as)
        pretty = json.dumps(json.loads(content), indent=2, ensure_ascii=False)
        (folder / FLOWS_FOLDER / entry["file"]).write_text(pretty + "\n", "utf-8")
        written.append(f"{FLOWS_FOLDER}/{entry['file']}")
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    (folder / SITE_FILE).write_text(text, "utf-8")
    return tuple(written)
