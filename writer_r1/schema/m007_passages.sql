-- A run about a passage of its piece: its texts stand beside the manuscript, never among the rounds or the search.
ALTER TABLE runs ADD COLUMN passage INTEGER NOT NULL DEFAULT 0;

-- Passages that only the writer's own hand may change, told by their words and what stood around them.
CREATE TABLE protected (
    id TEXT PRIMARY KEY,
    piece_id TEXT NOT NULL REFERENCES pieces (id),
    text TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    created REAL NOT NULL
);

CREATE INDEX protected_by_piece ON protected (piece_id);
