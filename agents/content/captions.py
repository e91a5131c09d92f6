"""Captions: which of the text that is read belongs to a picture.

A caption is not text, it belongs to its image; but what is not surely a caption must stay text. So a candidate is
read into a flow of its own, and where it turns out to be none it goes back.
"""

from __future__ import annotations

from agents.content.flow import NOTHING, PARAGRAPH, Flow

# Class names that publishers give to the caption right behind a picture.
_CLASSES = frozenset(
    {"picinfo", "pic-info", "picdesc", "imgdesc", "caption", "caption-text", "tr-caption", "wp-caption-text"}
    | {f"{what}{dash}caption" for what in ("fig", "figure", "image", "img", "media", "photo", "pic", "picture")
       for dash in ("", "-", "_")}
)  # fmt: skip
MAX_CAPTION = 2000
"""Characters, of all that stands beside one picture together; what goes beyond is text, as no caption is so long."""
MAX_NESTED_CAPTIONS = 4
"""A figure in a caption in a figure…; what is deeper is read as text, so that no text is copied more often."""
MAX_SMALL_CAPTION = 500
"""Characters; what is longer is an article that somebody set in small type."""


class Picture:
    """An image of the body; "" is the address of one that is relative to nothing. `given`: as the markup has it."""

    __slots__ = ("alt", "caption", "given", "url")

    def __init__(self, url: str, alt: str | None, given: str | None = None) -> None:
        self.url = url
        self.given = given if given != url else None
        self.alt = alt
        self.caption: str | None = None

    def takes(self, caption: str, *, above: bool = False) -> bool:
        """Add a caption to the present one; False where both together are too long to be one."""
        known = self.caption
        if known and len(known) + 1 + len(caption) > MAX_CAPTION:
            return False
        self.caption = " ".join((caption, known) if above else (known, caption)) if known else caption
        return True


class _Capture:
    """A caption while it is read: the flow that goes on behind it, and where it began."""

    __slots__ = ("depth", "image", "inline", "limit", "outer", "pending")

    def __init__(self, depth: int, outer: Flow, image: int | None, inline: bool, limit: int) -> None:
        self.depth = depth
        self.limit = limit
        self.outer = outer
        self.image = image  # None for a <figcaption>: its figure knows
        self.inline = inline
        self.pending = outer.pending


class _Figure:
    """A `<figure>` while it is read: its first image, and captions met before any."""

    __slots__ = ("first", "waiting")

    def __init__(self, first: int) -> None:
        self.first = first
        self.waiting: list[tuple[Flow, int, str]] = []


def is_caption(names: str) -> bool:
    """Whether one of these class names is a caption's."""
    return not _CLASSES.isdisjoint(names.lower().split())


class Captions:
    """The pictures of one body, and their captions while it is read.

    Methods are given the flow that text goes into, and return the one that it goes into from there on. `depth`: how
    deep the element stands that the innermost open caption is, 0 where none is open. `place`: as many pieces of text
    stood before the last picture. `is_unsure`: a caption was read whose next text decides whether it is one.
    """

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.depth = 0
        self.place = -1
        self.is_unsure = False
        self._figures: list[_Figure] = []
        self._captures: list[_Capture] = []
        self._unsure: tuple[Picture, str, int] | None = None

    def add(self, picture: Picture, flow: Flow) -> None:
        self.pictures.append(picture)
        self.place = flow.pieces

    def begin_figure(self) -> None:
        self._figures.append(_Figure(len(self.pictures)))

    def end_figure(self) -> None:
        """Captions above the picture are known as such only now; without a picture they are text."""
        figure = self._figures.pop()
        if len(self.pictures) > figure.first:
            picture = self.pictures[figure.first]
            for flow, place, text in reversed(figure.waiting):
                if not picture.takes(" ".join(text.split()), above=True):
                    flow.fill(place, text)
            return
        for flow, place, text in figure.waiting:
            flow.fill(place, text)

    def begin_in_figure(self, flow: Flow, depth: int) -> Flow:
        """A `<figcaption>`; without its figure it may still be the caption of the picture before it."""
        if self._figures and len(self._captures) < MAX_NESTED_CAPTIONS:
            return self._capture(flow, depth, None, inline=False, limit=MAX_CAPTION)
        return self.begin_behind_picture(flow, depth, inline=False)

    def begin_behind_picture(self, flow: Flow, depth: int, *, inline: bool, limit: int = MAX_CAPTION) -> Flow:
        """What looks like a caption is one right behind a picture only."""
        if self.pictures and self.place == flow.pieces and not self._captures:
            return self._capture(flow, depth, len(self.pictures) - 1, inline=inline, limit=limit)
        return flow

    def end(self, flow: Flow) -> Flow:
        """The element ends that is the innermost open caption."""
        capture = self._pop()
        text = flow.finish()
        flow = capture.outer
        caption = " ".join(text.split())
        if not caption:
            return flow
        if len(caption) > capture.limit:
            _put_back(flow, text)
        elif capture.image is None:
            self._end_in_figure(flow, text, caption)
        else:
            picture = self.pictures[capture.image]
            if not picture.takes(caption):
                _put_back(flow, text)
            elif capture.inline:
                self._unsure, self.is_unsure = (picture, caption, capture.pending), True
                flow.pending = NOTHING
            else:
                flow.boundary(PARAGRAPH)
        return flow

    def settle(self, flow: Flow) -> None:
        """An inline caption is one only if the text does not run on behind it, as it now does."""
        if self._unsure is None:
            return
        (picture, caption, pending), self._unsure, self.is_unsure = self._unsure, None, False
        if flow.pending != NOTHING:
            flow.boundary(pending)
            return
        before = (picture.caption or "").removesuffix(caption).rstrip()
        picture.caption = before or None
        flow.pending = pending
        flow.text(caption + " ")

    def unwrap(self, flow: Flow) -> Flow:
        """A picture inside: it was no caption but the frame of both, so what was read of it is text."""
        while self._captures and self._captures[-1].image is not None:
            text = flow.finish()
            flow = self._pop().outer
            if text:
                _put_back(flow, text)
        return flow

    def _capture(self, flow: Flow, depth: int, image: int | None, *, inline: bool, limit: int) -> Flow:
        self._captures.append(_Capture(depth, flow, image, inline, limit))
        self.depth = depth
        if image is None:
            self.place = -1
        return Flow()

    def _pop(self) -> _Capture:
        capture = self._captures.pop()
        self.depth = self._captures[-1].depth if self._captures else 0
        return capture

    def _end_in_figure(self, flow: Flow, text: str, caption: str) -> None:
        figure = self._figures[-1] if self._figures else None
        if figure is None:
            flow.fill(flow.hold(), text)
        elif len(self.pictures) == figure.first:
            flow.boundary(PARAGRAPH)
            figure.waiting.append((flow, flow.hold(), text))
        elif not self.pictures[-1].takes(caption):
            _put_back(flow, text)


def _put_back(flow: Flow, text: str) -> None:
    flow.boundary(PARAGRAPH)
    flow.fill(flow.hold(), text)
