"""How well and how fast similar names are found, measured on a generated truth and printed.

The truth: two lists of co-ops that share 85 % of their members; the right list is written by other hands (typing errors, words
swapped or left out, accents lost, other legal forms). A suggestion is right if it is a true pair. Two co-ops of one name in one
state are namesakes: nobody could tell them apart, and neither is counted.
"""

import random
import time
from collections.abc import Callable

import pytest

from bridge.core.folding import fold
from bridge.core.mapping import FieldType
from bridge.core.similar import Text, alike

FIRST = [
    "Arroyo",
    "Maple",
    "Luna",
    "Estrella",
    "Cedar",
    "Harbor",
    "Piñón",
    "Willow",
    "Solano",
    "Granite",
    "Breadfruit",
    "Juniper",
    "Coral",
    "Prairie",
    "Ceiba",
    "Copper",
]  # a list of words reads best as words
SECOND = [
    "Creek",
    "Verde",
    "Hill",
    "Norte",
    "Star",
    "Roja",
    "Bridge",
    "Azul",
    "River",
    "Clara",
    "Field",
    "Viva",
    "Point",
    "Alta",
    "Grove",
    "Nueva",
    "Lane",
    "Sol",
    "Mesa",
    "Bay",
]  # a list of words reads best as words
TRADE = [
    "Bakery",
    "Builders",
    "Cleaners",
    "Printers",
    "Farm",
    "Brewery",
    "Childcare",
    "Carpentry",
    "Taxi",
    "Solar",
    "Textiles",
    "Catering",
    "Grocery",
    "Design",
]  # a list of words reads best as words
FORMS = ("Cooperative", "Co-op", "Coop", "LLC", "Inc", "SC")
STATES = [f"S{number}" for number in range(50)]


def syllables(chance: random.Random) -> str:
    """A made-up proper name, so that a large list is not all namesakes."""
    return "".join(chance.choice("bcdfglmnprstv") + chance.choice("aeiou") for _ in range(3)).title()


def a_name(chance: random.Random) -> list[str]:
    """The words of a co-op's name."""
    return [chance.choice(FIRST), syllables(chance), chance.choice(SECOND), chance.choice(TRADE)]


def rewritten(words: list[str], chance: random.Random) -> str:
    """The name as somebody else writes it."""
    words = list(words)
    if chance.random() < 0.05:
        words.pop()
    if chance.random() < 0.05:
        words[0], words[1] = words[1], words[0]
    text = " ".join(words)
    if chance.random() < 0.15:
        at = chance.randrange(1, len(text) - 2)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if chance.random() < 0.1:
        text = text.upper()
    return f"{'The ' if chance.random() < 0.1 else ''}{text} {chance.choice(FORMS)}"


def truth(size: int, seed: int = 1) -> tuple[list[Text], list[Text]]:
    """Two lists of `size` names; a left and a right one with the same number are the same co-op."""
    chance = random.Random(seed)  # noqa: S311  # a fixed list of names, no secret
    left, right = [], []
    for number in range(size):
        words, state = a_name(chance), chance.choice(STATES)
        left.append(Text(str(number), fold(FieldType.ORGANIZATION, f"{' '.join(words)} {chance.choice(FORMS)}"), state))
        theirs = words if chance.random() < 0.85 else a_name(chance)
        name = str(number) if theirs is words else f"new{number}"
        right.append(Text(name, fold(FieldType.ORGANIZATION, rewritten(theirs, chance)), state))
    chance.shuffle(right)
    return left, right


@pytest.mark.parametrize(("size", "seconds"), [(375, 5), (10_000, 30), (72_000, 120)])
def test_similar_names_are_found_with_few_errors_and_in_little_time(
    size: int, seconds: float, proof: Callable[[str], None]
) -> None:
    """`seconds` of CPU are a bound for a slow machine; what it took is printed."""
    left, right = truth(size)
    pairs = {text.id for text in right if not text.id.startswith("new")}
    began = time.process_time()
    found = alike(left, right, 0.88, ())
    took = time.process_time() - began
    right_ones = sum(one == other for one, other in found)
    precision, recall = right_ones / len(found), right_ones / len(pairs)
    proof(f"{size} x {size}: precision {precision:.4f}, recall {recall:.4f}, {took:.1f} CPU s")
    assert precision > 0.96
    assert recall > 0.93
    assert took < seconds
