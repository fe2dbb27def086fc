"""What every use case on the service floor works with, handed down by ``bootstrap``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ivr.domain.errors import NotFound, StoreError
from ivr.domain.ids import ContactId
from ivr.domain.site import Flow, Site
from ivr.domain.transfer import Verb
from ivr.flow.defaults import KINDS as KINDS_WITH_DEFAULT
from ivr.flow.defaults import default_flow
from ivr.flow.document import load_flow
from ivr.flow.kinds import FlowKind
from ivr.flow.step import FlowDocument, PinnedFlow
from ivr.ports.clock import Clock
from ivr.ports.speech import SpeechPort
from ivr.ports.store import DialLimits, Store
from ivr.ports.telephony import CallControl
from ivr.service.supervision import Guests, Wake
from ivr.service.trunk_health import TrunkHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps against runaway cost.

    Attributes:
        callbacks_per_number_daily: Callbacks of one number in 24 h.
        callbacks_per_minute: Callbacks created in a minute on the whole site.
        dial: Caps on dialling.
        claim_pause: Before routing tries again when every claim of a round failed.
    """

    callbacks_per_number_daily: int | None = 3
    callbacks_per_minute: int | None = 60
    dial: DialLimits = field(default_factory=lambda: DialLimits(concurrent=100, per_minute=120))
    claim_pause: timedelta = timedelta(seconds=1)


class LiveSite:
    """The site as published last, and its flows as parsed documents.

    A running contact finishes on the flow version it started with, so versions stay here.
    """

    def __init__(self) -> None:
        self._site: Site | None = None
        self._documents: dict[tuple[str, int], FlowDocument] = {}

    @property
    def now(self) -> Site:
        """The site.

        Raises:
            NotFound: No site has been applied yet.
        """
        if self._site is None:
            message = "no site has been applied; run `ivr apply SITE_DIR`"
            raise NotFound(message)
        return self._site

    @property
    def is_set(self) -> bool:
        """Whether a site has been applied."""
        return self._site is not None

    def replace(self, site: Site) -> None:
        """Take over a newly published site."""
        for flow in site.flows:
            self._documents.setdefault(
                (flow.id, flow.version), load_flow(flow.content, kind=FlowKind(flow.kind))
            )
        self._site = site

    async def version(self, store: Store, flow_id: str, version: int) -> PinnedFlow:
        """A version of a flow, published or not any more.

        Raises:
            StoreError: It is not in the database.
        """
        for kind in KINDS_WITH_DEFAULT:
            if default_flow(kind).id == flow_id:
                return default_flow(kind)
        key = (flow_id, version)
        if key not in self._documents:
            found = await store.flow_content(flow_id, version)
            if found is None:
                message = f"no version {version} of flow {flow_id!r}"
                raise StoreError(message)
            self._documents[key] = load_flow(found[1])
        return PinnedFlow(flow_id, version, self._documents[key])

    def find(self, reference: str) -> PinnedFlow | None:
        """The published version of a flow, by id, name or ARN."""
        flow = self.now.find_flow(reference)
        return None if flow is None else PinnedFlow(flow.id, flow.version, self._document(flow))

    def chosen(self, kind: FlowKind, name: str | None) -> PinnedFlow:
        """The flow of this name, or else the default of its kind."""
        found = self.find(name) if name else None
        return found or self.find(_NAMED_DEFAULTS[kind]) or default_flow(kind)

    def _document(self, flow: Flow) -> FlowDocument:
        """The parsed document of a flow version."""
        key = (flow.id, flow.version)
        if key not in self._documents:
            self._documents[key] = load_flow(flow.content, kind=FlowKind(flow.kind))
        return self._documents[key]


_NAMED_DEFAULTS = {
    FlowKind.CUSTOMER_QUEUE: "Default customer queue",
    FlowKind.CUSTOMER_HOLD: "Default customer hold",
    FlowKind.AGENT_WHISPER: "Default agent whisper",
    FlowKind.CUSTOMER_WHISPER: "Default customer whisper",
    FlowKind.OUTBOUND_WHISPER: "Default outbound",
    FlowKind.AGENT_HOLD: "Default agent hold",
    FlowKind.AGENT_TRANSFER: "Default agent transfer",
    FlowKind.QUEUE_TRANSFER: "Default queue transfer",
}
"""A site's own flow of this name takes the place of the default of that kind (Amazon Connect)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Ports and bells shared by the service floor.

    Attributes:
        new_id: Makes contact ids; letters, digits and ``-`` only.
        router: Rung whenever somebody waits or becomes free.
        timers: Rung whenever a timer may have become the next.
        codes: Feature codes of an agent in a call.
        failpoint: Called with the name of a place in the code where tests let things break.
    """

    clock: Clock
    store: Store
    switch: CallControl
    speech: SpeechPort
    site: LiveSite
    limits: Limits
    guests: Guests
    new_id: Callable[[], ContactId]
    router: Wake
    timers: Wake
    trunks: TrunkHealth
    failpoint: Callable[[str], None]
    codes: Mapping[str, Verb] = field(default_factory=dict)


MAX_WHISPER = timedelta(seconds=120)
"""A whisper runs no longer (Amazon Connect: two minutes)."""
