# SPDX-License-Identifier: GPL-3.0-or-later
"""Described: what each path of the API takes and answers, a module for each that serves them; see `openapi`."""
