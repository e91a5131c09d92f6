"""The four stages in order, as every mill has them: a worker's, and a pipeline's in one process."""

from __future__ import annotations

from typing import Any

from agents import __version__
from agents.content.sites import Sites
from agents.dedupe.stage import DedupeStage
from agents.enrich.stage import EnrichStage
from agents.parse.stage import ParseStage
from agents.stage import Stage
from agents.stories.stage import MOST_SIGHTINGS, StoriesStage
from schemas import StageName

__all__ = ["MOST_SIGHTINGS", "make_stages"]


def make_stages(
    version: str = __version__,
    sites: Sites | None = None,
    most_sightings: int = MOST_SIGHTINGS,
    *,
    sweeps: bool = False,
) -> dict[StageName, Stage[Any]]:
    """`version` is what items name as their `pipeline`; `sites` what an operator's file says; `most_sightings` how many
    the stories stage compares with. `sweeps`: dedupe deletes what it has forgotten, as a worker's has to."""
    return {
        StageName.PARSE: ParseStage(sites),
        StageName.DEDUPE: DedupeStage(sweeps=sweeps),
        StageName.ENRICH: EnrichStage(version, sites),
        StageName.STORIES: StoriesStage(most_sightings),
    }
