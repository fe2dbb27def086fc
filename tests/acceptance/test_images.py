"""The switch's image: what is in it, and how little its process may do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.pbx import Pbx, loopback_plan

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).resolve().parents[2]
OLDEST_ASTERISK = (22, 10)
SAMPLES_IN_A_GSM_FRAME, BYTES_IN_A_GSM_FRAME = 160, 33


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    async with Pbx(loopback_plan(), tmp_path_factory.mktemp("state")) as running:
        yield running


def docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=30, check=False
    )


def inside(pbx: Pbx, script: str, user: str = "asterisk") -> subprocess.CompletedProcess[str]:
    return docker("exec", "--user", user, pbx.name, "sh", "-euc", script)


def sizes(pbx: Pbx, pattern: str) -> dict[str, int]:
    listed = inside(pbx, f"stat -c '%n %s' {pattern}").stdout.splitlines()
    return {Path(name).stem: int(size) for name, size in (line.split() for line in listed)}


async def test_asterisk_is_new_enough(pbx: Pbx) -> None:
    answer = await pbx.console("core show version")

    version = re.match(r"Asterisk (\d+)\.(\d+)", answer)
    assert version is not None, answer
    assert (int(version[1]), int(version[2])) >= OLDEST_ASTERISK


async def test_its_process_has_no_rights(pbx: Pbx) -> None:
    text = inside(pbx, "cat /proc/1/status; id -u asterisk").stdout
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    asterisk = text.splitlines()[-1]

    assert status["Name"] == "asterisk"
    assert set(status["Uid"].split()) == {asterisk}
    assert asterisk != "0"
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize(
    "path", ["/new", "/usr/sbin/new", "/etc/asterisk/new", "/var/lib/queueback/new"]
)
async def test_not_even_root_changes_program_or_configuration(pbx: Pbx, path: str) -> None:
    refused = inside(pbx, f"touch {path}", user="root")

    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


async def test_all_music_is_there_without_a_need_to_transcode(pbx: Pbx) -> None:
    original = sizes(pbx, "/usr/share/asterisk/moh/*.gsm")
    converted = sizes(pbx, "/usr/share/asterisk/moh-ulaw/*.ulaw")

    assert original
    assert converted == {
        name: size // BYTES_IN_A_GSM_FRAME * SAMPLES_IN_A_GSM_FRAME
        for name, size in original.items()
    }


async def test_compose_confines_the_switch_as_tested_here(pbx: Pbx) -> None:
    service = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())["services"]["asterisk"]
    (found,) = json.loads(docker("inspect", pbx.name).stdout)
    host: dict[str, Any] = found["HostConfig"]

    assert service["image"] == found["Config"]["Image"]
    assert service["user"] == found["Config"]["User"]
    assert service["command"] == found["Config"]["Cmd"]
    assert service["network_mode"] == host["NetworkMode"]
    assert service["read_only"] is host["ReadonlyRootfs"] is True
    assert service["cap_drop"] == host["CapDrop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert set(service["tmpfs"]) == {
        f"{path}:{options}" if options else path for path, options in host["Tmpfs"].items()
    }
    targets = {"/etc/asterisk", "/var/lib/queueback"}
    assert {mount.split(":")[-2] for mount in service["volumes"]} == targets
    assert all(mount.endswith(":ro") for mount in service["volumes"])
    assert {bind.split(":")[-2] for bind in host["Binds"]} == targets
    assert all(bind.endswith(":ro") for bind in host["Binds"])
