# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences in a real Blender: each setting is there and holds, and what was put right is seen to be right."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def addons(name: str) -> ModuleType:
    return importlib.import_module(f"bl_ext.user_default.bender_worker_addon.{name}")


def own() -> Any:
    return addons("blender.in_force").preferences()


def resolved() -> Any:
    return addons("blender.in_force").resolved()


SETTINGS = [setting.name for setting in addons("settings.config").settings()]
CHOSEN = {
    "queue": "rabbitmq",
    "amqp_url": "amqp://farm.lan/%2F",
    "bender_url": "http://farm.lan:8000",
    "id": "cellar",
    "mode": "Server",
    "upload": "copy",
    "disklimit": 3.0,
    "grace_period": 4.0,
    "cache_limit": 5.0,
    "renderers": 6,
    "workload": 7,
    "devices": "CPU",
    "keep_child": False,
    "memory_limit": 8.0,
    "stall_timeout": 9.0,
    "fail_in_doubt": True,
    "sandbox": "on",
    "heart_rate_seconds": 10.0,
}
FILES = ("ca_file", "client_cert", "client_key")


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is set, before and after."""
    for name in list(os.environ):
        if name.startswith("BENDER_WORKER_"):
            monkeypatch.delenv(name)
    yield
    for name in (*SETTINGS, "amqp_user", "amqp_password"):
        own().property_unset(name)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_set_is_what_the_worker_gets(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    value = CHOSEN.get(name, str(tmp_path / "file" if name in FILES else tmp_path))
    before = resolved()
    assert not before.sources[name].startswith("preferences")
    setattr(own(), name, value)
    found = resolved()
    expected = value.replace("//", "//guest:guest@") if name == "amqp_url" else value
    got = getattr(found.config, name)
    assert (got if isinstance(got, (int, float)) else str(got)) == expected
    assert found.sources[name] == "preferences"


def test_a_number_can_not_be_less_than_the_worker_allows() -> None:
    own().renderers, own().stall_timeout, own().disklimit = 0, 0.0, -1.0
    assert (own().renderers, own().stall_timeout, own().disklimit) == (1, 1.0, 0.0)


def test_a_password_that_is_typed_with_the_address_is_kept_apart() -> None:
    own().amqp_url = "amqp://me:s3cret%2F@farm.lan/%2F"
    assert (own().amqp_url, own().amqp_user, own().amqp_password) == ("amqp://farm.lan/%2F", "me", "s3cret/")
    assert resolved().config.amqp_url == "amqp://me:s3cret%2F@farm.lan/%2F"


def test_what_was_put_right_is_right(tmp_path: Path) -> None:
    certificate = tmp_path / "farm.pem"
    own().ca_file = str(certificate)
    assert "a file that is there" in resolved()
    certificate.touch()
    assert resolved().config.ca_file == certificate


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_as_it_always_is_does_not_count_as_set(name: str) -> None:
    """As after a click into the field of an address, and Enter."""
    before = resolved()
    setattr(own(), name, own().bl_rna.properties[name].default)
    assert own().is_property_set(name)
    found = resolved()
    assert (found.config, found.sources) == (before.config, before.sources)
