# SPDX-License-Identifier: Apache-2.0
"""What scripts/conformance runs: one module for each suite, the server they run on, the lists of expected failures."""
