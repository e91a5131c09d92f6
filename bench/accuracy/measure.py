"""One figure of accuracy with its bound."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Measure(Struct, frozen=True):
    """A share (0..1) or a number, of how many, and what it has to be. `detail` is for people."""

    name: str
    value: float
    bound: float
    of: int
    kind: Literal["at least", "at most"] = "at least"
    share: bool = True
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; a measure of nothing keeps none."""
        if not self.of:
            return False
        return self.value >= self.bound if self.kind == "at least" else self.value <= self.bound

    def row(self) -> tuple[str, str, str]:
        return self.name, f"{self.kind} {self._shown(self.bound)}", f"{self._shown(self.value)} of {self.of:,}"

    def _shown(self, value: float) -> str:
        return f"{value:.2%}" if self.share else f"{value:,.0f}"
