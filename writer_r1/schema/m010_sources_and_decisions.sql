-- What the words of a version were put in from: 'run ID ATTEMPT' or 'piece ID REVISION'. Null: they were typed.
ALTER TABLE versions ADD COLUMN source TEXT;

UPDATE versions SET source = (
    SELECT 'run ' || trajectory_id || ' ' || attempt FROM texts JOIN runs ON runs.id = trajectory_id
    WHERE runs.piece_id = versions.piece_id AND attempt IS NOT NULL AND texts.text = versions.text AND versions.text != ''
    ORDER BY runs.created DESC, attempt LIMIT 1
) WHERE why LIKE '% taken over';

-- What was done with a change that was reviewed; whoever decides again on the same change takes the place of it.
CREATE TABLE decisions (
    piece_id TEXT NOT NULL REFERENCES pieces (id),
    source TEXT NOT NULL, -- what was reviewed, as in versions
    change_id TEXT NOT NULL,
    revision INTEGER NOT NULL, -- of the version that came of it
    prompt TEXT NOT NULL,
    criterion TEXT NOT NULL, -- the name of the one that asked for it; empty: none
    reason TEXT NOT NULL,
    verdict TEXT NOT NULL, -- accept, reject, edit
    lead TEXT NOT NULL, -- what stands before it in its paragraph
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    own TEXT NOT NULL, -- what stands there now, where its reader worded it anew
    trail TEXT NOT NULL, -- what stands after it in its paragraph
    created REAL NOT NULL,
    PRIMARY KEY (piece_id, source, change_id)
) WITHOUT ROWID;

DROP VIEW whole_versions;

CREATE VIEW whole_versions AS SELECT versions.piece_id, versions.revision, versions.brief,
    CASE WHEN versions.base IS NULL THEN versions.text
    ELSE substr(whole.text, 1, versions.head) || versions.text
        || substr(whole.text, length(whole.text) - versions.tail + 1) END AS text,
    versions.why, versions.created, versions.parent, versions.name,
    versions.source
FROM versions
LEFT JOIN versions AS whole ON whole.piece_id = versions.piece_id AND whole.revision = versions.base;
