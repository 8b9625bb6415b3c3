CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    prompt TEXT NOT NULL,
    model TEXT NOT NULL,
    owner TEXT NOT NULL, -- the process that writes it, as pid and start time
    state TEXT NOT NULL, -- running, finished, stopped, failed
    stopped TEXT, -- why
    best INTEGER, -- the accepted attempt
    stop_asked INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    updated REAL NOT NULL
);

CREATE INDEX runs_by_created ON runs (created);

CREATE TABLE events (
    trajectory_id TEXT NOT NULL REFERENCES runs (id),
    seq INTEGER NOT NULL, -- from 1
    line TEXT NOT NULL, -- one event as JSON
    PRIMARY KEY (trajectory_id, seq)
) WITHOUT ROWID;

-- One row for the prompt (attempt is null) and one for each attempt, also while it is being written.
CREATE TABLE texts (
    id INTEGER PRIMARY KEY,
    trajectory_id TEXT NOT NULL REFERENCES runs (id),
    attempt INTEGER,
    text TEXT NOT NULL,
    UNIQUE (trajectory_id, attempt)
);

CREATE TABLE lessons (
    id TEXT PRIMARY KEY,
    lesson TEXT NOT NULL -- as JSON
);
