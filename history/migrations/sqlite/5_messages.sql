-- filter.go names the index for lists by message. Its condition keeps it from lists of other conditions.
CREATE INDEX runs_message ON runs (at, id, message) WHERE message IS NOT NULL;
