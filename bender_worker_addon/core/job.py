# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folder: what the files in a job's folder are called, for those who read them and those who write them."""

DATA_JSON = "data.json"
CANCELED = "canceled"  # beside `data.json`; by it bender's own parts know that a job is canceled
