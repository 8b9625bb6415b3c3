-- What the user said is not for a piece: it is not proposed again for it, nor for the request it was found for.
CREATE TABLE dismissed (
    piece_id TEXT NOT NULL REFERENCES pieces (id),
    prompt_id TEXT NOT NULL, -- of that request
    criterion_id TEXT NOT NULL,
    criterion TEXT NOT NULL, -- as JSON
    created REAL NOT NULL,
    PRIMARY KEY (piece_id, criterion_id)
);

CREATE INDEX dismissed_by_prompt ON dismissed (prompt_id);
