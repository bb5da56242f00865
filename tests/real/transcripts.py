# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/semantics.md and docs/operations: how they are found and read, and how what they promise is compared.

An example is a fenced block of the language `console`. A line with a prompt is what somebody types; the lines up to the
next prompt are what is answered. The notation is explained at the top of docs/semantics.md. Pages may also have blocks
without a language that are files, named by their first line, and blocks that are not played, below a mark

    <!-- not played: REASON; FILE TEXT -->

where FILE is a test that plays it or the like, and has TEXT. Readers do not see the mark.
"""
import difflib
import re
from typing import NamedTuple

PROMPT = re.compile(r"(?:(?P<node>[a-z])?(?P<kind>\$|>>>)|(?P<store>s3\$|dir\$)) (?P<text>.*)")
LOOKS_LIKE_A_PROMPT = re.compile(r"(?:[\w./~-]*(?:\$|>>>)|[\w./~-]+[#%])(?: |$)")
MOUNTED = re.compile(r"\(mounted (?:with|from) (.+)\)")
FENCE = re.compile(r"\s*```(.*)")
FILE = re.compile(r"# (?P<path>[\w~/.-]+)")
MARK = re.compile(r"<!-- not played: (?P<reason>[^;]+); (?P<file>\S+) (?P<test>.+) -->")
INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
ANY_LINES = "[…]"


class NotationError(Exception):
    """A block that cannot be read: where, and why."""


class Step(NamedTuple):
    """One prompt: `kind` is "$", ">>>", "s3$" or "dir$", `node` the letter before it or ""."""
    line: int
    kind: str
    node: str
    text: str
    expected: list


class Example(NamedTuple):
    """One block; `options` are the words of its first line, if that says (mounted with OPTIONS) or (mounted from URL)."""
    line: int
    section: str
    options: list
    steps: list


class File(NamedTuple):
    """A block that is a file: its name as the first line has it, and all of the block."""
    line: int
    path: str
    text: str


class NotPlayed(NamedTuple):
    """A block that is not played: why, and the test that is there instead: a text in a file."""
    line: int
    reason: str
    file: str
    test: str


class Page(NamedTuple):
    """`sections` are the headings `## …` in their order, `blocks` each an Example, a File or NotPlayed."""
    name: str
    sections: list
    blocks: list

    @property
    def examples(self):
        return [block for block in self.blocks if isinstance(block, Example)]


def read_page(name, text, with_files=False):
    """The page of that name, which is only used to say where something is wrong. Without files all blocks are examples."""
    page = Page(name, [], [])
    lines = text.split("\n")
    opened = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        before = lines[number - 2] if number > 1 else ""
        if opened is None and fence:
            opened = number
        elif fence:
            page.blocks.append(_read_block(page, opened, lines[opened - 1:number - 1],
                                           lines[opened - 2] if with_files and opened > 1 else None))
            opened = None
        elif opened is None and line.startswith("## "):
            page.sections.append(line[3:].strip())
        elif opened is None and INDENTED.match(line) and (not before.strip() or before.startswith("#")):
            raise NotationError(f"{name}:{number}: an indented block: examples have ``` before and after them")
        elif opened is None and "<!-- not played" in line and not (number < len(lines) and FENCE.match(lines[number])):
            raise NotationError(f"{name}:{number}: there is no block below this mark")
    if opened is not None:
        raise NotationError(f"{name}:{opened}: this block does not end")
    return page


def _read_block(page, first, lines, above):
    """An Example; where `above` is the line before the block, also a File, or what a mark there excuses."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    language = FENCE.match(lines[0]).group(1)
    if above is not None and above.startswith("<!-- not played"):
        mark = MARK.fullmatch(above)
        if not mark:
            raise NotationError(f"{page.name}:{first - 1}: a mark is <!-- not played: REASON; FILE TEXT -->")
        return NotPlayed(first, mark["reason"], mark["file"], mark["test"])
    named = FILE.fullmatch(lines[1]) if above is not None and not language and len(lines) > 1 else None
    if named:
        return File(first, named["path"], "".join(line[indent:] + "\n" for line in lines[1:]))
    if language != "console":
        raise NotationError(f"{page.name}:{first}: a block of '{language}': examples are `console`")
    options = []
    steps = []
    for number, line in enumerate(lines[1:], first + 1):
        text = line[indent:]
        prompt = PROMPT.fullmatch(text)
        mounted = MOUNTED.fullmatch(text)
        if mounted and not steps:
            options += mounted[1].split()
        elif prompt:
            steps.append(Step(number, prompt["kind"] or prompt["store"], prompt["node"] or "", prompt["text"], []))
        elif LOOKS_LIKE_A_PROMPT.match(text):
            raise NotationError(f"{page.name}:{number}: unknown prompt: {text}")
        elif steps:
            steps[-1].expected.append(text)
        else:
            raise NotationError(f"{page.name}:{number}: an answer before the first prompt: {text}")
    if not steps:
        raise NotationError(f"{page.name}:{first}: an empty example")
    return Example(first, page.sections[-1] if page.sections else "", options, steps)


def without_examples(page, excused):
    """What is wrong with the sections: those without an example, and entries of `excused` that excuse nothing."""
    shown = {example.section for example in page.examples}
    for section in page.sections:
        if section not in shown and section not in excused:
            yield f"{page.name}: the section '{section}' has no example"
    for section in excused:
        if section not in page.sections or section in shown:
            yield f"{page.name}: '{section}' needs no excuse"


def _without_blank_end(lines):
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return lines[:end]


def _fits(expected, answered):
    return re.fullmatch(".*".join(map(re.escape, expected.split("…"))), answered) is not None


def _all_fit(expected, answered):
    """Line by line; the line […] stands for any number of lines."""
    if ANY_LINES not in expected:
        return len(expected) == len(answered) and all(map(_fits, expected, answered))
    first = expected.index(ANY_LINES)
    rest = expected[first + 1:]
    return (len(answered) >= first and _all_fit(expected[:first], answered[:first])
            and any(_all_fit(rest, answered[start:]) for start in range(first, len(answered) + 1)))


def difference(page, step, answer):
    """Nothing where the answer is the expected one, else a text that says where they differ, and how."""
    expected = _without_blank_end(step.expected)
    answered = _without_blank_end(answer.split("\n"))
    if _all_fit(expected, answered):
        return None
    lines = difflib.unified_diff(expected, answered, f"{page}:{step.line}", "this program", lineterm="")
    return "\n".join([f"{page}:{step.line}: {step.node}{step.kind} {step.text}", *lines])
