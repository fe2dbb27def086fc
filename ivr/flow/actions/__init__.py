"""Every action of the language, in AWS's four folders; the folder says what must exist."""

from __future__ import annotations

from ivr.flow.actions.participant import message
from ivr.flow.registry import ActionRegistry

ACTIONS = ActionRegistry(message.family)
