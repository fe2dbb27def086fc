"""Test phones: callers, customers and agents that tests and the demo are played with.

:class:`Phone` is a small SIP phone of our own with exact control of every answer and a witness of
every INVITE. :class:`Stack` gives phones of an independent SIP stack (baresip) with the same
methods, see :class:`Handset`. :class:`Line` is an address that several phones share.
"""

from tests.phones.baresip_phone import BaresipPhone, Stack
from tests.phones.deadline import DeadlineMissed
from tests.phones.handset import Handset
from tests.phones.invite import Invite
from tests.phones.line import Line
from tests.phones.phone import Phone
from tests.phones.policy import Answer, Ignore, Policy, Reject, Ring
from tests.phones.progress import Call, CallFailed, CallState
from tests.phones.sound import RATE, SILENCE, Recording, Sound, tone, wav

__all__ = [
    "RATE",
    "SILENCE",
    "Answer",
    "BaresipPhone",
    "Call",
    "CallFailed",
    "CallState",
    "DeadlineMissed",
    "Handset",
    "Ignore",
    "Invite",
    "Line",
    "Phone",
    "Policy",
    "Recording",
    "Reject",
    "Ring",
    "Sound",
    "Stack",
    "tone",
    "wav",
]
