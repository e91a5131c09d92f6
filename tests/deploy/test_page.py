"""tools/render-dashboard: what it is made of is pinned and may be used, and it draws what the dashboards have."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.deploy.boards import committed, panels
from tools.observe.page import SOURCE

ALLOWED = {
    *("MIT", "Apache-2.0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "CC0-1.0", "BlueOak-1.0.0"),
    *("OFL-1.1", "Zlib", "MPL-2.0 OR Apache-2.0", "MIT AND Zlib", "MIT AND BSD-3-Clause"),
}
"""Of which only OFL-1.1 is new here: the letters that the pictures are written in."""

SAID_ELSEWHERE = {"fast-shallow-equal", "react-universal-interface", "get-document"}
"""Packages that name none: two have the text of the Unlicense, get-document has nothing. Grafana is made with it."""


def lock() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SOURCE / "package-lock.json").read_text(encoding="utf-8"))
    return found


def test_its_lock_names_hashes_and_no_address() -> None:
    packages = {name: one for name, one in lock()["packages"].items() if name}
    assert len(packages) > 300
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert [name for name, one in packages.items() if not one["integrity"].startswith("sha512-")] == []


def test_each_release_is_named_and_locked() -> None:
    package = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    assert [one for one in package["dependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", one)] == []
    assert lock()["packages"][""]["dependencies"] == package["dependencies"]


def test_all_of_it_may_be_used() -> None:
    """It draws pictures on a developer's machine and is part of nothing that is shipped; all the same no GPL."""
    wrong = {
        name.rpartition("node_modules/")[2]: one.get("license")
        for name, one in lock()["packages"].items()
        if name and str(one.get("license")).strip("()") not in ALLOWED
    }
    assert {name for name, licence in wrong.items() if licence is not None} == set()
    assert set(wrong) <= SAID_ELSEWHERE


def test_it_draws_every_kind_of_panel_and_knows_every_override() -> None:
    source = (SOURCE / "src" / "panels.jsx").read_text(encoding="utf-8")
    drawn = re.search(r"const Kind = \{([^}]*)\}", source)
    assert drawn
    kinds = {panel["type"] for board in committed().values() for panel in panels(board)}
    assert kinds <= set(re.findall(r"(\w+):", drawn[1]))
    fields = (SOURCE / "src" / "fields.js").read_text(encoding="utf-8")
    matchers = {
        override["matcher"]["id"]
        for board in committed().values()
        for panel in panels(board)
        for override in panel["fieldConfig"]["overrides"]
    }
    assert matchers <= set(re.findall(r'id === "(\w+)"', fields))
    transformations = {
        one["id"]
        for board in committed().values()
        for panel in panels(board)
        for one in panel.get("transformations", ())
    }
    assert transformations == {"merge", "organize"}
