-- What the writer gave a text for a criterion. Kept beside the judge's word, never in it.
CREATE TABLE own_scores (
    trajectory_id TEXT NOT NULL REFERENCES runs (id),
    attempt INTEGER NOT NULL,
    criterion_id TEXT NOT NULL,
    criterion TEXT NOT NULL, -- as JSON: a run may be judged by other words later
    score INTEGER NOT NULL, -- from 1 to 10
    value REAL, -- what the judge gave it then, from 0 to 1; null: no score
    judge TEXT NOT NULL, -- the model that judged
    created REAL NOT NULL,
    PRIMARY KEY (trajectory_id, attempt, criterion_id)
) WITHOUT ROWID;
