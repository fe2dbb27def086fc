"""Measures and prints; writes ``build/bench.json``.

``cpu_ratio``: CPU time of Asterisk and controller per call of our flow, divided by Asterisk's per
call of the same job in plain dialplan, in interleaved rounds. ``rate_ratio``: highest rate without
a single wrong number, ours divided by the dialplan's. ``accept_to_invite_ms``: from the agent's
answer (no whisper) to the customer's INVITE. ``free_to_offer_ms``: from the end of an agent's call
to the INVITE of the next offer. ``changes``, ``crowd`` and ``rooms`` are modules of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import changes, crowd, job, rooms
from tests.benchmarks.figures import cpu_seconds, pid_of, spread
from tests.hearing.tones import CUSTOMER, listen
from tests.house import ROOT, TRUNK_ADDRESS, House
from tests.pbx import free_port
from tests.phones import Answer, CallState, Phone
from tests.sipp.numbers import numbers
from tests.sipp.scenes import load
from tests.sipp.site import Place, Site

ON_ONE_HOUSE: Final = ("latency", "cpu", "rate")
OF_THEIR_OWN: Final = {
    "changes": changes.measure,
    "crowd": crowd.measure,
    "rooms": rooms.measure,
}
WHAT: Final = (*ON_ONE_HOUSE, *OF_THEIR_OWN)
OUTPUT: Final = ROOT / "build" / "bench.json"
ROUNDS, CALLS, RATE = 3, 100, 10.0
RATES: Final = (20, 40, 60, 80, 100, 120, 140, 160, 180, 200)
STEP_SECONDS: Final = 8
CALLBACKS: Final = 60


class Bench:
    """The measurements on one running house."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        self._seen: set[str] = set()
        self._run = 0

    async def round(self, number: str, calls: int, rate: float) -> tuple[dict[str, float], int]:
        """Play callers; CPU milliseconds per call and process, and how many numbers were wrong."""
        self._run += 1
        prefix = f"{202 + self._run % 90}555"
        site = self._site(number)
        before = self._cpu_seconds(number)
        checks = await load(site, calls, rate, prefix, within=60 + calls / rate)
        after = self._cpu_seconds(number)
        spent = {name: 1000 * (after[name] - before[name]) / calls for name in after}
        expected = set(numbers(calls, prefix))
        if number == job.FLOW_NUMBER:
            wrong = await job.wrong_by_flow(self.house, self._seen, expected)
        else:
            wrong = await job.wrong_by_dialplan(self.house, expected)
        failed = sum(not check.passed for check in checks)
        return spent, wrong + failed

    def _site(self, number: str) -> Site:
        host, port = self.house.sip_server
        return Site(
            target=Place(host, port),
            did=number,
            caller=Place(TRUNK_ADDRESS, free_port()),
            customer=Place(TRUNK_ADDRESS, free_port()),
            keys=job.KEYS,
            caller_id="",
            agent=None,
            folder=self.folder / str(self._run),
        )

    def _cpu_seconds(self, number: str) -> dict[str, float]:
        pids = {"asterisk": pid_of(self.house.pbx.name)}
        if number == job.FLOW_NUMBER:
            pids["controller"] = self.house.controller_pid
        return {name: cpu_seconds(pid) for name, pid in pids.items()}

    async def cpu(self) -> dict[str, Any]:
        """CPU per call, interleaved."""
        runs: dict[str, list[dict[str, float]]] = {"flow": [], "dialplan": []}
        for _ in range(ROUNDS):
            for name, number in (("dialplan", job.DIALPLAN_NUMBER), ("flow", job.FLOW_NUMBER)):
                spent, wrong = await self.round(number, CALLS, RATE)
                words = ", ".join(f"{process} {ms:.1f}" for process, ms in spent.items())
                print(f"cpu   {name:9} {words} ms/call, {wrong} wrong")
                runs[name].append(spent)
        flow, dialplan = (
            statistics.median(sum(spent.values()) for spent in runs[name])
            for name in ("flow", "dialplan")
        )
        return {"value": flow / dialplan, "ms_per_call": runs}

    async def rate(self) -> dict[str, Any]:
        """Highest rate without an error, interleaved; one that failed is not asked for more."""
        best = {"flow": 0, "dialplan": 0}
        alive = {"dialplan": job.DIALPLAN_NUMBER, "flow": job.FLOW_NUMBER}
        runs = []
        for rate in RATES:
            for name, number in list(alive.items()):
                _, wrong = await self.round(number, rate * STEP_SECONDS, rate)
                print(f"rate  {name:9} {rate:4} calls/s, {wrong} wrong")
                runs.append({"job": name, "rate": rate, "wrong": wrong})
                if wrong:
                    del alive[name]
                else:
                    best[name] = rate
        ratio = best["flow"] / best["dialplan"] if best["dialplan"] else None
        return {"value": ratio, "calls_per_second": best, "runs": runs}

    async def latencies(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Serve waiting callbacks one after the other, as seen by the phones."""
        house = self.house
        strangers = [house.stranger(f"+1202555{7000 + n}") for n in range(CALLBACKS)]
        for stranger in strangers:
            call = stranger.call(job.CALLBACK_NUMBER)
            await call.ended(within=15)
            stranger.will(Answer())
        anna = await house.agent_phone("anna")
        await house.status("anna")
        dials = []
        for _ in range(CALLBACKS):
            agent = await anna.answered(within=30)
            called = await _next_called(house, strangers)
            dials.append(1000 * (called.invite.at - agent.answered_at))
            await house.until(
                lambda agent=agent: CUSTOMER in listen(agent.heard.pcm[-1600:]).heard(),  # type: ignore[misc]
                what="the agent hears the customer",
            )
            called.hang_up()
            await agent.ended(within=10)
        frees = [
            1000 * (following.invite.at - before.ended_at)
            for before, following in zip(anna.calls, anna.calls[1:], strict=False)
            if following.invite is not None
        ]
        return spread(dials), spread(frees)


async def _next_called(house: House, phones: Sequence[Phone]) -> Any:
    """The call that rings at one of these phones now."""
    found: list[Any] = []

    def rings() -> bool:
        found[:] = [
            call
            for phone in phones
            for call in phone.calls
            if call.invite is not None and call.state is not CallState.ENDED
        ]
        return bool(found)

    await house.until(rings, within=30, what="a customer is called")
    return found[0]


async def on_one_house(wanted: Sequence[str], folder: Path) -> dict[str, Any]:
    """What the number-entry flow and plain dialplan cost, and how soon callbacks are served."""
    limits = {
        "IVR_LIMITS__CALLBACKS_PER_MINUTE": "100000",
        "IVR_LIMITS__DIALS_PER_MINUTE": "100000",
    }
    async with House(
        folder,
        change=job.change,
        flows=job.flows(),
        prompts={f"{job.PROMPT}.wav": job.prompt()},
        environment=limits,
        additions=job.ADDITIONS,
    ) as house:
        bench = Bench(house, folder / "sipp")
        result: dict[str, Any] = {}
        if "latency" in wanted:
            accept, free = await bench.latencies()
            print(f"accept to INVITE: p50 {accept['p50']:.1f} ms, p99 {accept['p99']:.1f} ms")
            print(f"free to offer:    p50 {free['p50']:.1f} ms, p99 {free['p99']:.1f} ms")
            result |= {"accept_to_invite_ms": accept, "free_to_offer_ms": free}
        house.trunk.close()
        if "cpu" in wanted:
            result["cpu_ratio"] = await bench.cpu()
            print(f"cpu ratio: {result['cpu_ratio']['value']:.2f}")
        if "rate" in wanted:
            result["rate_ratio"] = await bench.rate()
            print(f"rate ratio: {result['rate_ratio']['value']}")
    return result


async def main(wanted: Sequence[str]) -> None:
    """Measure these things and write them down."""
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="queueback-bench-") as folder:
        if set(wanted) & set(ON_ONE_HOUSE):
            result |= await on_one_house(wanted, Path(folder) / "job")
        for name, measure in OF_THEIR_OWN.items():
            if name in wanted:
                result[name] = await measure(Path(folder) / name)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"written: {OUTPUT.relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("wanted", nargs="*", choices=(*WHAT, []), metavar="|".join(WHAT))
    asyncio.run(main(parser.parse_args().wanted or WHAT))
