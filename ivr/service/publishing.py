"""Use cases of an administrator: check a site completely, then make it live at once.

A site is a folder: ``site.yaml``, ``flows/*.json`` and ``prompts/*``. Everything is checked before
anything is written; every fault is reported with its file, path and reason. The rows are replaced
in one transaction, so that a contact sees either the old site or the new one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from ivr.domain.errors import InvalidSite, NotFound
from ivr.domain.site import Site
from ivr.flow.context import FlowContext
from ivr.flow.kinds import FlowKind
from ivr.flow.prompt import Recorded
from ivr.ports.speech import ImportedPrompts, SpeechPort, Voice
from ivr.ports.speech import Ssml as SpokenSsml
from ivr.ports.store import SiteObject, Store
from ivr.service.site_check import (
    FLOWS_FOLDER,
    SITE_FILE,
    CheckedSite,
    check_document,
    check_site,
    with_what_is_live,
    words_of,
)
from ivr.service.site_documents import (
    KINDS,
    FlowDocumentEntry,
    SiteDocument,
    document_of,
    label_of,
    objects_of,
    slug,
    with_known_ids,
)
from ivr.service.site_values import site_of
from ivr.service.whispers import spoken_words

_DIGITS = SpokenSsml('<speak><say-as interpret-as="telephone">+1 234 567 8900</say-as></speak>')
PROMPTS_FOLDER = "prompts"


@dataclass(frozen=True, slots=True)
class _Change:
    """What applying a site does to the database.

    Attributes:
        rows: To be written, flows without their versions.
        remove: Kind and name of what goes.
        document: The whole site afterwards.
    """

    rows: tuple[SiteObject, ...]
    remove: tuple[tuple[str, str], ...]
    document: SiteDocument


def _nothing_to_object(_: Site) -> Iterable[str]:
    return ()


async def apply_site(
    folder: Path,
    store: Store,
    speech: SpeechPort,
    *,
    now: datetime,
    prune: bool = False,
    objections: Callable[[Site], Iterable[str]] = _nothing_to_object,
) -> tuple[Site, tuple[str, ...]]:
    """Check a site folder and make it live, all or nothing.

    Args:
        folder: Holds ``site.yaml``, ``flows/`` and ``prompts/``.
        store: Open.
        speech: Imports recordings, and renders what can be said ahead of time.
        now: Current time, UTC.
        prune: Remove what the folder does not have; otherwise nothing is ever deleted.
        objections: What the switch could not be set up for, asked before anything is written.

    Returns:
        The live site, and warnings.

    Raises:
        InvalidSite: Every fault; nothing was applied.
    """
    checked, change = await _prepare(folder, store, speech, prune=prune)
    problems = list(objections(site_of(change.document, await _contents(change, checked, store))))
    if not problems and (folder / PROMPTS_FOLDER).is_dir():
        problems += _in_prompts(await speech.import_prompts(folder / PROMPTS_FOLDER))
    if problems:
        raise InvalidSite(tuple(problems))
    rows = [await _published(row, checked, store, now) for row in change.rows]
    await store.put_site_objects(rows, remove=change.remove)
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


async def _prepare(
    folder: Path, store: Store, speech: SpeechPort, *, prune: bool
) -> tuple[CheckedSite, _Change]:
    """Check everything that can be checked without writing.

    Raises:
        InvalidSite: Every fault.
    """
    prompts, problems = await _check_prompts(folder, speech)
    checked = check_site(folder, speech, prompts)
    problems += checked.problems
    if checked.document is None or problems:
        raise InvalidSite(tuple(problems))
    old = await store.site_objects()
    problems += _changed_ids(checked.document, old)
    change = _change(checked.document, old, prune=prune)
    problems += check_document(change.document, with_what_is_live)
    problems += await _in_use(change, old, store)
    if problems:
        raise InvalidSite(tuple(problems))
    return checked, change


async def _check_prompts(folder: Path, speech: SpeechPort) -> tuple[tuple[str, ...], list[str]]:
    if not (folder / PROMPTS_FOLDER).is_dir():
        return (), []
    prompts = await speech.check_prompts(folder / PROMPTS_FOLDER)
    return prompts.prompt_ids, _in_prompts(prompts)


def _in_prompts(prompts: ImportedPrompts) -> list[str]:
    return [f"{PROMPTS_FOLDER}/{problem}" for problem in prompts.problems]


def _changed_ids(document: SiteDocument, old: Sequence[SiteObject]) -> Iterator[str]:
    known = {(row.kind, row.name): row.id for row in old}
    for kind, (plural, _) in KINDS.items():
        for index, each in enumerate(getattr(document, plural)):
            wanted = getattr(each, "id", None)
            before = known.get((kind, label_of(each)), wanted)
            if wanted is not None and wanted != before:
                yield (
                    f"{SITE_FILE}: {plural}[{index}].id: {label_of(each)!r} is known as "
                    f"{before!r}; an id never changes"
                )


def _change(document: SiteDocument, old: Sequence[SiteObject], *, prune: bool) -> _Change:
    """Compare a checked site with the live one: what has the same name or id is the same."""
    rows = objects_of(with_known_ids(document, old))
    names = {(row.kind, row.name) for row in rows}
    ids = {(row.kind, row.id) for row in rows}
    gone = [
        (row.kind, row.name)
        for row in old
        if (row.kind, row.name) not in names and (prune or (row.kind, row.id) in ids)
    ]
    stays = [row for row in old if (row.kind, row.name) not in names.union(gone)]
    return _Change(tuple(rows), tuple(gone), document_of([*stays, *rows]))


async def _in_use(change: _Change, old: Sequence[SiteObject], store: Store) -> Iterable[str]:
    """Queues and agents that would go although a contact is with them."""
    kept = {(row.kind, row.id) for row in change.rows}
    gone = {
        (row.kind, row.id): row.name
        for row in old
        if (row.kind, row.name) in change.remove and (row.kind, row.id) not in kept
    }
    busy = set()
    for contact in await store.open_contacts():
        busy |= {
            ("queue", contact.queue_id),
            ("queue", contact.target_queue_id),
            ("agent", contact.agent_id),
        }
    return [
        f"{SITE_FILE}: {kind} {name!r} cannot be removed: a contact is with it"
        for (kind, object_id), name in gone.items()
        if (kind, object_id) in busy
    ]


async def _contents(
    change: _Change, checked: CheckedSite, store: Store
) -> Mapping[str, tuple[int, str]]:
    """Version and content of every flow of the site to be; a new one's version is not known yet."""
    found = {}
    for entry in change.document.flows:
        if entry.name in checked.flows:
            found[entry.known_as()] = (0, checked.flows[entry.name])
        else:
            found[entry.known_as()] = await _content(store, entry)
    return found


async def _content(store: Store, entry: FlowDocumentEntry) -> tuple[int, str]:
    content = await store.flow_content(entry.known_as(), entry.version)
    if content is None:
        message = f"no content of flow {entry.name!r}"
        raise NotFound(message)
    return content


async def _published(
    row: SiteObject, checked: CheckedSite, store: Store, now: datetime
) -> SiteObject:
    """The row with the version that its flow's content has got."""
    if row.kind != "flow":
        return row
    version = await store.publish_flow(
        row.id,
        name=row.name,
        kind=str(row.document.get("kind", FlowKind.CONTACT_FLOW.value)),
        content=checked.flows[row.name],
        now=now,
    )
    return dataclasses.replace(row, document={**row.document, "version": version})


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
    flows = {entry.known_as(): await _content(store, entry) for entry in document.flows}
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
