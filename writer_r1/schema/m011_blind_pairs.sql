-- What a base and an adapter wrote to the same request, and which of the two a reader preferred without being told.
CREATE TABLE blind_pairs (
    adapter TEXT NOT NULL, -- its name
    weights TEXT NOT NULL, -- the digest of its weights: a run that goes on leaves other ones under the same name
    seed INTEGER NOT NULL,
    base TEXT NOT NULL, -- the name of the model
    prompt TEXT NOT NULL,
    base_text TEXT NOT NULL,
    adapter_text TEXT NOT NULL,
    first TEXT NOT NULL, -- whose text stands first: base, adapter
    choice TEXT NOT NULL, -- whose was preferred: base, adapter, neither; out: it does not count; empty: not read yet
    created REAL NOT NULL,
    PRIMARY KEY (weights, seed)
) WITHOUT ROWID;
