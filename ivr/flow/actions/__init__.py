"""Every action of the language, in AWS's four folders; the folder says what must exist."""

from __future__ import annotations

from typing import Final

from ivr.flow.actions import unsupported
from ivr.flow.actions.contact import (
    attributes,
    callback_number,
    event_hooks,
    previous_contact,
    recording,
    target_queue,
    transfer,
)
from ivr.flow.actions.flow_control import compare, hours, leave, loop, metrics
from ivr.flow.actions.interaction import callback
from ivr.flow.actions.participant import disconnect, input, message, message_loop
from ivr.flow.registry import ActionRegistry

ACTIONS: Final = ActionRegistry(
    attributes.family,
    callback.family,
    callback_number.family,
    compare.family,
    disconnect.family,
    event_hooks.family,
    hours.family,
    input.family,
    leave.family,
    loop.family,
    message.family,
    message_loop.family,
    metrics.family,
    previous_contact.family,
    recording.family,
    target_queue.family,
    transfer.family,
    *unsupported.FAMILIES,
)
