# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a real farm: `bender-farm.pyz` with a RabbitMQ of its own, a Blender that has joined by the line from the
page, and frames that are seen as they come."""

import re
import struct
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.conftest import Installed
from tools.blenders import scenes
from tools.servers.served_farm import ServedFarm

FRAMES = 12
PATIENCE = 120_000.0  # ms


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_from_an_empty_farm_to_the_downloaded_frames(
    installed: Installed, context: BrowserContext, tmp_path: Path, shot: Path
) -> None:
    blend = scenes.make(installed.blender, "two_scenes", tmp_path / "turntable.blend", frames=FRAMES)
    with (
        ServedFarm(installed.blender, installed.env, folder=tmp_path / "farm") as farm,
        closing(context.new_page()) as page,
        closing(context.new_page()) as machine,
    ):
        page.goto(farm.page)
        expect(page.get_by_role("heading", level=1)).to_have_text("A farm in two steps.")
        expect(page.get_by_role("link", name="Drag this into Blender")).to_have_attribute(
            "href", re.compile(r"/extension/bender_worker_addon-.+\.zip\?repository=.*/extension/index\.json")
        )
        page.get_by_role("button", name="Copy the line").click()
        expect(page.locator("farm-steps .line").first).to_contain_text("/join/")
        line = page.locator("farm-steps .line").first.inner_text()
        farm.join("render-1", line.rpartition(" ")[2])
        worker = farm.start_worker("render-1", log=tmp_path / "render-1.log")
        expect(page.locator(".worker")).to_have_count(1, timeout=PATIENCE)
        machine.goto(farm.page)
        machine.locator(".worker a").click()
        expect(machine.get_by_text("On", exact=True)).to_be_visible(timeout=PATIENCE)  # it knows its device
        page.locator("drop-blend input").set_input_files(blend)
        sending = page.get_by_role("dialog", name="Send turntable")
        expect(sending.get_by_label("Frames")).to_have_value("1-3", timeout=PATIENCE)
        warned = re.compile("burnt into the pictures")
        expect(sending.get_by_label("Scene")).to_have_value("Wide")
        expect(sending).not_to_contain_text(warned)
        sending.get_by_label("Scene").select_option("Close-up")
        expect(sending.get_by_label("Frames")).to_have_value(f"1-{FRAMES}")
        expect(sending).to_contain_text(warned)
        expect(sending.get_by_label("Format")).to_have_value("PNG")
        expect(sending).to_contain_text(f"{FRAMES} frames")
        expect(sending.get_by_label("On one kind of device")).to_be_hidden()
        sending.get_by_label("Split into tiles").check()
        sending.get_by_label("On one kind of device").check()
        expect(sending).to_contain_text(
            "rendered as a whole: No two workers are here to render side by side on one kind of device."
        )
        sending.get_by_label("Your name").fill("Jo")
        page.screenshot(path=shot / "real-sending.png")
        machine.get_by_role("button", name="Pause", exact=True).click()  # else all may be rendered before the job is
        expect(machine.get_by_role("button", name="Resume", exact=True)).to_be_visible(timeout=PATIENCE)
        with page.expect_request(re.compile("/api/jobs$"), timeout=PATIENCE) as sent:
            sending.get_by_role("button", name="Send it").click()
        told = sent.value.post_data or ""
        assert '"split":"0,0,160,90","one_kind":true' in told  # one machine renders it as a whole all the same
        expect(page.get_by_role("heading", name="turntable")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text(re.compile("sent by Jo .* · 160 . 90"))).to_be_visible()
        expect(page.get_by_role("region", name="What its sender was warned of")).to_contain_text(warned)
        page.get_by_role("link", name="All jobs").click()
        row = page.locator("job-row")
        expect(row).to_contain_text("turntable", timeout=PATIENCE)
        page.get_by_role("button", name="Pause “turntable”").click()
        page.get_by_role("button", name="Resume “turntable”").click()
        expect(page.get_by_role("button", name="Pause “turntable”")).to_be_visible()
        machine.get_by_role("button", name="Resume", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Rendering 1 job on 1 machine", timeout=PATIENCE)
        expect(row.locator(".thumb canvas")).to_be_visible(timeout=PATIENCE)
        row.get_by_role("link", name="turntable").last.click()
        expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=PATIENCE)
        expect(page.locator(".cell canvas")).to_have_count(FRAMES, timeout=PATIENCE)
        page.get_by_role("option", name="Frame 7, finished").click()
        about = page.get_by_role("region", name="This frame")
        expect(about).to_contain_text("render")
        expect(about).to_contain_text("Took")
        about.get_by_role("button", name="Its log").click()
        expect(about.locator("pre")).to_contain_text(re.compile("Fra: ?7"), timeout=PATIENCE)
        page.screenshot(path=shot / "real-job.png")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download", exact=True).click()
        names = zipfile.ZipFile(download.value.path()).namelist()
        assert names == [f"{number:06d}.png" for number in range(1, FRAMES + 1)]
        assert struct.unpack(">II", zipfile.ZipFile(download.value.path()).read(names[0])[16:24]) == (160, 90)
        with page.expect_download(timeout=PATIENCE) as download:
            page.get_by_role("button", name="Film").click()
        assert download.value.path().read_bytes()[4:8] == b"ftyp"
        page.get_by_role("link", name="All jobs").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("All is done; 1 machine is ready.")
        page.locator(".worker a").click()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        expect(page.get_by_text(re.compile("^stopped"))).to_be_visible(timeout=PATIENCE)
        until(worker.ended)
