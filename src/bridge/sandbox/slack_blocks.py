"""What Slack accepts as blocks: the limits of Block Kit, and the words of its refusals.

Limits are those of the block reference. The one on all blocks together is not documented: integrators met it at about
13,200 characters (slackapi/bolt-js#2509).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MOST_BLOCKS = 50
MOST_BLOCKS_OF_A_VIEW = 100
MOST_CHARACTERS = 13_200
_MOST_MARKDOWN = 12_000
_PING = re.compile(r"<(!channel|!here|!everyone|@[UW][A-Z0-9]+|!subteam\^[A-Z0-9]+)(?:\|[^>]*)?>")

Problems = Iterator[str]


def block_problems(blocks: Sequence[Any], most: int = MOST_BLOCKS) -> list[str]:
    """Why Slack refuses these blocks, in its own words, each with a JSON pointer; empty if it takes them."""
    problems = [*_at_most(blocks, most, "/blocks", least=0)]
    for place, block in enumerate(blocks):
        problems += _block(block, f"/blocks/{place}")
    ids = [each.get("block_id") for each in blocks if isinstance(each, dict) and each.get("block_id")]
    if len(ids) > len(set(ids)):
        problems.append(_told("block_id must be unique", "/blocks"))
    if sum(1 for each in blocks if isinstance(each, dict) and each.get("type") == "table") > 1:
        problems.append(_told("only one table allowed", "/blocks"))
    if sum(len(text) for text in _texts_of(blocks, "markdown")) > _MOST_MARKDOWN:
        problems.append(_told(f"must be less than {_MOST_MARKDOWN + 1} characters", "/blocks"))
    return problems


def view_problems(view: Mapping[str, Any]) -> list[str]:
    """Why Slack refuses this modal."""
    problems = [*_text(view.get("title"), 24, "/view/title", plain=True)]
    for key, most in (("private_metadata", 3000), ("callback_id", 255)):
        problems += _string(view.get(key, ""), most, f"/view/{key}", least=0)
    blocks = view.get("blocks")
    if not isinstance(blocks, list):
        return [*problems, _told("missing required field: blocks", "/view")]
    return problems + [each.replace("pointer:/", "pointer:/view/") for each in block_problems(blocks, MOST_BLOCKS_OF_A_VIEW)]


def characters(blocks: Sequence[Any]) -> int:
    """The characters of all texts in the blocks together."""
    return sum(len(each) for each in _texts(blocks))


def pings(text: str, blocks: Sequence[Any]) -> list[str]:
    """Whom a message calls: `!channel`, `@U…`. Plain text calls nobody."""
    marked = [text, *(each for kind in ("mrkdwn", "markdown") for each in _texts_of(blocks, kind))]
    return [found for each in marked for found in _PING.findall(each)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _texts_of(value: Any, kind: str) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("type") == kind and isinstance(value.get("text"), str):
            yield value["text"]
        for each in value.values():
            yield from _texts_of(each, kind)
    elif isinstance(value, list):
        for each in value:
            yield from _texts_of(each, kind)


def _told(what: str, pointer: str) -> str:
    return f"[ERROR] {what} [json-pointer:{pointer}]"


def _at_most(items: Any, most: int, pointer: str, least: int = 1) -> Problems:
    if not isinstance(items, list):
        yield _told("must be an array", pointer)
    elif len(items) > most:
        yield _told(f"no more than {most} items allowed", pointer)
    elif len(items) < least:
        yield _told(f"must have at least {least} items", pointer)


def _string(value: Any, most: int, pointer: str, least: int = 1) -> Problems:
    if not isinstance(value, str):
        yield _told("must be a string", pointer)
    elif len(value) > most:
        yield _told(f"must be less than {most + 1} characters", pointer)
    elif len(value) < least:
        yield _told("must be more than 0 characters", pointer)


def _text(value: Any, most: int, pointer: str, *, plain: bool = False) -> Problems:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield _told(f"must be a {' or '.join(kinds)} object", pointer)
    else:
        yield from _string(value.get("text"), most, f"{pointer}/text")


def _block(block: Any, pointer: str) -> Problems:
    kind = str(block.get("type")) if isinstance(block, dict) else ""
    if kind not in _BLOCKS:
        yield _told(f"unsupported type: {kind}", f"{pointer}/type")
        return
    if "block_id" in block:
        yield from _string(block["block_id"], 255, f"{pointer}/block_id")
    yield from _BLOCKS[kind](block, pointer)


def _nothing(*_: Any) -> Problems:
    yield from ()


def _header(block: Any, pointer: str) -> Problems:
    yield from _text(block.get("text"), 150, f"{pointer}/text", plain=True)


def _section(block: Any, pointer: str) -> Problems:
    if "text" not in block and "fields" not in block:
        yield _told("missing required field: text or fields", pointer)
    if "text" in block:
        yield from _text(block["text"], 3000, f"{pointer}/text")
    if "fields" in block:
        yield from _at_most(block["fields"], 10, f"{pointer}/fields")
        for place, each in enumerate(block["fields"]):
            yield from _text(each, 2000, f"{pointer}/fields/{place}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{pointer}/accessory")


def _context(block: Any, pointer: str) -> Problems:
    yield from _at_most(block.get("elements"), 10, f"{pointer}/elements")
    for place, each in enumerate(block.get("elements") or []):
        if each.get("type") == "image":
            yield from _string(each.get("alt_text"), 2000, f"{pointer}/elements/{place}/alt_text")
        else:
            yield from _text(each, 3000, f"{pointer}/elements/{place}")


def _actions(block: Any, pointer: str) -> Problems:
    elements = block.get("elements")
    yield from _at_most(elements, 25, f"{pointer}/elements")
    for place, each in enumerate(elements or []):
        yield from _element(each, f"{pointer}/elements/{place}")
    ids = [each["action_id"] for each in elements or [] if isinstance(each, dict) and each.get("action_id")]
    if len(ids) > len(set(ids)):
        yield _told("action_id must be unique within a block", f"{pointer}/elements")


def _image(block: Any, pointer: str) -> Problems:
    yield from _string(block.get("alt_text"), 2000, f"{pointer}/alt_text")


def _input(block: Any, pointer: str) -> Problems:
    yield from _text(block.get("label"), 2000, f"{pointer}/label", plain=True)
    yield from _element(block.get("element"), f"{pointer}/element")


def _markdown(block: Any, pointer: str) -> Problems:
    yield from _string(block.get("text"), _MOST_MARKDOWN, f"{pointer}/text")


def _table(block: Any, pointer: str) -> Problems:
    yield from _at_most(block.get("rows"), 100, f"{pointer}/rows")
    for place, row in enumerate(block.get("rows") or []):
        yield from _at_most(row, 20, f"{pointer}/rows/{place}")


def _element(element: Any, pointer: str) -> Problems:
    if not isinstance(element, dict):
        yield _told("must be an object", pointer)
        return
    if "action_id" in element:
        yield from _string(element["action_id"], 255, f"{pointer}/action_id")
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{pointer}/confirm")
    match element.get("type"):
        case "button":
            yield from _text(element.get("text"), 75, f"{pointer}/text", plain=True)
            yield from _string(element.get("value", ""), 2000, f"{pointer}/value", least=0)
            yield from _string(element.get("url", ""), 3000, f"{pointer}/url", least=0)
        case "static_select" | "multi_static_select" | "radio_buttons" | "checkboxes":
            yield from _options(element, 100, pointer)
        case "overflow":
            yield from _options(element, 5, pointer)


def _options(element: Any, most: int, pointer: str) -> Problems:
    if "option_groups" in element:
        return
    yield from _at_most(element.get("options"), most, f"{pointer}/options")
    for place, each in enumerate(element.get("options") or []):
        yield from _text(each.get("text"), 75, f"{pointer}/options/{place}/text")
        yield from _string(each.get("value"), 150, f"{pointer}/options/{place}/value")


def _confirm(confirm: Any, pointer: str) -> Problems:
    for key, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if key in confirm:
            yield from _text(confirm[key], most, f"{pointer}/{key}")


_BLOCKS: Mapping[str, Callable[[Any, str], Problems]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "table": _table,
    "divider": _nothing,
    "rich_text": _nothing,
    "file": _nothing,
}
