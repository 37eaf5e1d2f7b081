-- stats has a summary of the runs of a flow that ended within a time: see summary_encoding.go. Flow 0 is all flows together.
CREATE TABLE stats (
	flow bigint NOT NULL,
	width bigint NOT NULL, -- of the time: a minute, an hour or a day, ms
	at bigint NOT NULL, -- its beginning, unix ms
	summary bytea NOT NULL,
	PRIMARY KEY (flow, width, at)
) WITH (fillfactor = 50); -- the latest summaries are written about twice a second, without a change to an index
CREATE INDEX stats_at ON stats (width, at);
