#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a source file, a function or a class has grown too long to be read in one go.

    check_sizes.py [ROOT]

Files: over 450 lines is mentioned, over 600 is wrong. Functions: over 80 lines is wrong, in tests over 120. Classes of src/
and include/: over 500 lines is wrong, the declaration and every method that is defined outside it, in whatever file, counted
together. C++ is read by counting braces, which is good enough to notice what is long.
"""
import ast
import collections
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tree import project_files, read_text, report, root_from_arguments  # noqa: E402

FILE_MENTIONED = 450
FILE_LIMIT = 600
FUNCTION_LIMIT = 80
TEST_FUNCTION_LIMIT = 120
CLASS_LIMIT = 500

# path, or path:function's first line text → reason. An entry that excuses nothing is an offence itself.
EXCEPTIONS = {}

# class → reason. One that is short enough by now is mentioned.
CLASS_EXCEPTIONS = {
    "FileOperations": "is to become the content of one file, with a lock of its own",
    "Committer": "its part of one file's state goes with that",
    "Tree": "is to become compact tables of names, and the nodes that the kernel holds",
    "ObjectReaderImpl": "one lock guards its fetches and waiting reads; ReadStreams, StrideDetector and FetchMap are apart already",
    "DirTree": "finding, placing and removing are the same walk from the root to a key's file, with the same races",
}

COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)
SCOPE = re.compile(r"(^|[\s;>])(namespace|class|struct|union|enum|extern)\b(?!.*\)\s*(const|noexcept|override|final|\s)*$)",
                   re.DOTALL)
CLASS = re.compile(r"\b(?<!enum )(?:class|struct|union)\s+(?:[A-Z_]+\([^)]*\)\s*)?([\w:]+)(?:<[^{]*>)?\s*(?:final\b\s*)?(?::[^:].*)?$",
                   re.DOTALL)
# The first of these in a head is the function's own name: results come before it, parameters and initial values after it.
METHOD = re.compile(r"(?<![\w:])((?:\w+(?:<[^<>()]*>)?::)+)(?:~?\w+|operator[^\w\s(]+|operator\(\)|operator\s+\w+)\s*\(")


def blank(match):
    """The same number of lines without what could look like code."""
    return "\n" * match.group(0).count("\n")


Block = collections.namedtuple("Block", "line length head")


def cpp_blocks(text):
    """(functions, classes). Functions are what is neither scope nor value, each with the line of its brace and what stands
    before that. Classes are named with those around them ("Outer::Inner"), and begin with the word "class"."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, COMMENT_OR_LITERAL.sub(blank, text), flags=re.MULTILINE)
    functions, classes = [], []
    line = 1
    before = ""       # what was read since the last ; { or }
    scopes = []       # (line, class or None) of open braces of namespaces, classes and initial values
    inside = 0        # open braces of the function that is being read
    start = head = None
    for char in code:
        line += char == "\n"
        if inside:
            inside += (char == "{") - (char == "}")
            if not inside:
                functions.append(Block(start, line - start + 1, head))
        elif char == "{":
            words = before.strip()
            if SCOPE.search(words) or ("=" in words.split("(")[0] and "operator" not in words):
                name = CLASS.search(words)
                scopes.append((line - words.count("\n"), name and "::".join([*(n for _, n in scopes if n), name[1]])))
            else:
                start, head, inside = line, words, 1
            before = ""
        elif char == "}":
            first, name = scopes.pop() if scopes else (line, None)
            if name:
                classes.append(Block(first, line - first + 1, name))
            before = ""
        elif char == ";":
            before = ""
        else:
            before += char
    return functions, classes


class ClassSizes:
    """Adds up the lines of each class over its files. A class of a .cc file is that file's own."""

    def __init__(self):
        self.declared = collections.defaultdict(set)  # file → its classes
        self.lines = collections.Counter()            # (file or "", class) → lines
        self.defined = []                             # (file, class, lines) of methods outside

    def add(self, path, functions, classes):
        for one in classes:
            self.declared[path].add(one.head)
            self.lines[path if path.endswith(".cc") else "", one.head] += one.length
        for one in functions:
            method = METHOD.search(one.head)
            if method:
                self.defined.append((path, method[1].removesuffix("::"), one.length + one.head.count("\n")))

    def totals(self):
        total = collections.Counter(self.lines)
        for path, name, lines in self.defined:
            place = path if name in self.declared[path] and path.endswith(".cc") else ""
            if (place, name) in self.lines:  # else a function of a namespace
                total[place, name] += lines
        return total

    def offences(self, in_project):
        """Yields them, and mentions exceptions that are not needed any more: who shortens a class need not know of the table."""
        totals = self.totals()
        for (path, name), lines in sorted(totals.items()):
            if lines > CLASS_LIMIT and name not in CLASS_EXCEPTIONS:
                yield f"{path or 'src'}: class {name} has {lines} lines in all its files, at most {CLASS_LIMIT}"
        for name in CLASS_EXCEPTIONS if in_project else ():
            if all(name != known or lines <= CLASS_LIMIT for (_, known), lines in totals.items()):
                print(f"note: scripts/check_sizes.py: there is no long class {name} any more")


def python_functions(text):
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [Block(node.lineno, node.end_lineno - node.lineno + 1, f"def {node.name}") for node in functions], []


def language(path, text):
    if path.endswith((".h", ".cc")):
        return "C++"
    if path.endswith(".py") or re.match(r"#!.*\bpython", text):
        return "Python"
    if path.endswith((".sh", ".cmake", "CMakeLists.txt")) or re.match(r"#!.*sh\b", text):
        return "other"
    return None


def main():
    root = root_from_arguments()
    offences = []
    unused = set(EXCEPTIONS)
    sizes = ClassSizes()
    checked = 0

    def offend(subject, message):
        if subject in EXCEPTIONS:
            unused.discard(subject)
        else:
            offences.append(message)

    for path in project_files(root):
        text = read_text(root, path)
        kind = language(path, text) if text else None
        if kind is None:
            continue
        checked += 1
        lines = text.count("\n")
        if lines > FILE_LIMIT:
            offend(path, f"{path}: {lines} lines, at most {FILE_LIMIT}: split it by subject")
        elif lines > FILE_MENTIONED:
            print(f"note: {path}: {lines} lines, more than {FILE_MENTIONED}")
        limit = TEST_FUNCTION_LIMIT if path.startswith("tests/") else FUNCTION_LIMIT
        functions, classes = {"C++": cpp_blocks, "Python": python_functions}.get(kind, lambda _: ([], []))(text)
        if path.startswith(("src/", "include/")):
            sizes.add(path, functions, classes)
        for first, length, head in functions:
            head = head.split("\n")[0].strip()
            if length > limit:
                offend(f"{path}:{head}", f"{path}:{first}: a function of {length} lines, at most {limit}: {head}")
    offences += sizes.offences(in_project=len(sys.argv) == 1)
    offences += [f"scripts/check_sizes.py: the exception for {subject} is not needed" for subject in sorted(unused)]
    report("check_sizes", offences, checked)


main()
