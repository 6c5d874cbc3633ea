# SPDX-License-Identifier: GPL-3.0-or-later
"""The toolchain behind the Makefile: environments, checks, tests and releases. Standard library only."""
