"""``python -m ivr`` and the command ``ivr``."""

from __future__ import annotations

from ivr.cli import ivr


def main() -> None:
    """Run the command line."""
    ivr(prog_name="ivr")


if __name__ == "__main__":
    main()
