"""Test phones: callers, customers and agents that tests and the demo are played with.

:class:`Phone` is a small SIP phone of our own with exact control of every answer.
"""

from tests.phones.call import Call, CallFailed, CallState
from tests.phones.deadline import DeadlineMissed
from tests.phones.line import Invite, Line
from tests.phones.phone import Phone
from tests.phones.policy import Answer, Ignore, Policy, Reject, Ring
from tests.phones.sound import RATE, SILENCE, Recording, Sound, tone, wav

__all__ = [
    "RATE",
    "SILENCE",
    "Answer",
    "Call",
    "CallFailed",
    "CallState",
    "DeadlineMissed",
    "Ignore",
    "Invite",
    "Line",
    "Phone",
    "Policy",
    "Recording",
    "Reject",
    "Ring",
    "Sound",
    "tone",
    "wav",
]
