-- Trigrams find Chinese and Japanese too, which have no spaces between words. Row ids are those of `texts`.
CREATE VIRTUAL TABLE found USING fts5 (text, tokenize = 'trigram');

INSERT INTO found (rowid, text) SELECT id, text FROM texts;
