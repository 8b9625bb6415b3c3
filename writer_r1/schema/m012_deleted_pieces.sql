-- Which pieces are deleted is asked of all of them; in a row of `pieces` that stands behind the whole text.
CREATE INDEX pieces_deleted ON pieces (deleted, updated);
