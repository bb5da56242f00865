#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where a source file or a function has grown too long to be read in one go.

    check_sizes.py [ROOT]

Files: over 450 lines is mentioned, over 600 is wrong. Functions: over 80 lines is wrong, in tests over 120. C++
functions are found by counting braces, which is good enough to notice the long ones.
"""
import ast
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tree import project_files, read_text, report, root_from_arguments  # noqa: E402

FILE_MENTIONED = 450
FILE_LIMIT = 600
FUNCTION_LIMIT = 80
TEST_FUNCTION_LIMIT = 120

# path, or path:function's first line text → reason. An entry that excuses nothing is an offence itself.
EXCEPTIONS = {}

COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
    re.DOTALL)
SCOPE = re.compile(r"(^|[\s;>])(namespace|class|struct|union|enum|extern)\b(?!.*\)\s*(const|noexcept|override|final|\s)*$)",
                   re.DOTALL)


def blank(match):
    """The same number of lines without what could look like code."""
    return "\n" * match.group(0).count("\n")


def cpp_functions(text):
    """(first line, number of lines, what stands before the brace) of every block that is not a scope or a value."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, COMMENT_OR_LITERAL.sub(blank, text), flags=re.MULTILINE)
    line = 1
    before = ""       # what was read since the last ; { or }
    scopes = 0        # open braces of namespaces, classes and initial values
    inside = 0        # open braces of the function that is being read
    start = head = None
    for char in code:
        line += char == "\n"
        if inside:
            inside += (char == "{") - (char == "}")
            if not inside:
                yield start, line - start + 1, head
        elif char == "{":
            words = before.strip()
            if SCOPE.search(words) or ("=" in words.split("(")[0] and "operator" not in words):
                scopes += 1
            else:
                start, head, inside = line, words.split("\n")[0].strip(), 1
            before = ""
        elif char == "}":
            scopes -= 1
            before = ""
        elif char == ";":
            before = ""
        else:
            before += char


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1, f"def {node.name}"


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
        functions = {"C++": cpp_functions, "Python": python_functions}.get(kind, lambda _: ())
        for first, length, head in functions(text):
            if length > limit:
                offend(f"{path}:{head}", f"{path}:{first}: a function of {length} lines, at most {limit}: {head}")
    offences += [f"scripts/check_sizes.py: the exception for {subject} is not needed" for subject in sorted(unused)]
    report("check_sizes", offences, checked)


main()
