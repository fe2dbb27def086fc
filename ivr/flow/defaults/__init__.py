"""The flows a contact gets where nobody has set one: files beside this module, one per kind."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ivr.flow.document import load_flow
from ivr.flow.kinds import FlowKind
from ivr.flow.step import PinnedFlow

KINDS = (
    FlowKind.CUSTOMER_QUEUE,
    FlowKind.CUSTOMER_HOLD,
    FlowKind.CUSTOMER_WHISPER,
    FlowKind.AGENT_HOLD,
    FlowKind.AGENT_WHISPER,
    FlowKind.OUTBOUND_WHISPER,
    FlowKind.AGENT_TRANSFER,
    FlowKind.QUEUE_TRANSFER,
)
"""Kinds of flow that have a default."""


def default_source(kind: FlowKind) -> str:
    """Answer the JSON document of a kind's default flow."""
    return files(__name__).joinpath(f"{kind.value.lower()}.json").read_text("utf-8")


@cache
def default_flow(kind: FlowKind) -> PinnedFlow:
    """Answer the default flow of a kind.

    Its id in resume points is ``default:`` and the kind, which no flow of a site can be called.
    """
    name = kind.value.lower().replace("_", "-")
    return PinnedFlow(f"default:{name}", 1, load_flow(default_source(kind), kind=kind))
