# SPDX-License-Identifier: GPL-3.0-or-later
"""`configure`: asks for the settings, checks them and writes the config file."""

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from . import ENDED, PROGRAM, USAGE

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "configure"
HELP = "ask for the settings, check them and write config.toml"
DESCRIPTION = (
    "Asks for the settings, checks them and writes config.toml, for its owner alone; comments in it and settings that"
    " are not known stay. Settings given as options are not asked for; with --yes none are."
)

_FIRST = ("amqp_url", "bender_url", "id", "blendpath", "outpath", "disklimit", "workload", "mode", "upload")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="ask nothing: write what the options say")
    parser.add_argument(
        "--import",
        dest="taken_from",
        nargs="?",
        const="",
        metavar="FILE",
        help="take over the settings of bender-worker, from its own place or from FILE",
    )


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings import config as configuration
    from ...settings import file as config_file

    if not options.yes and not sys.stdin.isatty():
        print(f"{PROGRAM}: there is nobody to ask; give settings as options, and --yes", file=sys.stderr)
        return USAGE
    _make_named_file()
    before = settings()
    names = [setting.name for setting in configuration.settings()]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    chosen = _imported(options, before) | given
    if not options.yes:
        chosen |= _answers(before, [name for name in names if name not in chosen])
    _check({name: getattr(options, name) for name in names} | chosen, settings, options)
    if not options.yes and not _yes(f"Write {before.file}?", default=True):
        return ENDED
    values = {name: configuration.as_toml(name, text) for name, text in chosen.items()}
    config_file.write(before.file, config_file.read_if_there(before.file).changed(values))
    print(f"{before.file} is written")
    return ENDED


def _make_named_file() -> None:
    """A config file that is named and missing is an error for all others; here it is to be made."""
    from ...settings import file as config_file
    from ...settings.config import CONFIG_FILE

    path = Path(os.environ.get(CONFIG_FILE) or os.devnull)
    if not path.exists():
        config_file.write(path, "")


def _imported(options: argparse.Namespace, before: "Resolved") -> dict[str, str]:
    """The settings of bender-worker, if they are wanted: they are offered as long as there are none of ours."""
    from ...core.errors import ConfigError
    from ...settings import legacy

    if options.taken_from:
        return legacy.taken_over(Path(options.taken_from))
    path = legacy.its_config_file()
    if options.taken_from is not None and path is None:
        raise ConfigError("--import: bender-worker has left no config file in its place; name one: --import FILE")
    if path is None or (options.taken_from is None and (options.yes or before.file.exists())):
        return {}
    if options.taken_from is None and not _yes(f"Take over the settings of bender-worker in {path}?", default=True):
        return {}
    taken = legacy.taken_over(path)
    print(f"taken over from {path}: {', '.join(taken)}")
    return taken


def _answers(before: "Resolved", names: list[str]) -> dict[str, str]:
    """Asks for settings; what is left as it is isn't in it."""
    answers: dict[str, str] = {}
    print("Enter keeps what stands in brackets.")
    first = [name for name in _FIRST if name in names]
    others = [name for name in names if name not in first]
    for name in first:
        _ask(before, name, answers)
    if _yes(f"Go through the other {len(others)} settings too? Their values are sensible.", default=False):
        for name in others:
            _ask(before, name, answers)
    return answers


def _ask(before: "Resolved", name: str, answers: dict[str, str]) -> None:
    from ...core.errors import ConfigError
    from ...settings.config import ENVIRONMENT_PREFIX, as_toml, help_on, shown

    if os.environ.get(ENVIRONMENT_PREFIX + name.upper()):
        print(f"{name}: {ENVIRONMENT_PREFIX}{name.upper()} is set and goes before the file")
        return
    print(f"\n{help_on(name)}")
    while text := input(f"{name} [{shown(before.config, name)}]: ").strip():
        try:
            as_toml(name, text)
        except ConfigError as error:
            print(error)
            continue
        answers[name] = _with_credentials(text) if name == "amqp_url" else text
        return


def _with_credentials(url: str) -> str:
    """The address with user and password, which are not shown while they are typed."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return url
    user = input("user [guest]: ").strip() or "guest"
    password = getpass.getpass("password [guest]: ") or "guest"
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{credentials}@{parts.netloc}"))


def _check(chosen: dict[str, str | None], settings: "Callable[[], Resolved]", options: argparse.Namespace) -> None:
    """Tells what is wrong with the settings as they will be. Raises ConfigError for what can't be used at all."""
    from ...worker import checkup

    vars(options).update(chosen)
    for name, test in checkup.of_settings(settings().config).items():
        trouble = test()
        print(f"{name}: {trouble or 'good'}", file=sys.stderr if trouble else sys.stdout)


def _yes(question: str, *, default: bool) -> bool:
    answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
    return answer in ("y", "yes") if answer else default
