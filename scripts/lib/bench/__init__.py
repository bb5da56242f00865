# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench measures with: a server, a mount of it, the raw limit, and one module for each kind of workload."""
