"""Commands that need no running controller: what they hand on, print, and answer when refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ivr import bootstrap
from ivr.bootstrap import Applied, Phone
from ivr.cli import ivr as root
from ivr.cli.environment import read_settings
from ivr.cli.failures import BadUsage
from ivr.cli.output import duration
from ivr.domain.errors import InvalidSite, NotFound, StoreError
from ivr.domain.monitor import MonitorVerb
from ivr.domain.transfer import Verb
from ivr.settings import Settings
from tests.centre import SAMPLE_SITE
from tests.command_line import run, some_settings

pytestmark = pytest.mark.integration

SAMPLE_FILES = sorted(
    str(path.relative_to(SAMPLE_SITE)) for path in SAMPLE_SITE.rglob("*") if path.is_file()
)


@dataclass
class Finding:
    level: str
    subject: str
    message: str


class Wired:
    """Stands in for the composition root; records what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        for name, answer in answers.items():
            monkeypatch.setattr(bootstrap, name, self._stand_in(name, answer), raising=False)

    def _stand_in(self, name: str, answer: Any) -> Any:
        async def ask(settings: Settings, *arguments: Any, **options: Any) -> Any:
            self.asked.append((name, *arguments, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


APPLIED = Applied(
    site_name="Sample", warnings=("a: odd",), told_controller=True, reloaded_switch=True
)


# --- apply and export ---------------------------------------------------------------------------


def test_apply_says_what_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = Wired(monkeypatch, apply=APPLIED)

    done = run("apply", str(tmp_path), settings=some_settings(tmp_path))

    assert (done.code, done.lines) == (0, ["Sample: live"])
    assert done.errors == "warning: a: odd\n"
    assert wired.asked == [("apply", tmp_path, {"prune": False})]


def test_apply_says_who_does_not_know_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Applied(site_name="Sample", warnings=(), told_controller=False, reloaded_switch=False)
    wired = Wired(monkeypatch, apply=alone)

    done = run("apply", str(tmp_path), "--prune", settings=some_settings(tmp_path))

    assert done.code == 0
    assert "`ivr run`" in done.lines[1]
    assert "switch" in done.lines[2]
    assert wired.asked == [("apply", tmp_path, {"prune": True})]


def test_apply_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Wired(monkeypatch, apply=APPLIED)

    done = run("apply", str(tmp_path), "--json", settings=some_settings(tmp_path))

    assert (done.code, done.errors) == (0, "")
    assert done.data == {
        "site": "Sample",
        "warnings": ["a: odd"],
        "told_controller": True,
        "reloaded_switch": True,
    }


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_refused_site_is_one_line_for_each_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    faults = ("site.yaml: queues[0].hours: there is no hours 'X'", "flows/a.json: no\x1b JSON")
    Wired(monkeypatch, apply=InvalidSite(faults))

    done = run("apply", str(tmp_path), *more, settings=some_settings(tmp_path))

    assert (done.code, done.output) == (1, "")
    assert done.errors.splitlines() == [faults[0], "flows/a.json: no\ufffd JSON"]


def test_export_lists_what_it_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = Wired(monkeypatch, export=("site.yaml", "flows/a.json"))
    target = tmp_path / "out"

    done = run("export", str(target), settings=some_settings(tmp_path))
    as_json = run("export", str(target), "--json", settings=some_settings(tmp_path))

    assert done.output == f"{target}/site.yaml\n{target}/flows/a.json\n"
    assert as_json.data == {"folder": str(target), "files": ["site.yaml", "flows/a.json"]}
    assert wired.asked[0] == ("export", target, {})


@pytest.mark.parametrize(
    ("command", "name", "error", "says"),
    [
        (("export", "x"), "export", NotFound("no site has been applied"), "no site has been"),
        (("provision",), "provision", StoreError("the database is gone"), "the database is gone"),
        (("phone", "list"), "phones", NotFound("no site has been applied"), "no site has been"),
        (("doctor",), "doctor", StoreError("the database is gone"), "the database is gone"),
    ],
)
def test_what_fails_is_a_line_and_no_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    name: str,
    error: Exception,
    says: str,
) -> None:
    Wired(monkeypatch, **{name: error})

    done = run(*command, settings=some_settings(tmp_path))

    assert (done.code, done.output) == (1, "")
    assert done.errors.startswith(says)
    assert len(done.errors.splitlines()) == 1


@pytest.mark.parametrize("command", [("apply",), ("apply", "no-such-folder"), ("export",)])
def test_a_missing_folder_is_wrong_usage(command: tuple[str, ...]) -> None:
    done = run(*command)

    assert (done.code, done.output) == (2, "")
    assert "DIR" in done.errors


# --- provision, doctor, phones ------------------------------------------------------------------


def test_provision_lists_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Wired(monkeypatch, provision=("beep", "pjsip.conf"))

    done = run("provision", settings=some_settings(tmp_path))
    as_json = run("provision", "--json", settings=some_settings(tmp_path))

    assert done.lines == ["written: beep", "written: pjsip.conf"]
    assert as_json.data == {"changed": ["beep", "pjsip.conf"]}


def test_provision_twice_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Wired(monkeypatch, provision=())

    done = run("provision", settings=some_settings(tmp_path))

    assert (done.code, done.lines) == (0, ["everything is there already"])


@pytest.mark.parametrize(
    ("levels", "code"), [(("ok",), 0), (("ok", "warning"), 0), (("fault", "ok"), 1), ((), 0)]
)
def test_g3_doctor_fails_if_something_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, levels: tuple[str, ...], code: int
) -> None:
    Wired(monkeypatch, doctor=[Finding(level, "switch", "how [it] is") for level in levels])

    done = run("doctor", settings=some_settings(tmp_path))
    as_json = run("doctor", "--json", settings=some_settings(tmp_path))

    assert (done.code, as_json.code) == (code, code)
    assert [line for line in done.lines if "switch" in line] == [
        f"{level} switch how [it] is" for level in levels
    ]
    assert as_json.data == {
        "ok": code == 0,
        "findings": [
            {"level": level, "subject": "switch", "message": "how [it] is"} for level in levels
        ],
    }


def test_a9_phones_are_listed_with_what_they_log_in_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = Phone(
        kind="caller",
        name="Carol",
        endpoint="caller-carol",
        secret=SecretStr("a-long-secret"),
        number="+12025550150",
        server="127.0.0.1:5060",
    )
    Wired(monkeypatch, phones=[caller])

    done = run("phone", "list", settings=some_settings(tmp_path))
    as_json = run("phone", "list", "--json", settings=some_settings(tmp_path))

    assert done.lines[1] == "caller Carol caller-carol a-long-secret +12025550150 127.0.0.1:5060"
    assert as_json.data == [
        {
            "kind": "caller",
            "name": "Carol",
            "endpoint": "caller-carol",
            "secret": "a-long-secret",
            "number": "+12025550150",
            "server": "127.0.0.1:5060",
        }
    ]


# --- sample -------------------------------------------------------------------------------------


def test_sample_copies_the_whole_site(tmp_path: Path) -> None:
    target = tmp_path / "new" / "site"

    done = run("sample", str(target))

    assert done.code == 0
    copied = [str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()]
    assert sorted(copied) == SAMPLE_FILES
    assert done.output.splitlines() == [str(target / name) for name in SAMPLE_FILES]
    for name in SAMPLE_FILES:
        assert (target / name).read_bytes() == (SAMPLE_SITE / name).read_bytes()


def test_sample_for_programs(tmp_path: Path) -> None:
    done = run("sample", str(tmp_path / "site"), "--json")

    assert done.data == {"folder": str(tmp_path / "site"), "files": SAMPLE_FILES}


def test_sample_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("mine", "utf-8")

    done = run("sample", str(tmp_path))

    assert (done.code, done.output) == (1, "")
    assert done.errors == f"{tmp_path}: is not empty; nothing was copied\n"
    assert [path.name for path in tmp_path.iterdir()] == ["site.yaml"]


def test_sample_into_what_cannot_be_a_folder_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    done = run("sample", str(tmp_path / "file" / "site"))

    assert (done.code, done.output) == (1, "")
    assert len(done.errors.splitlines()) == 1


# --- run ----------------------------------------------------------------------------------------


def test_run_hands_the_settings_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Settings] = []
    monkeypatch.setattr(bootstrap, "run_controller", ran.append)
    settings = some_settings(tmp_path)

    assert run("run", settings=settings).code == 0
    assert ran == [settings]


def test_a_pillar_that_fails_ends_run_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings) -> None:
        inner = ExceptionGroup("inner", [StoreError("the database is gone")])
        raise ExceptionGroup("outer", [inner, OSError(98, "Address already in use")])

    monkeypatch.setattr(bootstrap, "run_controller", fail)

    done = run("run", settings=some_settings(tmp_path))

    assert (done.code, done.output) == (1, "")
    assert done.errors.splitlines() == [
        "the database is gone",
        "[Errno 98] Address already in use",
    ]


def test_a_fault_of_the_program_itself_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings) -> None:
        raise ExceptionGroup("outer", [KeyError("x"), StoreError("the database is gone")])

    monkeypatch.setattr(bootstrap, "run_controller", fail)

    with pytest.raises(ExceptionGroup):
        run("run", settings=some_settings(tmp_path))


# --- settings -----------------------------------------------------------------------------------


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with a state directory and nothing else of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "state"))
    return monkeypatch


def test_settings_are_those_of_the_environment(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("IVR_API__PORT", "9090")

    assert read_settings().api.port == 9090


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("IVR_API__PORT", "none", "IVR_API__PORT: "),
        ("IVR_API__PORT", "70000", "IVR_API__PORT: "),
        ("IVR_API__TOKEN", "changeme", "is a placeholder"),
        ("IVR_API", "{", "api"),
        ("IVR_LOG_LEVEL", "LOUD", "IVR_LOG_LEVEL: "),
        ("IVR_STATE_DIR", "/dev/null/state", "cannot be used"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    clean: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    clean.setenv(name, value)

    with pytest.raises(BadUsage) as refused:
        read_settings()

    assert refused.value.exit_code == 2
    assert any(says in problem for problem in refused.value.problems)
    assert all("input_value" not in problem for problem in refused.value.problems)


# --- all of them --------------------------------------------------------------------------------


def _all_commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _all_commands(command, (*path, name))
        else:
            found.append(((*path, name), command))
    return found


def test_the_commands_are_those_that_are_documented() -> None:
    assert {" ".join(path) for path, _ in _all_commands(root)} == {
        "run",
        "provision",
        "apply",
        "export",
        "sample",
        "doctor",
        "flow check",
        "flow try",
        "agent list",
        "agent status",
        "queue list",
        "callback list",
        "callback stop",
        "contact list",
        "contact show",
        "contact stop",
        "contact transfer start",
        "contact transfer show",
        *(f"contact transfer {verb.value}" for verb in Verb),
        "contact monitor show",
        *(f"contact monitor {verb.value}" for verb in MonitorVerb),
        "phone list",
    }


def test_every_command_that_prints_has_json_and_every_one_has_help() -> None:
    for path, command in _all_commands(root):
        done = run(*path, "--help")
        assert done.code == 0
        assert command.help
        assert ("--json" in done.output) is (path != ("run",)), path


@pytest.mark.parametrize("arguments", [("nothing",), ("agent", "nothing"), ("--wrong",)])
def test_an_unknown_command_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert (done.code, done.output) == (2, "")


def test_the_version_is_printed() -> None:
    assert run("--version").output.startswith("queueback, version ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0, "0 s"),
        (0.4, "0 s"),
        (-0.4, "0 s"),
        (8, "8 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float | None, text: str | None) -> None:
    assert duration(seconds) == text


def test_help_loads_nothing_heavy() -> None:
    heavy = ("asyncio", "httpx", "pydantic", "rich", "sqlalchemy", "fastapi", "phonenumbers")
    code = (
        "import sys\n"
        "from ivr.__main__ import main\n"
        "sys.argv = ['ivr', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr.splitlines()[-1] == "[]"
    assert done.stdout.startswith("Usage: ivr ")
