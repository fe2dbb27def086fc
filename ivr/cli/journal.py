"""A contact's journal in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Detail = Mapping[str, Any]

EVENTS: Final[Mapping[str, str]] = {
    "entered_queue": "entered the queue",
    "left_queue": "left the queue to be called back",
    "flow_ended": "the flow came to its end",
    "became_due": "its time has come",
    "offer_won": "an agent was reserved",
    "agent_answered": "the agent answered",
    "agent_missed": "the agent did not take it",
    "offer_lost": "the offer was lost",
    "agent_hung_up": "the agent hung up",
    "ready_to_dial": "the agent is ready for the customer",
    "ready_to_join": "the agent is ready for the customer",
    "customer_answered": "the customer answered",
    "attempt_postponed": "the customer was not reached",
    "attempt_failed": "the customer was not reached",
    "customer_whisper_ended": "the customer has heard the whisper",
    "customer_hung_up": "the customer hung up",
    "call_lost": "the customer's line was lost",
    "stopped": "it was stopped",
    "expired": "its lifetime is over",
}
"""``domain.serving.Event`` in words."""

STATES: Final[Mapping[str, str]] = {
    "in_flow": "the customer hears a flow",
    "scheduled": "waits for its time",
    "waiting_for_retry": "will be tried again later",
    "queued": "waits in the queue",
    "offered": "the agent's phone is called",
    "agent_whisper": "the agent hears the whisper",
    "customer_whisper": "the customer hears the whisper",
    "dialling": "the customer is called",
    "outbound_whisper": "the customer hears the whisper",
    "connected": "agent and customer talk",
    "ended": "ended",
}
"""``domain.contact.ContactState`` in words."""

_OUTCOMES: Final[Mapping[str, str]] = {
    "answered": "answered",
    "no_answer": "no answer",
    "busy": "busy",
    "rejected": "rejected",
    "invalid_number": "there is no such number",
    "network_failure": "the network or our side failed",
    "cancelled": "given up by us",
    "unknown": "nobody knows",
}

_REASONS: Final[Mapping[str, str]] = {
    "queue_full": "the queue is full",
    "too_many_for_number": "too many callbacks of this number in a day",
    "too_many_per_minute": "too many callbacks in a minute",
    "too_many": "too many calls at once or in a minute",
    "no_queue": "no queue was chosen",
    "number_busy": "the customer is in another contact here",
    "stopped": "the agent no longer serves it",
    "emergency": "an emergency number",
    "own_number": "a number of this site",
    "region": "its region is not allowed",
    "type": "its type is not allowed",
    "prefix": "its prefix is forbidden",
    "invalid": "no valid number",
    "too_long": "too long for a number",
}


_FAILURES: Final[Mapping[str, str]] = {
    **_OUTCOMES,
    "queue_full": _REASONS["queue_full"],
    "flow_ended": "the transfer flow came to its end",
    "not_available": "the agent is not available",
    "forbidden": "the number may not be dialled",
    "no_trunk": "there is no trunk",
}


def _words(table: Mapping[str, str], key: Any) -> str:
    return table.get(str(key), str(key).replace("_", " "))


def _moved(d: Detail) -> str:
    return f"{_words(EVENTS, d.get('event'))}: {_words(STATES, d.get('to'))}"


def _offer_made(d: Detail) -> str:
    considered = d.get("considered") or ()
    if isinstance(considered, Mapping):
        listed = [f"{agent} ({_words({}, verdict)})" for agent, verdict in considered.items()]
    else:
        listed = [str(agent) for agent in considered]
    return f"offered to {d.get('agent')}" + (f"; considered: {', '.join(listed)}" if listed else "")


def _offer_missed(d: Detail) -> str:
    why = _words(_OUTCOMES, d["outcome"]) if "outcome" in d else "the phone could not be called"
    return f"{d.get('agent')} did not take it: {why}{_aside(d)}"


def _attempt_over(d: Detail) -> str:
    rang = "the phone rang" if d.get("rang") else "nothing rang"
    counts = "counts as an attempt" if d.get("counted") else "counts as no attempt"
    return f"attempt over: {_words(_OUTCOMES, d.get('outcome'))}; {rang}, {counts}{_aside(d)}"


def _flow_moved(d: Detail) -> str:
    way = f"{d.get('branch')} to {d['to']}" if d.get("to") else f"{d.get('branch')}, to the end"
    return f"flow: {d.get('action')} ({d.get('type')}), {way}"


def _transfer_moved(d: Detail) -> str:
    event, to = (str(d.get(key, "")).replace("_", " ") for key in ("event", "to"))
    which = f" {d['quick_connect']}" if d.get("quick_connect") else ""
    return f"quick connect{which}: {event}, now {to}"


def _aside(d: Detail) -> str:
    return f" ({d['detail']})" if d.get("detail") else ""


def _because(text: str) -> Callable[[Detail], str]:
    return lambda d: f"{text}: {_words(_REASONS, d.get('reason'))}"


KINDS: Final[Mapping[str, Callable[[Detail], str]]] = {
    "contact_began": lambda d: f"the contact began with the flow {d.get('flow')}",
    "contact_moved": _moved,
    "offer_made": _offer_made,
    "offer_missed": _offer_missed,
    "agent_rang": lambda _: "the agent's phone rings",
    "customer_rang": lambda _: "the customer's phone rings",
    "attempt_over": _attempt_over,
    "dial_refused": _because("not dialled"),
    "dial_forbidden": _because("may not be dialled"),
    "acw_started": lambda _: "after-contact work began",
    "transfer_began": lambda d: f"the agent began the quick connect {d.get('quick_connect')}",
    "transfer_moved": _transfer_moved,
    "transfer_failed": lambda d: (
        f"the destination was not reached: {_words(_FAILURES, d.get('reason'))}{_aside(d)}"
    ),
    "monitor_began": lambda d: f"{d.get('supervisor')} began to supervise: {d.get('mode')}",
    "monitor_changed": lambda d: f"{d.get('supervisor')} supervises: {d.get('mode')}",
    "monitor_ended": lambda d: f"{d.get('supervisor')} ended the supervision",
    "monitor_took_over": lambda d: f"{d.get('supervisor')} took the contact over",
    "destination_rang": lambda _: "the destination's phone rings",
    "room_apart": lambda _: "who should talk did not hear each other: one was joined again",
    "line_changed": lambda d: f"the agent talks on the {d.get('line')} line",
    "customer_held": lambda _: "the agent put the customer on hold",
    "customer_resumed": lambda _: "the agent took the customer off hold",
    "code_refused": lambda d: f"the code {d.get('code')} did nothing: {d.get('reason')}",
    "verb_asked": lambda d: f"the agent asked to {str(d.get('verb')).replace('-', ' ')}",
    "callback_requested": lambda d: (
        f"a callback to {d.get('number')} was made: {d.get('callback')}"
    ),
    "callback_began": lambda d: (
        f"asked for in contact {d.get('asked_by')}, for the queue {d.get('queue')}"
    ),
    "callback_kept": lambda d: (
        f"the callback to {d.get('number')} that waits already is kept: {d.get('callback')}"
    ),
    "callback_refused": _because("no callback was made"),
    "callback_not_created": _because("no callback was made"),
    "callback_expired": lambda _: "the callback expired",
    "callback_stopped": lambda d: f"the callback was stopped by {d.get('by')}",
    "contact_stopped": lambda d: f"the contact was stopped by {d.get('by')}",
    "flow_moved": _flow_moved,
    "flow_warned": lambda d: f"flow: {d.get('action')}: {d.get('message')}",
    "prompt_missing": lambda d: f"there is no recorded prompt {d.get('prompt')}",
    "speech_failed": _because("a sentence could not be spoken"),
}
"""Kind of an entry: its sentence."""


def sentence(kind: str, detail: Detail) -> str:
    """An entry in words; one of an unknown kind as it stands."""
    if kind in KINDS:
        return KINDS[kind](detail)
    values = ", ".join(f"{key} {value}" for key, value in detail.items())
    return kind.replace("_", " ") + (f": {values}" if values else "")
