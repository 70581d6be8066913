BEGIN TRANSACTION;
CREATE TABLE credential (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE fed (  -- messages that RabbitMQ was given
    number INTEGER PRIMARY KEY, confirmed INTEGER NOT NULL);
INSERT INTO "fed" VALUES(2,1);
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    head TEXT NOT NULL,  -- its data.json without status and tasks
    status TEXT NOT NULL,
    canceled INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL,
    changes INTEGER NOT NULL DEFAULT 0,
    written INTEGER NOT NULL DEFAULT 0, person TEXT NOT NULL DEFAULT '', paused INTEGER NOT NULL DEFAULT 0);
INSERT INTO "job" VALUES('job-a','scene','2026-11-25T23:50:52.390240Z','{"id": "job-a", "paths": {"blend": "scene.blend"}, "time": {"creation": "2026-11-25T23:50:52.390240Z"}}','Running',0,2,1,0,'',0);
INSERT INTO "job" VALUES('job-b','scene','2026-11-25T23:50:52.390730Z','{"id": "job-b", "paths": {"blend": "scene.blend"}, "time": {"creation": "2026-11-25T23:50:52.390730Z"}}','Queued',0,0,0,0,'',0);
CREATE TABLE message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    priority INTEGER NOT NULL DEFAULT 0,
    job TEXT,
    task TEXT,
    body BLOB,  -- of what is no task of a job here; a task's own stands in its row
    owner TEXT,
    redelivered INTEGER NOT NULL DEFAULT 0);
INSERT INTO "message" VALUES(2,2,'job-a','job-a-2',NULL,'rabbitmq',0);
INSERT INTO "message" VALUES(3,2,'job-a','job-a-3',NULL,NULL,0);
INSERT INTO "message" VALUES(4,0,'job-b','job-b-1',NULL,NULL,0);
CREATE TABLE served (person TEXT PRIMARY KEY, turn INTEGER NOT NULL);
INSERT INTO "served" VALUES('',1);
CREATE TABLE tally (
    job TEXT NOT NULL, status TEXT NOT NULL, tasks INTEGER NOT NULL, frames INTEGER NOT NULL,
    PRIMARY KEY (job, status)) WITHOUT ROWID;
INSERT INTO "tally" VALUES('job-a','Finished',1,1);
INSERT INTO "tally" VALUES('job-a','Waiting',2,2);
INSERT INTO "tally" VALUES('job-b','Waiting',1,1);
CREATE TABLE task (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    frames TEXT NOT NULL,  -- 7 or 1-4,9
    frame_count INTEGER NOT NULL,
    body TEXT NOT NULL, worker TEXT);
INSERT INTO "task" VALUES(1,'job-a','job-a-1','Finished','1',1,'{"id": "job-a-1", "status": "Finished", "time": {"creation": "2019-03-02T13:48:40.176598Z", "queued": null, "start": "2026-11-24T10:00:00Z", "finish": "2026-11-24T10:00:09Z", "error": null, "abort": null, "pause": null}, "command": {"Blender": {"frame": {"1": {"filesize": null, "hash": null, "uploaded": false}}, "image_format": "PNG", "blendfile": null, "outpath": null, "command": null}}, "data": {"device": "CPU", "timings": "{\"render\": 8.5}"}, "parent_id": "job-a"}','old-worker');
INSERT INTO "task" VALUES(2,'job-a','job-a-2','Waiting','2',1,'{"id": "job-a-2", "status": "Waiting", "time": {"creation": "2019-03-02T13:48:40.176598Z", "queued": null, "start": null, "finish": null, "error": null, "abort": null, "pause": null}, "command": {"Blender": {"frame": {"2": {"filesize": null, "hash": null, "uploaded": false}}, "image_format": "PNG", "blendfile": null, "outpath": null, "command": null}}, "data": {}, "parent_id": "job-a"}',NULL);
INSERT INTO "task" VALUES(3,'job-a','job-a-3','Waiting','3',1,'{"id": "job-a-3", "status": "Waiting", "time": {"creation": "2019-03-02T13:48:40.176598Z", "queued": null, "start": null, "finish": null, "error": null, "abort": null, "pause": null}, "command": {"Blender": {"frame": {"3": {"filesize": null, "hash": null, "uploaded": false}}, "image_format": "PNG", "blendfile": null, "outpath": null, "command": null}}, "data": {}, "parent_id": "job-a"}',NULL);
INSERT INTO "task" VALUES(4,'job-b','job-b-1','Waiting','1',1,'{"id": "job-b-1", "status": "Waiting", "time": {"creation": "2019-03-02T13:48:40.176598Z", "queued": null, "start": null, "finish": null, "error": null, "abort": null, "pause": null}, "command": {"Blender": {"frame": {"1": {"filesize": null, "hash": null, "uploaded": false}}, "image_format": "PNG", "blendfile": null, "outpath": null, "command": null}}, "data": {}, "parent_id": "job-b"}',NULL);
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    seen REAL NOT NULL,  -- seconds of the system's clock
    hello TEXT NOT NULL DEFAULT '{}');
INSERT INTO "worker" VALUES('old-worker',1.79565065239169311525e+09,'{"name": "otto"}');
CREATE INDEX job_unwritten ON job (id) WHERE written < changes;
CREATE UNIQUE INDEX task_by_id ON task (job, id);
CREATE INDEX task_by_status ON task (job, status);
CREATE TRIGGER tally_changes AFTER UPDATE OF status ON task WHEN old.status <> new.status BEGIN
    UPDATE tally SET tasks = tasks - 1, frames = frames - old.frame_count WHERE job = old.job AND status = old.status;
    INSERT INTO tally VALUES (new.job, new.status, 1, new.frame_count)
        ON CONFLICT DO UPDATE SET tasks = tasks + 1, frames = frames + new.frame_count;
END;
CREATE INDEX message_ready ON message (priority DESC, number) WHERE owner IS NULL;
CREATE INDEX message_held ON message (owner) WHERE owner IS NOT NULL;
CREATE INDEX message_of_task ON message (job, task);
CREATE INDEX message_of_job ON message (job, number) WHERE owner IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('message',4);
COMMIT;
PRAGMA user_version = 2;
