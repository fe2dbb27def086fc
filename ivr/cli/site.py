"""``ivr apply``, ``ivr export`` and ``ivr sample``: a site as a folder of files."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.environment import Environment, finish, pass_environment
from ivr.cli.failures import Refused
from ivr.cli.output import json_option, show, show_json, warn

_EXISTING = click.Path(exists=True, file_okay=False, path_type=Path)
_ANY = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", metavar="DIR", type=_EXISTING)
@click.option("--prune", is_flag=True, help="Remove what the folder does not have.")
@json_option
@pass_environment
def apply(environment: Environment, folder: Path, *, prune: bool, as_json: bool) -> None:
    """Make the site in DIR live, all of it or nothing.

    Needs no running controller; one that runs takes the site over at once. Contacts that are
    under way finish on the flows they started with.
    """
    settings = environment.read()
    from ivr import bootstrap

    applied = finish(bootstrap.apply(settings, folder, prune=prune))
    if as_json:
        show_json(
            {
                "site": applied.site_name,
                "warnings": list(applied.warnings),
                "told_controller": applied.told_controller,
                "reloaded_switch": applied.reloaded_switch,
            }
        )
        return
    warn(applied.warnings)
    show(f"{applied.site_name}: live")
    if not applied.told_controller:
        show("No controller runs; it takes the site over when it starts: `ivr run`.")
    if not applied.reloaded_switch:
        show("The switch was not reached; it reads its files when it starts.")


@click.command()
@click.argument("folder", metavar="DIR", type=_ANY)
@json_option
@pass_environment
def export(environment: Environment, folder: Path, *, as_json: bool) -> None:
    """Write the live site to DIR, as `ivr apply` reads it."""
    settings = environment.read()
    from ivr import bootstrap

    _say(folder, finish(bootstrap.export(settings, folder)), as_json=as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=_ANY)
@json_option
def sample(folder: Path, *, as_json: bool) -> None:
    """Copy the sample site to DIR, which is made or empty."""
    from importlib.resources import as_file, files

    if folder.is_dir() and any(folder.iterdir()):
        message = f"{folder}: is not empty; nothing was copied"
        raise Refused(message)
    written = []
    try:
        with as_file(files("ivr") / "sample_site") as shipped:
            for source in sorted(shipped.rglob("*")):
                name = source.relative_to(shipped)
                if source.is_file() and "__pycache__" not in name.parts:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(source.read_bytes())
                    written.append(str(name))
    except OSError as error:
        message = f"{folder}: cannot be written: {error.strerror}"
        raise Refused(message) from error
    _say(folder, tuple(written), as_json=as_json)


def _say(folder: Path, written: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        show_json({"folder": str(folder), "files": list(written)})
        return
    for name in written:
        show(str(folder / name))
