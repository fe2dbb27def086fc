"""All scenes against an installation of their own: the sample site on loopback.

The sample is changed only where a scene would last too long or meet a limit: attempts follow each
other sooner, the customer's phone rings 15 s, two callers fill the waiting line, and neither the
number of callbacks nor their rate is limited. The load goes to a number of its own whose flow is
the sample's number entry without the menus around it.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.house import LOCAL, TRUNK_ADDRESS, House
from tests.pbx import free_port
from tests.sipp.caller import SAMPLE_KEYS, SAMPLE_WAIT_KEYS
from tests.sipp.scenes import Check, callback, full, load, refused, retry
from tests.sipp.site import Account, Place, Site

SETTINGS: Final = {
    "IVR_LIMITS__CALLBACKS_PER_MINUTE": "100000",
    "IVR_PBX__RTP_FIRST_PORT": "10000",
    "IVR_PBX__RTP_LAST_PORT": "15999",
}
AGENT: Final = "agent-anna"
AVAILABLE: Final = "*81"
PLACES: Final = 2
SPACING: Final = 10
_OPEN: Final = """
    SELECT callbacks.number, asked.customer_number
    FROM callbacks
    JOIN contacts ON contacts.id = callbacks.contact_id
    JOIN contacts AS asked ON asked.id = contacts.previous_id
    WHERE callbacks.result IS NULL
"""
ENTRY: Final = "local-entry.json"
ENTRY_NUMBER: Final = "+12025550102"
ENTRY_KEYS: Final = "1500:{number}#"


async def play(folder: Path, callers: int, rate: float) -> AsyncIterator[tuple[str, list[Check]]]:
    """Play each scene, load last; yields its name and checks.

    Args:
        folder: Takes what SIPp writes.
        callers: Callers of the load.
        rate: Callers a second.
    """
    with tempfile.TemporaryDirectory() as state:
        async with House(
            Path(state), change=_change, flows=_flows(), environment=SETTINGS
        ) as house:
            house.trunk.close()  # SIPp takes the carrier's place
            site = _site(house, folder)
            yield "callback", await callback(site, "2025550176", within=60)
            for number, status in (("2025550177", 486), ("2025550178", 404), ("2025550179", 603)):
                yield f"code {status}", await refused(site, number, status, watch=10)
            yield "retry", await retry(site, "2025550180", 2, SPACING, within=90)
            yield (
                "full queue",
                await full(site, PLACES, SAMPLE_WAIT_KEYS, patience=10, within=60),
            )
            entry = replace(site, did=ENTRY_NUMBER, keys=ENTRY_KEYS)
            yield "load", await load(entry, callers, rate, "202557", within=120 + callers / rate)
            yield "load: what was kept", _kept(house, callers)


def _kept(house: House, callers: int) -> list[Check]:
    """Every caller has an open callback to the number keyed, which also stood in From."""
    with closing(sqlite3.connect(house.state / "queueback.db")) as database:
        rows = database.execute(_OPEN).fetchall()
    wrong = [row for row in rows if row[0] != f"+1{row[1].removeprefix('+1')}"]
    return [
        Check("open callbacks", len(rows) == callers, f"{len(rows)} of {callers}"),
        Check("callbacks to another number than keyed", not wrong, str(len(wrong))),
    ]


def _site(house: House, folder: Path) -> Site:
    host, port = house.sip_server
    phone = Place("127.0.0.1", free_port())
    account: Any = house.accounts[AGENT]
    return Site(
        target=Place(host, port),
        did=LOCAL,
        caller=Place(TRUNK_ADDRESS, free_port()),
        customer=Place(TRUNK_ADDRESS, house.trunk.port),
        keys=SAMPLE_KEYS,
        caller_id=LOCAL,
        agent=Account(AGENT, account["secret"], phone, AVAILABLE),
        folder=folder,
    )


def _change(data: dict[str, Any]) -> None:
    data["site"] |= {"min_retry_delay_seconds": SPACING, "ring_customer_seconds": 15}
    data["numbers"].append({"number": ENTRY_NUMBER, "flow": "Number entry"})
    data["flows"].append({"name": "Number entry", "kind": "CONTACT_FLOW"})
    for queue in data["queues"]:
        queue["max_contacts"] = PLACES if queue["name"] == "Sales" else 1_000_000


def _flows() -> dict[str, str]:
    """The sample's entry flow with one retry, soon; and its number entry alone."""
    path = Path(__file__).parents[2] / "ivr" / "sample_site" / "flows" / ENTRY
    flow = json.loads(path.read_text("utf-8"))
    actions = {action["Identifier"]: action for action in flow["Actions"]}
    actions["Create callback"]["Parameters"] |= {
        "MaximumConnectionAttempts": "1",
        "RetryDelaySeconds": str(SPACING),
    }
    whole = json.dumps(flow)
    flow["StartAction"] = "Enter number"
    actions["Set number"]["Transitions"]["NextAction"] = "Create callback"
    actions["Create callback"]["Transitions"]["NextAction"] = "Hang up"
    return {ENTRY: whole, "number-entry.json": json.dumps(flow)}
