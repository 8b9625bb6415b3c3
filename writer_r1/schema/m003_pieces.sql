CREATE TABLE pieces (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL, -- as the user named it; empty: its first words stand for it
    brief TEXT NOT NULL,
    text TEXT NOT NULL,
    revision INTEGER NOT NULL, -- from 1, one more with every save that changed something
    rubric TEXT, -- as JSON
    created REAL NOT NULL,
    updated REAL NOT NULL,
    deleted REAL -- when it was thrown away
);

CREATE INDEX pieces_by_updated ON pieces (updated);

-- The newest row of a piece holds what the piece holds.
CREATE TABLE versions (
    piece_id TEXT NOT NULL REFERENCES pieces (id),
    revision INTEGER NOT NULL,
    brief TEXT NOT NULL,
    text TEXT NOT NULL,
    why TEXT NOT NULL, -- empty: saved by itself
    created REAL NOT NULL,
    PRIMARY KEY (piece_id, revision)
);

ALTER TABLE runs ADD COLUMN piece_id TEXT REFERENCES pieces (id);

CREATE INDEX runs_by_piece ON runs (piece_id);

CREATE TABLE rubrics (
    id TEXT PRIMARY KEY,
    name_key TEXT NOT NULL UNIQUE, -- the name without its letter case and white space
    name TEXT NOT NULL,
    prompt TEXT NOT NULL, -- the request they were first made for
    rubric TEXT NOT NULL, -- as JSON
    created REAL NOT NULL
);
