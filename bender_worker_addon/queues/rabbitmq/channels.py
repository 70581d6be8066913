# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels: how a connection to RabbitMQ is made, and the channels on it, with what must exist for each."""

import hashlib
import re

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from ...core import tile
from ...core.errors import ConfigError
from ...settings.tls import SYSTEM_TLS, Tls
from .errors import CONNECTION_ERRORS, LOCKED, NOT_FOUND, REFUSED, IdTaken, close_quietly, in_words, root

WORK_QUEUE = "work"
TILE_QUEUE = "bender-tiles"  # begins the names of queues of tiles: bender's own workers know none, and see none
REPORT_EXCHANGE = "worker-topic"

_BLOCKED = 120.0  # seconds the broker may refuse to take reports before the session counts as lost
_UNUSUAL = re.compile(r"[^A-Za-z0-9.]+")
_LONGEST = 40  # letters of a version, or of a kind of device


def tile_queue(makers: str) -> str:
    """The queue of tasks of pictures in tiles that these render (see `tile.makers`), `bender-tiles.4.3.2`: another
    version of Blender may sample otherwise, and the edges of its tiles would show."""
    blender, kind = tile.parted(makers)
    version = _UNUSUAL.sub("-", blender[:_LONGEST])
    queue = f"{TILE_QUEUE}.{version}" if version else TILE_QUEUE
    return of_kind(queue, kind) if kind else queue


def of_kind(queue: str, kind: str) -> str:
    """That of the tasks among those of a queue of tiles that one kind of device renders."""
    name = _UNUSUAL.sub("-", kind[:_LONGEST]).strip("-.")
    return f"{queue}.{name}-{hashlib.blake2b(kind.encode(), digest_size=4).hexdigest()}"


def parameters(url: str, worker_id: str, tls: Tls = SYSTEM_TLS) -> pika.URLParameters:
    """The vhost of `amqp://host//`, the default of bender-worker, is `/` (pika would read it as an empty name).

    Raises ConfigError if `url` can't be understood, or a file of `tls` can't be used.
    """
    if url.endswith("//"):
        url = f"{url[:-1]}%2F"
    try:
        understood = pika.URLParameters(url)
    except Exception as error:  # pika raises IndexError, TypeError, ValueError and more for what it can't read
        raise ConfigError("amqp_url can't be understood; it should be amqp://user:password@host:port/vhost") from error
    understood.client_properties = {"connection_name": f"bender-worker {worker_id}"}
    if understood.ssl_options is not None:
        understood.ssl_options = pika.SSLOptions(tls.context(), understood.host)
    if understood.blocked_connection_timeout is None:
        understood.blocked_connection_timeout = _BLOCKED
    return understood


def take_id(connection: BlockingConnection, worker_id: str) -> None:
    """Takes the worker's id for as long as the connection lives, by an empty queue that only it may use.

    Raises IdTaken if another has it. Where the user may make no queues nobody can tell, and it goes without.
    """
    try:
        channel = connection.channel()
        channel.queue_declare(f"bender-worker.{worker_id}", exclusive=True, auto_delete=True)
    except ChannelClosedByBroker as error:
        if error.reply_code == LOCKED:
            words = f"another worker with the id {worker_id} is connected; give this one an id of its own"
            raise IdTaken(words) from error
        if error.reply_code != REFUSED:
            raise


def work_channel(connection: BlockingConnection) -> BlockingChannel:
    """A channel on which the queue of tasks exists: used as the farm declared it, declared only if missing."""
    return channel_with(connection, WORK_QUEUE)


def channel_with(connection: BlockingConnection, queue: str) -> BlockingChannel:
    """The same of another queue. Raises ChannelClosedByBroker, also where the user may make none."""
    try:
        channel = connection.channel()
        channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        channel = connection.channel()
        channel.queue_declare(queue, durable=True)
    return channel


def report_channel(connection: BlockingConnection) -> BlockingChannel:
    """A channel on which the exchange of reports exists. Apart from the channel of tasks: a refused report would close
    it and take the pending acks along."""
    try:
        channel = connection.channel()
        channel.exchange_declare(REPORT_EXCHANGE, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        channel = connection.channel()
        channel.exchange_declare(REPORT_EXCHANGE, "topic", durable=True)
    return channel


def confirming_channel(connection: BlockingConnection) -> BlockingChannel:
    channel = connection.channel()
    channel.confirm_delivery()
    return channel


def why_unreachable(url: str, tls: Tls = SYSTEM_TLS) -> str:
    """Connects to `url` and looks for the queue of tasks; gives what is wrong, or nothing if a worker could work."""
    try:
        connection = BlockingConnection(parameters(url, "test", tls))
    except ConfigError as error:
        return str(error)
    except CONNECTION_ERRORS as error:
        advice = "; is RabbitMQ running there, and is the address right?" if isinstance(root(error), OSError) else ""
        return f"{in_words(error)}{advice}"
    try:
        work_channel(connection)
        report_channel(connection)
    except CONNECTION_ERRORS as error:
        return in_words(error)
    finally:
        close_quietly(connection)
    return ""
