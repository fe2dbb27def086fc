"""A real Asterisk in a container, for acceptance tests.

::

    plan = loopback_plan(agents=(...), numbers=(...))
    async with Pbx(plan, tmp_path) as pbx:          # generated, started, fully booted
        ...
        await pbx.kill(); await pbx.start()          # a crash, and the same switch again
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ivr.ports.provisioning import ManagerUser, PbxPlan
from ivr.telephony.provisioning import ConfigFolder

IMAGE: Final = "queueback-asterisk:dev"
STATIC: Final = Path(__file__).resolve().parent.parent / "asterisk-conf"

_WRITABLE: Final = (
    "/var/run/asterisk",
    "/var/spool/asterisk",
    "/var/log/asterisk",
    "/var/cache/asterisk",
)
_RTP_PORTS: Final = 400


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def loopback_plan(**changes: Any) -> PbxPlan:
    """A plan on 127.0.0.1 with free ports and random secrets, changed as told."""
    first = 20000 + 2 * secrets.randbelow(5000)
    plan = PbxPlan(
        sip_port=free_port(socket.SOCK_DGRAM),
        ami_port=free_port(),
        agi_port=free_port(),
        rtp_first_port=first,
        rtp_last_port=first + _RTP_PORTS - 1,
        control_user=ManagerUser(name="ivr", secret=secrets.token_urlsafe(24)),
        provision_user=ManagerUser(name="provision", secret=secrets.token_urlsafe(24)),
        qualify_seconds=2,
    )
    return replace(plan, **changes)


class Pbx:
    """One Asterisk, on the host's network.

    Args:
        plan: Its addresses and accounts; ``provision`` changes it later.
        state: A folder of the test's own, kept over ``kill`` and ``start``.
        static: The static half of the configuration.
    """

    def __init__(self, plan: PbxPlan, state: Path, *, static: Path = STATIC) -> None:
        self.plan = plan
        self.name = f"queueback-test-{secrets.token_hex(4)}"
        self.directory = state / "pbx"
        self._static = static

    @property
    def sounds(self) -> Path:
        """Where rendered prompts belong; the switch sees it as /var/lib/queueback/sounds."""
        return self.directory / "sounds"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Write the generated files, start Asterisk and wait until it has booted."""
        self.provision(self.plan)
        mounts = (f"{self._static}:/etc/asterisk:ro", f"{self.directory}:/var/lib/queueback:ro")
        await _docker(
            "run",
            "--detach",
            *("--name", self.name),
            *("--network", "host"),
            *("--user", "asterisk"),
            "--read-only",
            *("--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges"),
            *(part for path in _WRITABLE for part in ("--tmpfs", f"{path}:uid=101")),
            *("--tmpfs", "/tmp"),
            *(part for mount in mounts for part in ("--volume", mount)),
            IMAGE,
            *("asterisk", "-f", "-n"),
        )
        await self.wait_booted()

    def provision(self, plan: PbxPlan) -> frozenset[str]:
        """Write the generated files of a plan; names of those that changed."""
        self.plan = plan
        for folder in (self.directory, self.sounds):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        return ConfigFolder(self.directory / "conf").write(plan)

    async def wait_booted(self, within_seconds: float = 20) -> None:
        """Return once every module runs.

        Raises:
            RuntimeError: It does not boot; the message carries its log.
        """
        try:
            async with asyncio.timeout(within_seconds):
                while "fully booted" not in (answer := await self._ask_booted()):
                    if "is not running" in answer:
                        break
                else:
                    return
        except TimeoutError:
            answer = f"not within {within_seconds} s"
        message = f"{self.name} does not boot: {answer}\n{await self.logs()}"
        raise RuntimeError(message)

    async def console(self, command: str) -> str:
        """What Asterisk's console answers."""
        return await _docker("exec", self.name, "asterisk", "-rx", command)

    async def logs(self) -> str:
        """Everything Asterisk has logged since its last start."""
        return await _docker("logs", self.name)

    async def kill(self) -> None:
        """End Asterisk at once, as a crash would; ``start`` brings it back."""
        await _docker("kill", "--signal", "KILL", self.name)
        await self.stop()

    async def stop(self) -> None:
        """End Asterisk and forget the container; no error if there is none."""
        await _docker("rm", "--force", "--volumes", self.name, check=False)

    async def _ask_booted(self) -> str:
        command = ("asterisk", "-rx", "core waitfullybooted")
        return await _docker("exec", self.name, *command, check=False)


async def _docker(*arguments: str, check: bool = True) -> str:
    """Run the docker client; its output and errors in one text.

    Raises:
        RuntimeError: It failed, unless ``check`` is off.
    """
    process = await asyncio.create_subprocess_exec(
        "docker",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode(errors="replace")
    if check and process.returncode:
        message = f"docker {' '.join(arguments)}: {text}"
        raise RuntimeError(message)
    return text
