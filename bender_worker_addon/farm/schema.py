# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: what the Database holds, and how one that an earlier version made comes to hold it."""

import sqlite3

from . import frame_list

VERSION = 9

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    head TEXT NOT NULL,  -- its data.json without status and tasks
    status TEXT NOT NULL,
    canceled INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL,
    changes INTEGER NOT NULL DEFAULT 0,
    written INTEGER NOT NULL DEFAULT 0);  -- how many of the changes its data.json knows
CREATE INDEX IF NOT EXISTS job_unwritten ON job (id) WHERE written < changes;
CREATE TABLE IF NOT EXISTS task (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    frames TEXT NOT NULL,  -- 7 or 1-4,9
    frame_count INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS task_by_id ON task (job, id);
CREATE INDEX IF NOT EXISTS task_by_status ON task (job, status);
CREATE TABLE IF NOT EXISTS tally (
    job TEXT NOT NULL, status TEXT NOT NULL, tasks INTEGER NOT NULL, frames INTEGER NOT NULL,
    PRIMARY KEY (job, status)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS tally_changes AFTER UPDATE OF status ON task WHEN old.status <> new.status BEGIN
    UPDATE tally SET tasks = tasks - 1, frames = frames - old.frame_count WHERE job = old.job AND status = old.status;
    INSERT INTO tally VALUES (new.job, new.status, 1, new.frame_count)
        ON CONFLICT DO UPDATE SET tasks = tasks + 1, frames = frames + new.frame_count;
END;
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    priority INTEGER NOT NULL DEFAULT 0,
    job TEXT,
    task TEXT,
    body BLOB,  -- of what is no task of a job here; a task's own stands in its row
    owner TEXT,
    redelivered INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS message_ready ON message (priority DESC, number) WHERE owner IS NULL;
CREATE INDEX IF NOT EXISTS message_held ON message (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_of_task ON message (job, task);
COMMIT;
"""
_SINCE_1 = """
BEGIN IMMEDIATE;
ALTER TABLE job ADD COLUMN person TEXT NOT NULL DEFAULT '';  -- who sent it
ALTER TABLE job ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN worker TEXT;  -- who had it last
CREATE INDEX message_of_job ON message (job, number) WHERE owner IS NULL;
CREATE TABLE fed (  -- messages that RabbitMQ was given
    number INTEGER PRIMARY KEY, confirmed INTEGER NOT NULL);
CREATE TABLE served (person TEXT PRIMARY KEY, turn INTEGER NOT NULL);
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    seen REAL NOT NULL,  -- seconds of the system's clock
    hello TEXT NOT NULL DEFAULT '{}');
CREATE TABLE credential (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
"""
_SINCE_2 = """
BEGIN IMMEDIATE;
ALTER TABLE credential ADD COLUMN worker TEXT NOT NULL DEFAULT '';  -- the id of the one whose token it is
PRAGMA user_version = 3;
COMMIT;
"""
_SINCE_3 = """
BEGIN IMMEDIATE;
CREATE INDEX IF NOT EXISTS task_of_job ON task (job);  -- and by number, as every index is in the end
CREATE TABLE IF NOT EXISTS output (  -- what Blender printed last of tasks that failed
    task INTEGER PRIMARY KEY, job TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS output_of_job ON output (job);
CREATE TABLE IF NOT EXISTS event (  -- the last of each worker
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    worker TEXT NOT NULL,
    at REAL NOT NULL,  -- seconds of the system's clock
    what TEXT NOT NULL,
    job TEXT NOT NULL,
    frames TEXT NOT NULL,
    words TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_of_worker ON event (worker);
CREATE TABLE IF NOT EXISTS command (  -- to workers on this machine
    number INTEGER PRIMARY KEY AUTOINCREMENT, worker TEXT NOT NULL, body TEXT NOT NULL, until REAL NOT NULL);
CREATE INDEX IF NOT EXISTS command_of_worker ON command (worker);
CREATE TABLE IF NOT EXISTS log (  -- of tasks, as workers were asked for them
    job TEXT NOT NULL, task TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL, PRIMARY KEY (job, task));
PRAGMA user_version = 4;
COMMIT;
"""
_SINCE_4 = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS warning (  -- what puts frames of a job in doubt
    job TEXT NOT NULL, words TEXT NOT NULL, frames TEXT NOT NULL, PRIMARY KEY (job, words)) WITHOUT ROWID;
PRAGMA user_version = 5;
COMMIT;
"""
# A task that changes its status leaves the stretch it was in, of which there is then one before it and one behind it,
# and is one of its own, with those beside it that are alike.
_STRETCH_CHANGES = """
CREATE TRIGGER stretch_changes AFTER UPDATE OF status ON task WHEN old.status <> new.status BEGIN
    INSERT INTO stretch SELECT job, old.number + 1, last, status FROM stretch
        WHERE job = old.job AND last > old.number
        AND first = (SELECT max(first) FROM stretch WHERE job = old.job AND first <= old.number);
    UPDATE stretch SET last = old.number - 1 WHERE job = old.job AND last >= old.number
        AND first = (SELECT max(first) FROM stretch WHERE job = old.job AND first < old.number);
    INSERT OR REPLACE INTO stretch VALUES (old.job, old.number, coalesce((SELECT last FROM stretch
        WHERE job = old.job AND first = old.number + 1 AND status = new.status), old.number), new.status);
    DELETE FROM stretch WHERE job = old.job AND first = old.number + 1 AND status = new.status;
    UPDATE stretch SET last = (SELECT last FROM stretch WHERE job = old.job AND first = old.number)
        WHERE job = old.job AND status = new.status
        AND first = (SELECT max(first) FROM stretch WHERE job = old.job AND first < old.number);
    DELETE FROM stretch WHERE job = old.job AND first = old.number AND new.status =
        (SELECT status FROM stretch WHERE job = old.job AND first < old.number ORDER BY first DESC LIMIT 1);
END;
"""
_SINCE_5 = (
    """
BEGIN IMMEDIATE;
ALTER TABLE job ADD COLUMN frames TEXT NOT NULL DEFAULT '';  -- all of them, 1-4,9
CREATE TABLE stretch (  -- of tasks of a job, by their numbers, that have one status
    job TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (job, first)) WITHOUT ROWID;
"""
    + _STRETCH_CHANGES
    + """INSERT INTO stretch SELECT job, min(number), max(number), status FROM (SELECT job, number, status,
    number - row_number() OVER (PARTITION BY job, status ORDER BY number) AS island FROM task)
    GROUP BY job, status, island;
UPDATE job SET frames = joined((SELECT group_concat(frames) FROM task WHERE task.job = job.id));
PRAGMA user_version = 6;
COMMIT;
"""
)
_OF_FRAMES = "WHEN old.status <> new.status AND new.frame_count > 0 BEGIN"
_SINCE_6 = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tile (  -- tasks that render a part of a picture, and the one that finishes it
    job TEXT NOT NULL, task TEXT NOT NULL, frame_task TEXT NOT NULL, PRIMARY KEY (job, task)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tile_of_frame ON tile (job, frame_task);
CREATE VIEW IF NOT EXISTS frame_task AS SELECT * FROM task WHERE frame_count > 0;  -- without those of tiles
DROP TRIGGER IF EXISTS stretch_changes;
{_STRETCH_CHANGES.replace("WHEN old.status <> new.status BEGIN", _OF_FRAMES)}
PRAGMA user_version = 7;
COMMIT;
"""
_SINCE_7 = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS told (  -- what people were told last, of a job or a worker
    what TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notice (  -- that waits to be told
    number INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0);
PRAGMA user_version = 8;
COMMIT;
"""
_SINCE_8 = """
BEGIN IMMEDIATE;
ALTER TABLE job ADD COLUMN blender TEXT NOT NULL DEFAULT '';  -- of a job in tiles: the version that renders them
PRAGMA user_version = 9;
COMMIT;
"""
_STEPS = {1: _SINCE_1, 2: _SINCE_2, 3: _SINCE_3, 4: _SINCE_4, 5: _SINCE_5, 6: _SINCE_6, 7: _SINCE_7, 8: _SINCE_8}
_MADE_BY = {
    1: ("credential", ""),
    2: ("credential", "worker TEXT"),
    3: ("log", ""),
    4: ("warning", ""),
    5: ("stretch", ""),
    6: ("frame_task", ""),
    7: ("notice", ""),
    8: ("job", "blender TEXT"),
}  # tables, and what is in them


def upgrade(connection: sqlite3.Connection) -> None:
    """Of several that open it at once one does it, and the others find it done. A program of an earlier version that
    still has it open may have written its own number into it again."""
    connection.create_function("joined", 1, lambda text: frame_list.joined(text or ""), deterministic=True)
    connection.executescript(_SCHEMA)
    for version, step in _STEPS.items():
        if connection.execute("PRAGMA user_version").fetchone()[0] > version:
            continue
        try:
            connection.executescript(step)
        except sqlite3.OperationalError:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            made = "SELECT 1 FROM sqlite_master WHERE name = ? AND instr(sql, ?)"
            if connection.execute(made, _MADE_BY[version]).fetchone() is None:
                raise
    connection.execute(f"PRAGMA user_version = {VERSION}")
