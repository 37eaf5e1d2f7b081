-- Indexes are dropped last: from then on lists wait until the transaction ends.
ALTER INDEX runs_flow RENAME TO runs_flow_1;
ALTER INDEX runs_state RENAME TO runs_state_1;
-- The beginning of a version, a SHA-256 in hex, tells it from others.
CREATE INDEX runs_version ON runs (substr(version, 1, 12), at);
CREATE INDEX runs_worker ON runs (worker, at);
CREATE INDEX runs_flow ON runs (flow, at, id, took);
-- Few runs are in the others; filter.go has the same conditions.
CREATE INDEX runs_queue ON runs (queue, at) WHERE queue <> 'default';
CREATE INDEX runs_state ON runs (at, id, state, triage) WHERE state <> 'succeeded';
CREATE INDEX runs_slow ON runs (at, took) WHERE took >= 1000000;
CREATE INDEX runs_repeated ON runs (at, attempt, crashes) WHERE attempt > 1 OR crashes > 0;
CREATE INDEX runs_related ON runs (at) WHERE replay_of IS NOT NULL OR resumed_from IS NOT NULL OR resumed_by IS NOT NULL OR replayed_by IS NOT NULL OR failure_of IS NOT NULL OR failure_run IS NOT NULL;
DROP INDEX runs_flow_1, runs_state_1;
