# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences: what is typed there holds, and the connection test tells what is wrong."""

import socket

import pytest

from tests.window.desk import PREFERRED, Desk, in_force
from tools.build.package import MODULE
from tools.check.window import PREFERENCES, SIDEBAR

TESTING = f"__import__('sys').modules['{MODULE}.blender.worker.connection_test'].connection_test.running"

ENOUGH = 5  # answers of Blender's main loop in the seconds that something takes beside it: it was not held up


@pytest.fixture(scope="module")
def typed() -> bool:
    return True


@pytest.mark.both_blenders
def test_what_is_typed_is_what_the_worker_gets(desk: Desk) -> None:
    assert desk.window.ask(in_force("amqp_url")) == desk.farm.url
    assert desk.window.ask(in_force("bender_url")) == desk.farm.server.url
    assert desk.window.ask(in_force("data_dir")) == str(desk.farm.folder / "data")
    assert desk.window.ask(in_force("outpath")) == str(desk.farm.outpath)


def test_a_password_typed_with_the_address_is_not_shown(desk: Desk) -> None:
    desk.open_preferences()
    desk.unfold_preferences()
    node = desk.farm.rabbit
    address = f"amqp://guest:s3cret%2F@127.0.0.1:{node.port}/{desk.farm.vhost}"
    desk.window.fill("RabbitMQ", address, PREFERENCES, until=f"{PREFERRED}.amqp_password == 's3cret/'")
    desk.window.find("*******", PREFERENCES)
    assert "cret" not in desk.window.text(PREFERENCES)
    desk.window.fill("RabbitMQ", desk.farm.url, PREFERENCES, until=f"{in_force('amqp_url')} == {desk.farm.url!r}")


@pytest.mark.both_blenders
def test_a_good_farm_is_said_to_be_good(desk: Desk) -> None:
    desk.open_preferences()
    desk.unfold_preferences()
    desk.window.click("Test Connection", PREFERENCES, until=lambda: desk.window.sees("are free", PREFERENCES))
    for name in ("RabbitMQ", "Flaskbender", "Folder of blends", "Folder of frames"):
        desk.window.find(f"{name}: good", PREFERENCES)
    desk.window.find("GB are free", PREFERENCES)
    desk.window.screenshot("good-farm")


@pytest.mark.both_blenders
def test_for_this_computer_only_there_is_nothing_to_fill_in(desk: Desk) -> None:
    desk.open_preferences()
    desk.unfold_preferences()
    window = desk.window
    window.click("This computer only", PREFERENCES, until=f"{PREFERRED}.works_for == 'COMPUTER'")
    window.find("Nothing to fill in", PREFERENCES)
    assert not window.sees("RabbitMQ", PREFERENCES)
    assert window.ask(in_force("queue")) == "local"
    window.click("Test Connection", PREFERENCES, until=lambda: window.sees("no farm is needed", PREFERENCES))
    window.screenshot("this-computer")
    window.click("A farm on the network", PREFERENCES, until=f"{PREFERRED}.works_for == 'FARM'")
    assert window.ask(in_force("amqp_url")) == desk.farm.url
    assert not window.sees("no farm is needed", PREFERENCES)


def test_a_bad_farm_is_told_with_what_to_do_and_nothing_freezes(desk: Desk) -> None:
    """A broker that takes the connection and then says nothing, and a flaskbender where nobody listens."""
    desk.open_preferences()
    desk.unfold_preferences()
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
        closed.close()
        desk.set_addresses(f"amqp://127.0.0.1:{silent.getsockname()[1]}/", f"http://127.0.0.1:{nobody}")
        desk.window.click("Test Connection", PREFERENCES, until=TESTING)
        answers = desk.answers_while(TESTING)
    desk.window.find("running there", PREFERENCES)
    desk.wait_for("the silent broker's verdict", lambda: "tested" not in desk.window.text(PREFERENCES))
    desk.window.screenshot("bad-farm")
    said = desk.window.text(PREFERENCES)
    desk.set_addresses(desk.farm.url, desk.farm.server.url)
    assert "said nothing" in said
    assert "flaskbender running there" in said
    assert answers > ENOUGH


def test_a_farm_on_the_internet_needs_online_access(desk: Desk) -> None:
    desk.open_preferences()
    desk.unfold_preferences()
    desk.set_addresses("amqp://farm.example.org/", desk.farm.server.url)
    desk.close_preferences()
    assert not desk.window.ask("bpy.ops.bender.worker_start.poll()")
    desk.window.click("Start", SIDEBAR, until="True")
    desk.window.screenshot("no-online-access")
    assert desk.snapshot("state.value") == "Stopped"
    desk.open_preferences()
    desk.unfold_preferences()
    desk.set_addresses(desk.farm.url, desk.farm.server.url)
    desk.close_preferences()
    desk.window.wait_until("bpy.ops.bender.worker_start.poll()")
