-- What a part of a manuscript says, in short, as a model told it; known by a hash of its words, the prompt and the model.
CREATE TABLE summaries (
    piece_id TEXT NOT NULL REFERENCES pieces (id),
    part TEXT NOT NULL,
    text TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (piece_id, part)
);

-- A version of a long text holds what differs from an earlier one, its base: that one's first `head` characters, then
-- `text`, then its last `tail` characters. Where `base` is null `text` is the whole, as it always was for short ones.
ALTER TABLE versions ADD COLUMN base INTEGER;

ALTER TABLE versions ADD COLUMN head INTEGER;

ALTER TABLE versions ADD COLUMN tail INTEGER;

CREATE VIEW whole_versions AS SELECT versions.piece_id, versions.revision, versions.brief,
    CASE WHEN versions.base IS NULL THEN versions.text
    ELSE substr(whole.text, 1, versions.head) || versions.text
        || substr(whole.text, length(whole.text) - versions.tail + 1) END AS text,
    versions.why, versions.created, versions.parent, versions.name
FROM versions
LEFT JOIN versions AS whole ON whole.piece_id = versions.piece_id AND whole.revision = versions.base;
