"""Checks a whole site before anything of it is written; every fault with file, path and reason.

A folder is checked as it stands, and again together with what is live and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ivr.domain.agent import StatusKind
from ivr.domain.callback import MAX_RETRIES
from ivr.domain.ids import E164
from ivr.domain.site import DEFAULT_STATUSES
from ivr.flow.document import load_flow
from ivr.flow.errors import InvalidFlow
from ivr.flow.kinds import FlowKind
from ivr.flow.parameters import Mention, MentionKind
from ivr.flow.prompt import Recorded, Ssml, Text
from ivr.flow.reference import references_in
from ivr.flow.step import FlowDocument
from ivr.ports.speech import MUSIC_PROMPTS, PlainText, SpeechPort, Voice, Words
from ivr.ports.speech import Ssml as SpokenSsml
from ivr.service.site_documents import (
    KINDS,
    AgentDocument,
    FlowDocumentEntry,
    Named,
    SiteDocument,
    id_of,
    label_of,
    names_of,
    read_document,
)
from ivr.service.site_values import policy_of

SITE_FILE = "site.yaml"
FLOWS_FOLDER = "flows"

Where = Callable[[str, int, Any], str]
"""Says where a fault is: the list it is in, the place in that list, and the object."""


def in_the_file(plural: str, index: int, _: Any) -> str:
    """The place of an object in ``site.yaml``."""
    return f"{SITE_FILE}: {plural}[{index}]"


def with_what_is_live(plural: str, _: int, each: Any) -> str:
    """The place of an object that may only be in the database."""
    return f"together with what is live: {plural} {label_of(each)!r}"


@dataclass(slots=True)
class CheckedSite:
    """A site folder as it was read.

    Attributes:
        flows: Content of each flow, by its name.
        documents: The same, parsed.
        problems: Faults; nothing may be applied if there is one.
        warnings: Accepted, but worth knowing.
    """

    document: SiteDocument | None = None
    flows: dict[str, str] = field(default_factory=dict)
    documents: dict[str, FlowDocument] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_site(folder: Path, speech: SpeechPort, prompts: Collection[str] = ()) -> CheckedSite:
    """Read and check a site folder; nothing is written.

    Args:
        folder: Holds ``site.yaml`` and ``flows/``.
        speech: Knows the voices and the recordings that are there.
        prompts: Recordings that will be there besides.
    """
    checked = CheckedSite()
    data = _read_yaml(folder / SITE_FILE, checked)
    if data is None:
        return checked
    document, problems = read_document(data)
    checked.problems += [f"{SITE_FILE}: {problem}" for problem in problems]
    if document is None:
        return checked
    checked.document = document
    checked.problems += check_document(document, in_the_file)
    for entry in document.flows:
        _check_flow(folder, entry, document, speech, prompts, checked)
    _warn_of_oddities(document, checked)
    return checked


class _StrictLoader(yaml.SafeLoader):
    """Reads plain YAML in which no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    problem = f"{key.value!r} is there twice"
                    raise yaml.constructor.ConstructorError(
                        problem=problem, problem_mark=key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path, checked: CheckedSite) -> Any:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        checked.problems.append(f"{path.name}: cannot be read: {type(error).__name__}")
        return None
    try:
        data = yaml.load(text, _StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        checked.problems.append(f"{path.name}{where}: {getattr(error, 'problem', 'no YAML')}")
        return None
    except (ValueError, RecursionError) as error:
        checked.problems.append(f"{path.name}: {error}")
        return None
    if not isinstance(data, dict):
        checked.problems.append(f"{path.name}: must be a mapping")
        return None
    return data


def check_document(document: SiteDocument, where: Where) -> list[str]:
    """What is wrong among the objects of a site: twins, and names that nothing has."""
    names = _Names(document)
    return [
        *_twins(document, where),
        *_twin_accounts(document),
        *_dangling(document, names, where),
        *_wrong_quick_connects(document, names, where),
        *_wrong_outside_agents(document, where),
    ]


def _twins(document: SiteDocument, where: Where) -> Iterator[str]:
    for plural, _ in KINDS.values():
        seen: dict[str, int] = {}
        for index, each in enumerate(getattr(document, plural)):
            keys = (label_of(each), id_of(each))
            taken = [key for key in keys if seen.setdefault(key, index) != index]
            if taken:
                yield f"{where(plural, index, each)}: {taken[0]!r} is there twice"
    for index, profile in enumerate(document.routing_profiles):
        listed = [each.queue for each in profile.queues]
        for name in sorted({name for name in listed if listed.count(name) > 1}):
            yield f"{where('routing_profiles', index, profile)}.queues: {name!r} is there twice"
    ids = {n: each.known_as() for each in document.quick_connects for n in names_of([each])}
    for index, queue in enumerate(document.queues):
        listed = [ids.get(name, name) for name in queue.quick_connects]
        for name in sorted({name for name in listed if listed.count(name) > 1}):
            yield f"{where('queues', index, queue)}.quick_connects: {name!r} is there twice"


def _twin_accounts(document: SiteDocument) -> Iterator[str]:
    endpoints: dict[str, str] = {}
    for prefix, accounts in (("agent", document.agents), ("caller", document.callers)):
        for account in accounts:
            if isinstance(account, AgentDocument) and account.number is not None:
                continue
            endpoint = account.endpoint or f"{prefix}-{account.known_as()}"
            other = endpoints.setdefault(endpoint, account.name)
            if other != account.name:
                yield (
                    f"{SITE_FILE}: endpoint {endpoint!r} is used by {other!r} and {account.name!r}"
                )
    codes: dict[str, str] = {}
    for status in document.statuses:
        if status.code and codes.setdefault(status.code, status.name) != status.name:
            yield f"{SITE_FILE}: code {status.code} chooses two statuses"
    numbers = {number.number: "a number of the site" for number in document.numbers}
    for caller in document.callers:
        other = numbers.setdefault(caller.number, f"the number of {caller.name!r}")
        if other != f"the number of {caller.name!r}":
            yield f"{SITE_FILE}: the number of caller {caller.name!r} is {other} too"


class _Names:
    """Every way of naming the objects of a site."""

    def __init__(self, document: SiteDocument) -> None:
        self._names = {
            kind: set(names_of(getattr(document, plural)))
            for kind, (plural, model) in KINDS.items()
            if issubclass(model, Named)
        }
        self._flow_kinds = {name: flow.kind for flow in document.flows for name in names_of([flow])}

    def expect(self, place: str, kind: str, name: str | None) -> Iterator[str]:
        """The fault if there is no such object."""
        if name is not None and name not in self._names[kind]:
            yield f"{place}: there is no {kind.replace('_', ' ')} {name!r}"

    def expect_flow(self, place: str, name: str | None, kind: FlowKind) -> Iterator[str]:
        """The fault if there is no such flow, or if it is of another kind."""
        yield from self.expect(place, "flow", name)
        found = self._flow_kinds.get(name or "", kind)
        if found is not kind:
            yield f"{place}: flow {name!r} is a {found.value}, not a {kind.value}"


def _dangling(document: SiteDocument, names: _Names, where: Where) -> Iterator[str]:
    numbers = {number.number for number in document.numbers}
    for i, number in enumerate(document.numbers):
        place = where("numbers", i, number)
        yield from names.expect_flow(f"{place}.flow", number.flow, FlowKind.CONTACT_FLOW)
    for i, queue in enumerate(document.queues):
        place = where("queues", i, queue)
        yield from names.expect(f"{place}.hours", "hours", queue.hours)
        yield from names.expect_flow(
            f"{place}.outbound_whisper", queue.outbound_whisper, FlowKind.OUTBOUND_WHISPER
        )
        if queue.caller_id is not None and queue.caller_id not in numbers:
            yield f"{place}.caller_id: must be a number of the site"
        for j, name in enumerate(queue.quick_connects):
            yield from names.expect(f"{place}.quick_connects[{j}]", "quick_connect", name)
    for i, profile in enumerate(document.routing_profiles):
        place = where("routing_profiles", i, profile)
        for j, each in enumerate(profile.queues):
            yield from names.expect(f"{place}.queues[{j}].queue", "queue", each.queue)
    for i, agent in enumerate(document.agents):
        place = where("agents", i, agent)
        yield from names.expect(f"{place}.routing_profile", "profile", agent.routing_profile)
    for i, trunk in enumerate(document.trunks):
        if trunk.username is None and not trunk.identify:
            yield f"{where('trunks', i, trunk)}: needs `identify` addresses or a `username`"
    routable = [s for s in document.statuses if s.kind is StatusKind.ROUTABLE]
    if document.statuses and not routable:
        yield f"{SITE_FILE}: statuses: none is routable"


def _wrong_outside_agents(document: SiteDocument, where: Where) -> Iterator[str]:
    """What is wrong with agents on outside numbers."""
    policy = policy_of(document)
    whose: dict[str, str] = {}
    for i, agent in enumerate(document.agents):
        if agent.number is None:
            continue
        place = where("agents", i, agent)
        if (denial := policy.check(E164(agent.number))) is not None:
            yield f"{place}.number: the site may not call it ({denial.value})"
        if (other := whose.setdefault(agent.number, agent.name)) != agent.name:
            yield f"{place}.number: is the number of {other!r} too"
        for key in ("endpoint", "auto_accept", "supervisor"):
            if getattr(agent, key):
                yield f"{place}.{key}: needs a phone of this switch, not an outside number"


def _wrong_quick_connects(document: SiteDocument, names: _Names, where: Where) -> Iterator[str]:
    policy = policy_of(document)
    statuses = document.statuses or DEFAULT_STATUSES
    codes = {status.code: f"status {status.name!r}" for status in statuses if status.code}
    for i, each in enumerate(document.quick_connects):
        place = where("quick_connects", i, each)
        yield from names.expect(f"{place}.agent", "agent", each.agent)
        yield from names.expect(f"{place}.queue", "queue", each.queue)
        if each.number is not None and (denial := policy.check(each.number)) is not None:
            yield f"{place}.number: the site may not call it ({denial.value})"
        match (each.agent, each.queue, each.number):
            case (str(), None, None):
                yield from names.expect_flow(f"{place}.flow", each.flow, FlowKind.AGENT_TRANSFER)
            case (None, str(), None):
                yield from names.expect_flow(f"{place}.flow", each.flow, FlowKind.QUEUE_TRANSFER)
            case (None, None, str()):
                if each.flow is not None:
                    yield f"{place}.flow: a number has no transfer flow"
            case _:
                yield f"{place}: needs exactly one of `agent`, `queue` and `number`"
                yield from names.expect(f"{place}.flow", "flow", each.flow)
        if each.code is not None:
            user = f"quick connect {each.name!r}"
            if (other := codes.setdefault(each.code, user)) != user:
                yield f"{place}.code: {each.code} is that of {other}"


def _check_flow(
    folder: Path,
    entry: FlowDocumentEntry,
    document: SiteDocument,
    speech: SpeechPort,
    prompts: Collection[str],
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
    checked.flows[entry.name] = content.decode("utf-8-sig")
    checked.documents[entry.name] = flow
    for action_id, mention in flow.mentions():
        if not _is_there(mention, document):
            checked.problems.append(
                f"{file}: {action_id}: there is no {mention.kind.value} {mention.name!r}"
            )
    checked.problems += [
        f"{file}: {problem}"
        for problem in unspeakable(flow, document.site.language, speech, prompts)
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


def unspeakable(
    flow: FlowDocument, language: str, speech: SpeechPort, prompts: Collection[str] = ()
) -> Iterator[str]:
    """Why prompts of a flow could not be heard: a missing voice or recording is never silence."""
    voice = Voice(language=language)
    for step in flow.steps.values():
        for prompt in step.parameters.prompts():
            match prompt:
                case Recorded(name):
                    known = name in MUSIC_PROMPTS or name in prompts or references_in(name)
                    if not known and speech.recorded(name) is None:
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
    if not document.trunks:
        checked.warnings += [
            f"{SITE_FILE}: agent {agent.name!r} is on an outside number, and there is no trunk"
            for agent in document.agents
            if agent.number is not None
        ]
    served = {each.queue for profile in document.routing_profiles for each in profile.queues}
    for queue in document.queues:
        if not {queue.name, queue.known_as()} & served:
            checked.warnings.append(f"{SITE_FILE}: queue {queue.name!r} is served by no profile")
        if queue.caller_id is None:
            checked.warnings.append(
                f"{SITE_FILE}: queue {queue.name!r} has no caller_id: callbacks are anonymous"
            )
