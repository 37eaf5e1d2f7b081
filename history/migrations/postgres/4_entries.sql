-- entries has the audit log, and what arrived at webhooks. Times are unix ms.
CREATE TABLE entries (
	log text NOT NULL, -- its name: audit, or deliveries and the number of the flow
	at bigint NOT NULL,
	seq bigint NOT NULL, -- tells the entries of a millisecond apart; the number of a delivery
	run uuid, -- that it is about
	text bytea NOT NULL, -- JSON, as Redis had it
	expires bigint NOT NULL,
	PRIMARY KEY (log, at, seq)
);
CREATE INDEX entries_seq ON entries (log, seq);
CREATE INDEX entries_run ON entries (run) WHERE run IS NOT NULL;
CREATE INDEX entries_expires ON entries (expires);
