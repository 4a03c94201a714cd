"""A line over some weeks as an inline SVG picture: its points, and the lines to read it by. No script, no style of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 16, 16, 26


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the picture and the number it stands for."""

    x: float
    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A line through `marks`, and the `rules` across the picture that say how high it is."""

    marks: tuple[Mark, ...]
    rules: tuple[Mark, ...]

    @property
    def line(self) -> str:
        """The points of the line, as SVG's `points`."""
        return " ".join(f"{mark.x:g},{mark.y:g}" for mark in self.marks)

    @property
    def area(self) -> str:
        """The points of what lies under the line."""
        floor = HEIGHT - _BOTTOM
        return f"{self.marks[0].x:g},{floor} {self.line} {self.marks[-1].x:g},{floor}"


def chart(numbers: Sequence[int]) -> Chart:
    """The picture of these numbers, which are at least two, from left to right; the lowest line is zero."""
    top = _round_up(max(numbers))
    step = (WIDTH - _LEFT - _RIGHT) / (len(numbers) - 1)

    def height(number: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * number / top, 1)

    marks = tuple(Mark(round(_LEFT + step * at, 1), height(number), number) for at, number in enumerate(numbers))
    levels = (0, top // 2, top) if top % 2 == 0 else (0, top)
    return Chart(marks, tuple(Mark(_LEFT, height(level), level) for level in levels))


def _round_up(number: int) -> int:
    """The least of 2, 4, 10, 20, 40, 100 … that is not below the number."""
    size = 1
    while True:
        for step in (2, 4, 10):
            if number <= step * size:
                return step * size
        size *= 10
