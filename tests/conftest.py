"""Rules that hold for every test: each module declares exactly one category marker."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("ours", max_examples=30, deadline=None)
settings.load_profile("ours")

pytest_plugins = ("tests.postgres", "tests.stores")

CATEGORIES = frozenset({"unit", "contract", "integration", "acceptance"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without exactly one category, so that every run selects what it says."""
    for item in items:
        found = CATEGORIES & {marker.name for marker in item.iter_markers()}
        if len(found) != 1:
            message = (
                f"{item.nodeid}: declare exactly one of {sorted(CATEGORIES)} "
                f"as `pytestmark`; found {sorted(found) or 'none'}"
            )
            raise pytest.UsageError(message)
