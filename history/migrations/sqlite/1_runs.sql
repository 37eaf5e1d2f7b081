-- Times without a unit in their name are unix ms; started, finished and took are in microseconds.
CREATE TABLE runs (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	id BLOB NOT NULL UNIQUE,
	at INTEGER NOT NULL, -- acceptance
	flow INTEGER NOT NULL,
	version TEXT NOT NULL,
	queue TEXT NOT NULL, shard TEXT NOT NULL,
	principal TEXT NOT NULL,
	state TEXT NOT NULL,
	code TEXT, step TEXT, message TEXT, -- of its error
	worker TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	crashes INTEGER NOT NULL,
	started INTEGER, finished INTEGER, took INTEGER NOT NULL,
	triage TEXT,
	replay_of TEXT, resumed_from TEXT, resumed_by TEXT, replayed_by TEXT, failure_of TEXT, failure_run TEXT,
	record BLOB NOT NULL, -- what Redis had; see encoding.go
	payload BLOB, -- its values and its journal; NULL: dropped
	size INTEGER NOT NULL, -- of record and payload, bytes
	expires INTEGER NOT NULL,
	values_expire INTEGER, -- NULL: with the run, or dropped
	held INTEGER NOT NULL DEFAULT 0, -- 1: it is not deleted
	erased INTEGER NOT NULL DEFAULT 0 -- 1: it is not written again
);
CREATE INDEX runs_at ON runs (at, id);
CREATE INDEX runs_flow ON runs (flow, at, id);
CREATE INDEX runs_principal ON runs (principal, at, id);
CREATE INDEX runs_state ON runs (state, at, id) WHERE state <> 'succeeded';
CREATE INDEX runs_code ON runs (code, at, id) WHERE code IS NOT NULL;
CREATE INDEX runs_step ON runs (step, at, id) WHERE step IS NOT NULL;
CREATE INDEX runs_expires ON runs (expires);
CREATE INDEX runs_values_expire ON runs (values_expire) WHERE values_expire IS NOT NULL;

CREATE TABLE labels (
	name TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, run BLOB NOT NULL,
	PRIMARY KEY (name, value, at, run)
) WITHOUT ROWID;
CREATE INDEX labels_run ON labels (run);

-- words has the words of runs by their number.
CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail='none', tokenize="unicode61 remove_diacritics 0");

-- days has the numbers of the runs that were accepted on a day.
CREATE TABLE days (day INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL);
