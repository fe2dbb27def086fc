"""The command line on real parts: files, database, switch files, and a controller over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from pydantic import SecretStr

from ivr import bootstrap
from ivr.api.app import create_app
from ivr.bootstrap.clock import SystemClock
from ivr.domain.ids import ContactId
from ivr.settings import AgiSettings, AmiSettings, Settings
from ivr.testing.fake_speech import FakeSpeech
from tests.centre import SAMPLE_SITE, Centre, running_centre, write_site
from tests.command_line import TOKEN, Outcome, run, some_settings
from tests.pbx import free_port

pytestmark = pytest.mark.integration

SECRETS = ("control-secret", "provision-secret", TOKEN)
SPEED = 100.0
UP_WITHIN_SECONDS = 60.0


# --- without a controller -----------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation in which nothing runs."""
    settings = some_settings(tmp_path, port=free_port())
    ami = settings.ami.model_copy(update={"port": free_port()})
    return settings.model_copy(update={"ami": ami, "agi": AgiSettings(port=free_port())})


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> FakeSpeech:
    """Speech that renders nothing, in place of the installed engines and the shipped sounds."""
    speech = FakeSpeech()

    @contextlib.asynccontextmanager
    async def fake(_: Settings) -> AsyncIterator[FakeSpeech]:
        yield speech

    monkeypatch.setattr(bootstrap, "_speech", fake)
    monkeypatch.setattr(bootstrap, "install_system_sounds", lambda _: ())
    return speech


@pytest.mark.usefixtures("silent")
def test_a_newcomer_gets_from_the_sample_to_a_live_site(tmp_path: Path, settings: Settings) -> None:
    site = tmp_path / "site"

    sampled = run("sample", str(site))
    applied = run("apply", str(site), settings=settings)
    phones = run("phone", "list", "--json", settings=settings)

    assert (sampled.code, applied.code, phones.code) == (0, 0, 0)
    assert applied.lines[0] == "Sample contact centre: live"
    assert "`ivr run`" in applied.output
    assert {each["endpoint"]: each["kind"] for each in phones.data} == {
        "agent-anna": "agent",
        "agent-ben": "agent",
        "caller-carol": "caller",
    }
    assert len({each["secret"] for each in phones.data}) == 3
    conf = settings.pbx_dir / "conf"
    written = "\n".join(path.read_text("utf-8") for path in conf.iterdir())
    assert "agent-anna" in written
    for secret in SECRETS:
        assert secret not in sampled.output + applied.output + applied.errors


def test_provision_works_without_a_site_and_settles(settings: Settings) -> None:
    first = run("provision", "--json", settings=settings)
    second = run("provision", "--json", settings=settings)

    assert first.code == second.code == 0
    conf = {path.name for path in (settings.pbx_dir / "conf").iterdir()}
    assert conf
    assert conf < set(first.data["changed"])
    assert second.data == {"changed": []}
    for path in (settings.pbx_dir / "conf").iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o002


@pytest.mark.usefixtures("silent")
def test_a_refused_site_leaves_everything_as_it_was(tmp_path: Path, settings: Settings) -> None:
    def break_it(data: dict[str, Any]) -> None:
        data["queues"][0]["hours"] = "Never"
        data["agents"][1]["routing_profile"] = "None"

    run("apply", str(SAMPLE_SITE), settings=settings)
    before = snapshot(settings)
    broken = write_site(tmp_path / "broken", change=break_it)

    done = run("apply", str(broken), settings=settings)

    assert (done.code, done.output) == (1, "")
    assert done.errors.splitlines() == [
        "site.yaml: queues[0].hours: there is no hours 'Never'",
        "site.yaml: agents[1].routing_profile: there is no profile 'None'",
    ]
    assert snapshot(settings) == before


@pytest.mark.parametrize(
    ("trunk", "says"),
    [
        ({"identify": ["carrier.example"]}, "trunks[0].identify[0]"),
        ({"identify": ["300.0.0.1"]}, "not an IPv4 address or network"),
        ({"host": "-"}, "not a host name"),
        ({"username": "us"}, "IVR_TRUNK_SECRETS"),
        ({"name": "Nine and ninety carriers of the whole wide world"}, "letters, digits"),
    ],
)
@pytest.mark.usefixtures("silent")
def test_what_the_switch_cannot_carry_is_refused_before_anything_is_written(
    tmp_path: Path, settings: Settings, trunk: dict[str, Any], says: str
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["trunks"][0].update(trunk)

    run("apply", str(SAMPLE_SITE), settings=settings)
    before = snapshot(settings)

    done = run("apply", str(write_site(tmp_path / "broken", change=change)), settings=settings)

    assert (done.code, done.output) == (1, "")
    assert says in done.errors
    assert snapshot(settings) == before


@pytest.mark.usefixtures("silent")
def test_an_exported_site_is_applied_without_a_change(tmp_path: Path, settings: Settings) -> None:
    run("apply", str(SAMPLE_SITE), settings=settings)
    before = snapshot(settings)
    target = tmp_path / "export"

    exported = run("export", str(target), "--json", settings=settings)
    again = run("apply", str(target), "--prune", settings=settings)

    assert (exported.code, again.code) == (0, 0)
    assert set(exported.data["files"]) == {
        str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()
    }
    assert snapshot(settings)["files"] == before["files"]
    assert sites_of(snapshot(settings)["exported"]) == sites_of(before["exported"])


@pytest.mark.usefixtures("silent")
def test_prune_removes_what_the_folder_does_not_have(tmp_path: Path, settings: Settings) -> None:
    def without_ben(data: dict[str, Any]) -> None:
        del data["agents"][1]
        del data["routing_profiles"][1]
        data["quick_connects"] = [each for each in data["quick_connects"] if each["name"] != "Ben"]
        for queue in data["queues"]:
            queue["quick_connects"].remove("ben")

    run("apply", str(SAMPLE_SITE), settings=settings)
    folder = str(write_site(tmp_path / "smaller", change=without_ben))

    run("apply", folder, settings=settings)
    kept = run("phone", "list", "--json", settings=settings).data
    run("apply", folder, "--prune", settings=settings)
    pruned = run("phone", "list", "--json", settings=settings).data

    assert [each["name"] for each in kept] == ["Anna", "Ben", "Carol"]
    assert [each["name"] for each in pruned] == ["Anna", "Carol"]


@pytest.mark.parametrize("command", [("export", "out"), ("phone", "list")])
def test_before_the_first_site_commands_say_what_to_do(
    tmp_path: Path, settings: Settings, command: tuple[str, ...]
) -> None:
    arguments = [str(tmp_path / each) if each == "out" else each for each in command]

    done = run(*arguments, settings=settings)

    assert (done.code, done.output) == (1, "")
    assert "ivr apply" in done.errors
    assert not (tmp_path / "out").exists()


def test_a_database_that_cannot_be_opened_is_a_line(settings: Settings) -> None:
    (settings.state_dir / "queueback.db").write_bytes(b"no database" * 100)

    done = run("phone", "list", settings=settings)

    assert (done.code, done.output) == (1, "")
    assert "database" in done.errors
    assert len(done.errors.splitlines()) == 1


def test_g3_doctor_names_what_does_not_run(settings: Settings) -> None:
    done = run("doctor", "--json", settings=settings)

    levels = {each["subject"]: each["level"] for each in done.data["findings"]}
    assert done.code == (0 if done.data["ok"] else 1)
    assert levels["database"] == "ok"
    assert levels["site"] == "warning"
    assert set(levels.values()) <= {"ok", "warning", "fault"}
    for secret in SECRETS:
        assert secret not in done.output


def snapshot(settings: Settings) -> dict[str, Any]:
    """Everything that applying writes: the switch's files, and the site as it is exported."""
    folder = settings.state_dir / "snapshot"
    run("export", str(folder), settings=settings)
    return {
        "files": {path.name: path.read_bytes() for path in (settings.pbx_dir / "conf").iterdir()},
        "exported": {
            str(path.relative_to(folder)): path.read_text("utf-8")
            for path in folder.rglob("*")
            if path.is_file()
        },
    }


def sites_of(exported: dict[str, str]) -> Any:
    return {
        name: yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
        for name, text in exported.items()
    }


# --- with a controller --------------------------------------------------------------------------


class LiveController:
    """A controller in a thread: real service floor, store and HTTP; switch and speech in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._up = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="controller")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.callback_id = ContactId("")
        self.settings = some_settings(folder, port=self._listener.getsockname()[1])

    def __enter__(self) -> LiveController:
        self._thread.start()
        self._up.wait(UP_WITHIN_SECONDS)
        assert self._failure is None, self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(UP_WITHIN_SECONDS)
        assert not self._thread.is_alive()
        assert self._failure is None, self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            self._up.set()
            raise

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with running_centre(SystemClock(SPEED), self._folder / "centre") as centre:

            async def reload() -> None:
                centre.world.site.replace(replace(centre.world.site.now, name="Taken over"))

            app = create_app(centre.world, centre.centre, SecretStr(TOKEN), reload_site=reload)
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", ws="none"
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[self._listener]), name="http")
            await self._somebody_asks_for_a_callback(centre)
            self._up.set()
            await self._stop.wait()
            server.should_exit = True
            await serving

    async def _somebody_asks_for_a_callback(self, centre: Centre) -> None:
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()
        self.callback_id = contact.id
        await centre.until(lambda: _is_queued(centre))

    def ivr(self, *arguments: str) -> Outcome:
        return run(*arguments, settings=self.settings)


async def _is_queued(centre: Centre) -> bool:
    return any(figures.callbacks for figures in await centre.store.queue_figures())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveController]:
    """A controller with one callback that waits."""
    with LiveController(tmp_path_factory.mktemp("live")) as controller:
        yield controller


def test_queue_list_shows_the_waiting_callback(live: LiveController) -> None:
    done = live.ivr("queue", "list")
    queues = {each["id"]: each for each in live.ivr("queue", "list", "--json").data}

    assert done.code == 0
    assert queues["callbacks"]["callbacks"] == 1
    assert any(line.startswith("Callbacks 0 1 0 ") for line in done.lines)


def test_callback_list_shows_place_and_masked_number(live: LiveController) -> None:
    done = live.ivr("callback", "list")

    (row,) = live.ivr("callback", "list", "--json").data
    assert (row["id"], row["place"], row["number"]) == (live.callback_id, 1, "+1••••••••99")
    assert f"{live.callback_id} +1••••••••99 Callbacks 1 queued 0 of 3" in done.lines[1]


def test_a_status_is_chosen_and_listed(live: LiveController) -> None:
    chosen = live.ivr("agent", "status", "Ben", "lunch")
    listed = {each["id"]: each for each in live.ivr("agent", "list", "--json").data}

    assert (chosen.code, chosen.lines) == (0, ["Ben: Lunch"])
    assert (listed["ben"]["status"], listed["anna"]["status"]) == ("Lunch", "Offline")
    assert live.ivr("agent", "list").code == 0


def test_an_unknown_status_is_refused_with_those_there_are(live: LiveController) -> None:
    done = live.ivr("agent", "status", "ben", "Asleep")

    assert (done.code, done.output) == (1, "")
    assert "Available" in done.errors
    assert "Lunch" in done.errors


def test_f4_contacts_are_listed_and_shown_in_words(live: LiveController) -> None:
    listed = live.ivr("contact", "list", "--json").data
    (call,) = [each for each in listed if each["initiation"] == "INBOUND"]
    call_shown = live.ivr("contact", "show", call["id"])
    callback_shown = live.ivr("contact", "show", live.callback_id)
    record = live.ivr("contact", "show", live.callback_id, "--json").data["record"]

    assert live.ivr("contact", "list", "--limit", "1").code == 0
    assert record["InitiationMethod"] == "CALLBACK"
    words = " ".join(call_shown.lines)
    assert "the contact began with the flow Local entry" in words
    assert f"a callback to +1••••••••99 was made: {live.callback_id}" in words
    assert "Calls back +1••••••••99" in callback_shown.lines
    assert f"asked for in contact {call['id']}, for the queue Callbacks" in " ".join(
        callback_shown.lines
    )
    for shown in (call_shown, callback_shown):
        assert "2025550199" not in shown.output
        assert TOKEN not in shown.output


def test_what_is_not_there_is_refused(live: LiveController) -> None:
    for command in (("contact", "show"), ("callback", "stop")):
        done = live.ivr(*command, "nothing")
        assert (done.code, done.output) == (1, "")
        assert "'nothing'" in done.errors


def test_another_state_directory_is_refused(live: LiveController) -> None:
    api = live.settings.api.model_copy(update={"token": SecretStr("another-token")})

    done = run("queue", "list", settings=live.settings.model_copy(update={"api": api}))

    assert done.code == 1
    assert "IVR_STATE_DIR" in done.errors


@pytest.mark.usefixtures("silent")
def test_apply_tells_a_running_controller(live: LiveController) -> None:
    ami = AmiSettings(
        port=free_port(), secret=SecretStr(SECRETS[0]), provision_secret=SecretStr(SECRETS[1])
    )
    settings = live.settings.model_copy(update={"ami": ami})

    done = run("apply", str(SAMPLE_SITE), "--json", settings=settings)

    assert done.code == 0
    assert done.data["told_controller"] is True
    assert done.data["reloaded_switch"] is False


def test_b9_a_callback_is_stopped_once(live: LiveController) -> None:
    """Last of the tests that share the controller: nothing waits after it."""
    first = live.ivr("callback", "stop", live.callback_id)
    second = live.ivr("callback", "stop", live.callback_id)

    assert (first.code, first.lines) == (0, [f"{live.callback_id}: stopped"])
    assert (second.code, second.output) == (1, "")
    assert live.ivr("callback", "list", "--json").data == []


# --- as a program -------------------------------------------------------------------------------


def test_run_serves_without_a_switch_and_stops_on_a_signal(tmp_path: Path) -> None:
    api_port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
        "IVR_STATE_DIR": str(tmp_path / "state"),
        "IVR_API__PORT": str(api_port),
        "IVR_AMI__PORT": str(free_port()),
        "IVR_AGI__PORT": str(free_port()),
    }

    def ivr(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ivr", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=UP_WITHIN_SECONDS,
        )

    before = ivr("queue", "list", "--json")
    with (tmp_path / "log").open("wb") as log:
        controller = subprocess.Popen(
            [sys.executable, "-m", "ivr", "run"], env=environment, cwd=tmp_path, stderr=log
        )
        try:
            _wait_for(api_port)
            during = ivr("callback", "list", "--json")
            controller.send_signal(signal.SIGTERM)
            code = controller.wait(UP_WITHIN_SECONDS)
        finally:
            controller.kill()
            controller.wait()

    assert (before.returncode, before.stdout) == (3, "")
    assert before.stderr == (
        f"no controller answers at 127.0.0.1:{api_port}; start it with `ivr run`\n"
    )
    assert (during.returncode, during.stdout) == (0, "[]\n")
    assert code == 0
    for line in (tmp_path / "log").read_text("utf-8").splitlines():
        assert json.loads(line)["level"]


def _wait_for(port: int) -> None:
    """Return when something listens on a port of this machine."""
    never = threading.Event()
    for _ in range(int(UP_WITHIN_SECONDS / 0.1)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        never.wait(0.1)
    message = f"nobody listens on port {port}"
    raise AssertionError(message)
