# SPDX-License-Identifier: GPL-3.0-or-later
"""What the farm answers over HTTP: bender's wire for workers, a JSON API for people and programs."""
