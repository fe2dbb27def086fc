"""A whole installation on loopback: a real Asterisk, a real controller process, real SIP phones.

::

    async with House(tmp_path) as house:
        caller = house.stranger("+12025550160")       # comes in over the trunk
        call = caller.call(LOCAL)
        await call.answered(within=5)
        await house.status("anna", "Available")

The site is the shipped sample, changed as a test wants it. Everything listens on free ports of
127.0.0.x; the controller is a process of its own, so that it can be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from ivr.bootstrap.provisioning import Phone as Account
from ivr.bootstrap.provisioning import plan_of
from ivr.settings import Settings
from tests.centre import SAMPLE_SITE, Change, write_site
from tests.hearing.tones import SILENCE, listen
from tests.pbx import STATIC, Pbx, free_port
from tests.phones import Line, Phone, Sound, Stack, tone

ROOT: Final = Path(__file__).resolve().parents[1]
SOUND_CACHE: Final = ROOT / "build" / "test-sounds"
"""Rendered prompts of earlier runs: names are by content, so an old one is never wrong."""
BYTECODE: Final = ROOT / "build" / "bytecode"
"""Compiled modules, so that the controller starts as fast as an installed one."""
TRUNK_ADDRESS: Final = "127.0.0.2"
LOCAL, INTERNATIONAL = "+12025550100", "+12025550101"
UP_WITHIN: Final = 60.0
CALLER_HERTZ, CUSTOMER_HERTZ, ANNA_HERTZ, BEN_HERTZ = 1300, 700, 1100, 1500

__all__ = ["INTERNATIONAL", "LOCAL", "SAMPLE_SITE", "House"]


class House:
    """The installation; use it as a context manager.

    Args:
        folder: A folder of the test's own; holds site and state.
        change: Changes the content of ``site.yaml`` before it is applied.
        flows: Flow files to be replaced or added, by file name.
        prompts: Recordings of the site, by file name.
        music: A file that is all the music on hold there is.
        environment: Further settings of the controller.
        additions: Text added to files of the switch's static configuration, by file name.
    """

    def __init__(
        self,
        folder: Path,
        *,
        change: Change | None = None,
        flows: Mapping[str, str] | None = None,
        prompts: Mapping[str, bytes] | None = None,
        music: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        additions: Mapping[str, str] | None = None,
    ) -> None:
        self.state = folder / "state"
        self.site = folder / "site"
        self.log_path = folder / "controller.log"
        self.trunk = Line(TRUNK_ADDRESS, 0)
        self._change, self._flows = change, flows
        self._prompts, self._music = prompts or {}, music
        self._environment = dict(environment or {})
        self._additions = additions or {}
        self._controller: asyncio.subprocess.Process | None = None
        self._phones: list[Phone] = []
        self._handsets: list[Any] = []
        self._client: httpx.AsyncClient | None = None
        self.accounts: dict[str, Account] = {}
        self._ports = {
            "IVR_AMI__PORT": free_port(),
            "IVR_AGI__PORT": free_port(),
            "IVR_API__PORT": free_port(),
            "IVR_PBX__SIP_PORT": free_port(socket.SOCK_DGRAM),
        }

    # --- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._tear_down()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tear_down()

    async def _build(self) -> None:
        write_site(self.site, change=self._with_our_trunk, flows=self._flows)
        if self._prompts:
            (self.site / "prompts").mkdir()
            for name, content in self._prompts.items():
                (self.site / "prompts" / name).write_bytes(content)
        self.state.mkdir(mode=0o700, parents=True)
        self._borrow_sounds()
        await self.ivr("apply", str(self.site))
        self._lend_sounds()
        if self._music is not None:
            music = self.state / "pbx" / "music"
            music.mkdir()
            (music / "music.ulaw").write_bytes(self._music)
        settings = self.settings()
        static = STATIC
        if self._additions:
            static = self.state / "asterisk-conf"
            shutil.copytree(STATIC, static)
            for name, text in self._additions.items():
                with (static / name).open("a", encoding="utf-8") as file:
                    file.write(text)
        self.pbx = Pbx(plan_of(settings, await _site(settings)), self.state, static=static)
        _, listed = await asyncio.gather(
            self._start_everything(), self.ivr("phone", "list", "--json")
        )
        self.accounts = {each["endpoint"]: each for each in json.loads(listed)}

    async def _start_everything(self) -> None:
        await self.pbx.start()
        await self.start_controller()

    async def _tear_down(self) -> None:
        for handset in self._handsets:
            await handset.close()
        if self._client is not None:
            await self._client.aclose()
        await self.stop_controller()
        if hasattr(self, "pbx"):
            await self.pbx.stop()
        self.trunk.close()

    def _with_our_trunk(self, data: dict[str, Any]) -> None:
        data["trunks"][0] |= {
            "host": TRUNK_ADDRESS,
            "port": self.trunk.port,
            "identify": [TRUNK_ADDRESS],
        }
        if self._change is not None:
            self._change(data)

    def _borrow_sounds(self) -> None:
        target = self.state / "pbx" / "sounds"
        if SOUND_CACHE.is_dir():
            shutil.copytree(SOUND_CACHE, target)

    def _lend_sounds(self) -> None:
        rendered = self.state / "pbx" / "sounds"
        for folder in rendered.iterdir():
            if folder.name != "recorded":
                shutil.copytree(folder, SOUND_CACHE / folder.name, dirs_exist_ok=True)

    # --- the controller -------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The controller's environment: ours alone, whatever the machine's says."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("IVR_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        rtp = 20000 + (self._ports["IVR_PBX__SIP_PORT"] % 50) * 400
        return {
            **kept,
            **{name: str(port) for name, port in self._ports.items()},
            "PYTHONPYCACHEPREFIX": str(BYTECODE),
            "IVR_STATE_DIR": str(self.state),
            "IVR_PBX__RTP_FIRST_PORT": str(rtp),
            "IVR_PBX__RTP_LAST_PORT": str(rtp + 399),
            "IVR_PBX__QUALIFY_SECONDS": "2",
            **({"IVR_PBX__MUSIC_DIRECTORY": "/var/lib/queueback/music"} if self._music else {}),
            **self._environment,
        }

    def settings(self) -> Settings:
        """The controller's settings as it reads them."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            from ivr.settings import load_settings

            return load_settings()
        finally:
            os.environ.clear()
            os.environ.update(before)

    async def ivr(self, *arguments: str) -> str:
        """Run a command to its end; what it printed.

        Raises:
            AssertionError: It failed; carries what it said.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", *arguments),
            env=self.environment,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, f"ivr {arguments}: {errors.decode()[-2000:]}"
        return output.decode()

    async def start_controller(self, **environment: str) -> None:
        """Start it and wait until it has compared itself with the switch."""
        with self.log_path.open("ab") as log:
            position = log.tell()
            self._controller = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr", "run"),
                env={**self.environment, **environment},
                cwd=ROOT,
                stderr=log,
            )
        await self.logged("switch_compared", after=position)

    async def logged(self, event: str, *, after: int = 0, within: float = UP_WITHIN) -> None:
        """Wait until the controller has logged an event."""
        wanted = f'"event": "{event}"'

        def seen() -> bool:
            with self.log_path.open("rb") as log:
                log.seek(after)
                return wanted in log.read().decode(errors="replace")

        await self.until(seen, within=within, what=f"the controller logs {event}")

    async def kill_controller(self) -> None:
        """End it at once, as a crash would."""
        if self._controller is not None and self._controller.returncode is None:
            self._controller.send_signal(signal.SIGKILL)
            await self._controller.wait()

    async def controller_died(self, within: float = 30) -> int:
        """Wait for its end (a failpoint); its exit code."""
        assert self._controller is not None
        async with asyncio.timeout(within):
            return await self._controller.wait()

    async def stop_controller(self) -> None:
        """Have it stop cleanly."""
        if self._controller is None or self._controller.returncode is not None:
            return
        self._controller.terminate()
        try:
            async with asyncio.timeout(10):
                await self._controller.wait()
        except TimeoutError:
            self._controller.kill()
            await self._controller.wait()

    @property
    def has_controller(self) -> bool:
        """Whether it runs."""
        return self._controller is not None and self._controller.returncode is None

    @property
    def controller_pid(self) -> int:
        """Its process id."""
        assert self._controller is not None
        return self._controller.pid

    def log(self) -> str:
        """Everything the controller has logged."""
        return self.log_path.read_text("utf-8", errors="replace")

    # --- the API --------------------------------------------------------------------------------

    async def get(self, path: str) -> Any:
        """What the API answers."""
        return await self._ask("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        """What the API answers to a command."""
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        if self._client is None:
            self._client = self._new_client()
        answer = await self._client.request(method, f"/v1{path}", json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def _new_client(self) -> httpx.AsyncClient:
        """A client that outlives the controller: each request has a connection of its own."""
        token = self.settings().api.token
        assert token is not None
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._ports['IVR_API__PORT']}",
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            timeout=30,
        )

    async def status(self, agent: str, status: str = "Available") -> None:
        """Choose an agent's status."""
        await self.post(f"/agents/{agent}/status", {"status": status})

    async def agent(self, agent: str) -> Any:
        """An agent's row."""
        return next(each for each in await self.get("/agents") if each["id"] == agent)

    async def agent_is(self, agent: str, activity: str, within: float = 15) -> None:
        """Wait until an agent's activity is this."""

        async def so() -> bool:
            return bool((await self.agent(agent))["activity"] == activity)

        await self.until(so, within=within, what=f"{agent} is {activity}")

    async def callbacks(self) -> list[Any]:
        """Open callbacks."""
        return list(await self.get("/callbacks"))

    async def contacts(self) -> list[Any]:
        """Every contact, oldest first."""
        return list(reversed(await self.get("/contacts?limit=1000")))

    async def contact(self, contact_id: str) -> Any:
        """A contact's record and journal."""
        return await self.get(f"/contacts/{contact_id}")

    async def callback_ids(self) -> list[str]:
        """Contacts that are callbacks, oldest first."""
        return [c["id"] for c in await self.contacts() if c["initiation"] == "CALLBACK"]

    async def state_is(self, contact_id: str, state: str, within: float = 15) -> None:
        """Wait until a contact is in this state."""

        async def so() -> bool:
            return bool((await self.contact(contact_id))["record"]["ivr"]["State"] == state)

        await self.until(so, within=within, what=f"contact is {state}")

    async def until(
        self,
        so: Callable[[], bool | Awaitable[bool]],
        *,
        within: float = 15,
        what: str = "the condition holds",
    ) -> None:
        """Poll with a deadline until a condition holds."""
        never = asyncio.Event()
        deadline = asyncio.get_running_loop().time() + within
        while True:
            value = so()
            if not isinstance(value, bool):
                value = await value
            if value:
                return
            assert asyncio.get_running_loop().time() < deadline, (
                f"not within {within} s: {what}\n{self.log()[-3000:]}"
            )
            try:
                async with asyncio.timeout(0.05):
                    await never.wait()
            except TimeoutError:
                continue

    async def at(self, call: Any, action: str, *, within: float = 20) -> None:
        """Wait until a caller's flow has come to an action and the caller hears it."""
        last = call.caller[-2:]

        async def there() -> bool:
            found = [
                c["id"]
                for c in await self.contacts()
                if c["initiation"] == "INBOUND" and (c["customer"] or "").endswith(last)
            ]
            if not found:
                return False
            journal = (await self.contact(found[-1]))["journal"]
            moves = [e["detail"]["to"] for e in journal if e["kind"] == "flow_moved"]
            return bool(moves) and moves[-1] == action

        await self.until(there, within=within, what=f"the flow comes to {action!r}")
        heard = len(call.heard)
        await self.until(lambda: len(call.heard) > heard + 5, what="the caller hears it")

    async def asks_for_callback(
        self, phone: Any, number: str, *, dialled: str = LOCAL, listens: bool = False
    ) -> Any:
        """Have a caller key a number in the sample's entry flow, and hang up at its end.

        Args:
            phone: The caller's; its number is dialable, so that it is offered first.
            number: What is keyed, without the final ``#``.
            dialled: Which entry flow.
            listens: Hear the number read back to its end before it is confirmed.
        """
        call = await self.calls(phone, dialled)
        for action, keys in (
            ("Greeting", "1"),
            ("Offer own number", "2"),
            ("Enter number", f"{number}#"),
            ("Right number?", "1"),
        ):
            await self.at(call, action)
            if listens and action == "Right number?":
                await self._hears_to_the_end(call)
            await call.press(keys)
        await call.ended(within=30)
        return call

    async def _hears_to_the_end(self, call: Any) -> None:
        """Wait until what is being said is over: half a second of silence."""
        await self.until(lambda: bool(listen(call.heard.pcm[-4000:]).heard() <= {SILENCE}))

    async def calls(self, phone: Any, dialled: str = LOCAL) -> Any:
        """Have a phone call the site; the answered call."""
        call = phone.call(dialled)
        call.caller = phone.number
        await call.answered(within=30)
        return call

    # --- phones ---------------------------------------------------------------------------------

    @property
    def sip_server(self) -> tuple[str, int]:
        """Where phones register and call."""
        return "127.0.0.1", self._ports["IVR_PBX__SIP_PORT"]

    def _keep(self, phone: Any) -> Any:
        self._handsets.append(phone)
        return phone

    def stranger(self, number: str, *, says: Sound | None = None) -> Phone:
        """Somebody on the telephone network: calls in over the trunk, and is dialled there."""
        phone: Phone = self._keep(
            Phone(
                f"stranger {number}",
                number=number,
                line=self.trunk,
                server=self.sip_server,
                says=says or tone(CUSTOMER_HERTZ),
            )
        )
        return phone

    def hang_up_all(self) -> None:
        """Have everybody hang up."""
        for phone in self._handsets:
            for call in phone.calls:
                call.hang_up()

    async def account(self, endpoint: str, *, says: Sound | None = None) -> Phone:
        """A phone of our own that is logged in with an account of the site."""
        account: Any = self.accounts[endpoint]
        phone: Phone = self._keep(
            Phone(
                endpoint,
                number=endpoint,
                secret=account["secret"],
                server=self.sip_server,
                says=says or tone(ANNA_HERTZ if endpoint == "agent-anna" else BEN_HERTZ),
            )
        )
        await phone.register()
        return phone

    async def agent_phone(self, agent: str, *, says: Sound | None = None) -> Phone:
        """An agent's phone, logged in; returns when the controller knows that it is there."""
        phone = await self.account(f"agent-{agent}", says=says)

        async def registered() -> bool:
            return bool((await self.agent(agent))["phone"] == "registered")

        await self.until(registered, what=f"{agent}'s phone is registered")
        return phone


async def _site(settings: Settings) -> Any:
    from ivr.service.publishing import load_site
    from ivr.store.sql_store import SqlStore

    store = SqlStore(settings.store_url)
    await store.open()
    try:
        return await load_site(store)
    finally:
        await store.close()


_ = Stack
