#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where the documentation points at what is not there, or a file names a place on somebody's machine.

    check_docs.py [ROOT]

Every folder of src/, and every sub-folder with more than three sources, has a README.md. In every *.md: links lead to a
file, and to a heading of it; paths of this repository in code exist; the options of a `penstock` command exist; the messages
that head the entries of docs/troubleshooting.md are printed by some source. In every text file: no folder of one machine, no
host of a package registry.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tree import project_files, read_text, report, root_from_arguments  # noqa: E402

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
REPOSITORY_PATH = re.compile(r"^(?:scripts|src|include|tests|docs|cmake|packaging|\.ci)/[\w./-]*$")
PENSTOCK_COMMAND = re.compile(r"(?:^|[\s/])penstock (mount|umount|warm|restore|archive|tier|verify|cache|status|stats|doctor|config)\b(.*)$")
# Written in pieces, so that this file passes its own check.
PLACES = [re.compile(pattern) for pattern in (
    r"/" + r"work/", r"/" + r"root/", r"\.\./" + r"shared",
    r"\b(?:deb|security)\.debian\." + r"org", r"\barchive\.ubuntu\." + r"com", r"\bpypi\." + r"org",
    r"\bfiles\.pythonhosted\." + r"org", r"\brepo1?\.maven\." + r"(?:org|apache\.org)", r"\bregistry\.npmjs\." + r"org",
    r"\bproxy\.golang\." + r"org", r"\bcrates\." + r"io")]


def anchors(text):
    """The anchors that the headings of a page have on GitHub."""
    found = set()
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower()
        found.add(re.sub(r"\s", "-", plain))
    return found


def wrong_links(root, path, text):
    for match in LINK.finditer(FENCE.sub("", text)):
        target = match.group(1) or match.group(2)
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(os.path.join(root, file)):
            yield f"{path}: link to {target}: there is no {file}"
        elif anchor and anchor not in anchors(read_text(root, file)):
            yield f"{path}: link to {target}: {file} has no such heading"


def code_lines(text):
    """Every line of code in a page: of fenced blocks, and spans between backticks."""
    for block in FENCE.findall(text):
        yield from re.sub(r"\\\n", " ", block).split("\n")[1:-1]
    yield from CODE.findall(FENCE.sub("", text))


def wrong_code(root, path, text, options):
    for line in code_lines(text):
        for word in re.split(r"[\s,;:()=\"']+", line):
            if REPOSITORY_PATH.match(word) and "/LAYER" not in word and not os.path.exists(os.path.join(root, word)):
                yield f"{path}: names {word}, which does not exist"
        command = PENSTOCK_COMMAND.search(line)
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]+", command.group(2) if command else ""):
            if option not in options.get(command.group(1), options["others"]):
                yield f"{path}: `{line.strip()}`: penstock {command.group(1)} knows no {option}"


def option_names(table):
    return {f"--{name}" for name in re.findall(r'\.name = "([a-z][a-z-]+)"', table)}


def known_options(root):
    """{command, or "others": its options}, from docs/options.md and the table of the other commands"""
    page = os.path.join(root, "docs", "options.md")
    text = read_text(root, "docs/options.md") if os.path.exists(page) else ""
    mount = set(re.findall(r"--[a-z][a-z-]+", text)) | {"--help", "--help-all", "--version"}
    table = os.path.join(root, "src", "config", "command_table.cc")
    own = read_text(root, "src/config/command_table.cc") if os.path.exists(table) else ""
    others = mount | option_names(own)
    umount = re.search(r"umount_options = .*?\}\);", own, re.DOTALL)
    return {"mount": mount, "umount": option_names(umount[0] if umount else "") | {"--help", "--config"}, "others": others}


def wrong_messages(root, path, text, sources):
    """Headings such as "### `cannot read … at all`" whose pieces no source has."""
    code = "".join(read_text(root, source) for source in sources)
    code = re.sub(r'"\s*(?://[^\n]*)?\n\s*"', "", code)  # literals that go on in the next line
    for message in re.findall(r"^### `(.*)`$", text, re.MULTILINE):
        for piece in re.split(r"\s*…\s*", message):
            if piece not in code:
                yield f"{path}: no source says '{piece}'"


def folders_without_readme(files, sources):
    for folder in sorted({os.path.dirname(path) for path in sources}):
        number = sum(os.path.dirname(path) == folder for path in sources)
        if (folder.count("/") == 1 or number > 3) and f"{folder}/README.md" not in files:
            yield f"{folder}: has no README.md that says what lives there, what may not, and where to start reading"


def wrong_places(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        for pattern in PLACES:
            match = pattern.search(line)
            if match:
                yield f"{path}:{number}: names {match.group(0)}, a place that readers do not have"


def main():
    root = root_from_arguments()
    options = known_options(root)
    offences = []
    checked = 0
    files = project_files(root)
    sources = [path for path in files if path.startswith("src/") and path.endswith((".cc", ".h"))]
    for path in files:
        text = read_text(root, path)
        if text is None:
            continue
        checked += 1
        offences += wrong_places(path, text)
        if path.endswith(".md"):
            offences += wrong_links(root, path, text)
            offences += wrong_code(root, path, text, options)
        if path == "docs/troubleshooting.md":
            offences += wrong_messages(root, path, text, sources)
    offences += folders_without_readme(set(files), sources)
    report("check_docs", offences, checked)


main()
