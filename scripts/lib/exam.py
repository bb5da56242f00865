# SPDX-License-Identifier: Apache-2.0
"""The faults that the simulation must find, see scripts/simulation-exam."""
import os

EXAM = os.path.join("tests", "simulation", "exam")


def faults(root):
    """The names of all, in order."""
    return sorted(name.removesuffix(".patch") for name in os.listdir(os.path.join(root, EXAM)) if name.endswith(".patch"))


def promise(root, name):
    """What a fault breaks: the first line of its patch."""
    with open(os.path.join(root, EXAM, name + ".patch"), encoding="utf-8") as file:
        return file.readline().strip()
