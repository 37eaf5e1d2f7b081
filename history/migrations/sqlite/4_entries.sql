-- entries has the audit log, and what arrived at webhooks. Times are unix ms.
CREATE TABLE entries (
	log TEXT NOT NULL, -- its name: audit, or deliveries and the number of the flow
	at INTEGER NOT NULL,
	seq INTEGER NOT NULL, -- tells the entries of a millisecond apart; the number of a delivery
	run BLOB, -- that it is about
	text BLOB NOT NULL, -- JSON, as Redis had it
	expires INTEGER NOT NULL,
	PRIMARY KEY (log, at, seq)
) WITHOUT ROWID;
CREATE INDEX entries_seq ON entries (log, seq);
CREATE INDEX entries_run ON entries (run) WHERE run IS NOT NULL;
CREATE INDEX entries_expires ON entries (expires);
