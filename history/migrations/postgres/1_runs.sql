-- Times without a unit in their name are unix ms; started, finished and took are in microseconds.
-- A partition has the runs whose ids were made on one day (UTC).
CREATE TABLE runs (
	id uuid NOT NULL,
	made bigint NOT NULL, -- when the id was made
	at bigint NOT NULL, -- acceptance
	flow bigint NOT NULL,
	version text NOT NULL,
	queue text NOT NULL, shard text NOT NULL,
	principal text NOT NULL,
	state text NOT NULL,
	code text, step text, message text, -- of its error
	worker text NOT NULL,
	attempt integer NOT NULL,
	crashes integer NOT NULL,
	started bigint, finished bigint, took bigint NOT NULL,
	triage text,
	replay_of text, resumed_from text, resumed_by text, replayed_by text, failure_of text, failure_run text,
	record bytea NOT NULL, -- what Redis had; see encoding.go
	payload bytea, -- its values and its journal; NULL: dropped
	size integer NOT NULL, -- of record and payload, bytes
	words tsvector,
	expires bigint NOT NULL,
	values_expire bigint, -- NULL: with the run, or dropped
	held boolean NOT NULL DEFAULT false, -- it is not deleted
	erased boolean NOT NULL DEFAULT false, -- it is not written again
	PRIMARY KEY (id, made)
) PARTITION BY RANGE (made);
ALTER TABLE runs ALTER COLUMN record SET STORAGE EXTERNAL, ALTER COLUMN payload SET STORAGE EXTERNAL; -- they are compressed
CREATE INDEX runs_at ON runs (at, id);
CREATE INDEX runs_flow ON runs (flow, at, id);
CREATE INDEX runs_principal ON runs (principal, at, id);
CREATE INDEX runs_state ON runs (state, at, id) WHERE state <> 'succeeded';
CREATE INDEX runs_code ON runs (code, at, id) WHERE code IS NOT NULL;
CREATE INDEX runs_step ON runs (step, at, id) WHERE step IS NOT NULL;
CREATE INDEX runs_expires ON runs (expires);
CREATE INDEX runs_values_expire ON runs (values_expire) WHERE values_expire IS NOT NULL;
CREATE INDEX runs_words ON runs USING gin (words);

CREATE TABLE labels (
	name text NOT NULL, value text NOT NULL, at bigint NOT NULL, run uuid NOT NULL,
	PRIMARY KEY (name, value, at, run)
);
CREATE INDEX labels_run ON labels (run);
