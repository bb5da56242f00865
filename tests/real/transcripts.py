# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/semantics.md: how they are found and read, and how what they promise is compared.

An example is a fenced block of the language `console`. A line with a prompt is what somebody types; the lines up to the
next prompt are what is answered. The notation is explained at the top of that page.
"""
import difflib
import re
from typing import NamedTuple

PROMPT = re.compile(r"(?:(?P<node>[a-z])?(?P<kind>\$|>>>)|(?P<store>s3\$|dir\$)) (?P<text>.*)")
LOOKS_LIKE_A_PROMPT = re.compile(r"(?:[\w./~-]*(?:\$|>>>)|[\w./~-]+[#%])(?: |$)")
MOUNTED = re.compile(r"\(mounted (?:with|from) (.+)\)")
FENCE = re.compile(r"\s*```(.*)")


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


class Page(NamedTuple):
    """`sections` are the headings `## …` in their order."""
    name: str
    sections: list
    examples: list


def read_page(name, text):
    """The page of that name, which is only used to say where something is wrong."""
    page = Page(name, [], [])
    lines = text.split("\n")
    opened = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = number
        elif fence:
            page.examples.append(_read_block(page, opened, lines[opened - 1:number - 1]))
            opened = None
        elif opened is None and line.startswith("## "):
            page.sections.append(line[3:].strip())
    if opened is not None:
        raise NotationError(f"{name}:{opened}: this block does not end")
    return page


def _read_block(page, first, lines):
    indent = len(lines[0]) - len(lines[0].lstrip())
    language = FENCE.match(lines[0]).group(1)
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


def difference(page, step, answer):
    """Nothing where the answer is the expected one, else a text that says where they differ, and how."""
    expected = _without_blank_end(step.expected)
    answered = _without_blank_end(answer.split("\n"))
    if len(expected) == len(answered) and all(map(_fits, expected, answered)):
        return None
    lines = difflib.unified_diff(expected, answered, f"{page}:{step.line}", "this program", lineterm="")
    return "\n".join([f"{page}:{step.line}: {step.node}{step.kind} {step.text}", *lines])
