-- stats has a summary of the runs of a flow that ended within a time: see summary_encoding.go. Flow 0 is all flows together.
CREATE TABLE stats (
	flow INTEGER NOT NULL,
	width INTEGER NOT NULL, -- of the time: a minute, an hour or a day, ms
	at INTEGER NOT NULL, -- its beginning, unix ms
	summary BLOB NOT NULL,
	PRIMARY KEY (flow, width, at)
);
CREATE INDEX stats_at ON stats (width, at);
