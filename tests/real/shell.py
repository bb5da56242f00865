# SPDX-License-Identifier: Apache-2.0
"""Command lines of the tests."""
import subprocess


def run(command, limit=240, **options):
    """Runs a shell command line; its standard output. Fails with what it printed, and after `limit` seconds."""
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True, text=True, check=False,
                            stdin=subprocess.DEVNULL, timeout=limit, **options)
    if result.returncode != 0:
        raise AssertionError(f"{command}\nended with {result.returncode}: {result.stdout}{result.stderr}")
    return result.stdout
