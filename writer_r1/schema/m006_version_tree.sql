-- The version that each was made of: restoring an old one begins a branch. Null: the first.
ALTER TABLE versions ADD COLUMN parent INTEGER;

-- As the user called it.
ALTER TABLE versions ADD COLUMN name TEXT NOT NULL DEFAULT '';

UPDATE versions SET parent = (
    SELECT max(earlier.revision) FROM versions AS earlier
    WHERE earlier.piece_id = versions.piece_id AND earlier.revision < versions.revision
);
