package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/console"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/internal/cputime"
	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/queue"
)

const (
	historyOff  = "off"
	historyFile = "history.db" // below the data directory
	leastIdle   = 0.1          // share of the processors' time below which copying runs waits
)

// openHistory opens the history of runs. A process with a data directory of its own keeps it there, if the settings name no
// other place.
func (p *Program) openHistory(ctx context.Context) (err error) {
	place := p.settings.History
	if place == "" && p.dataDir != "" {
		place = "sqlite:" + filepath.Join(p.dataDir, historyFile)
	}
	if place == "" || place == historyOff {
		return nil
	}
	p.history, err = history.Open(ctx, place, p.log)
	if errors.Is(err, history.ErrUnavailable) {
		p.log.Error("the history does not answer: Redis keeps ended runs until it does", "error", err)
		err = nil
	}
	if err != nil {
		return err
	}
	p.onClose(p.history.Close)
	return nil
}

// keepHistory copies ended runs to the history, and deletes there what has expired.
func (p *Program) keepHistory(worker string) {
	if p.history == nil {
		return
	}
	var idle cputime.Idle
	archiver := history.NewArchiver(history.ArchiverConfig{
		History: p.history, Source: p.client, Redis: p.shared, Process: worker, Log: p.log,
		Keep: history.Keep{Runs: p.settings.HistoryRetention}, Describe: p.describeRun,
		Busy: func() bool { return idle.Share() < leastIdle }, Delay: min(p.settings.HistoryDelay, p.settings.Hot),
	})
	if p.metrics != nil {
		p.metrics.History(archiver)
	}
	p.add("history", archiver.Run)
	p.add("history logs", history.NewLogArchiver(history.LogArchiverConfig{
		History: p.history, Redis: p.shared, Process: worker, Log: p.log,
		Logs: []history.KeptLog{{Source: p.store.Audit(), Keep: p.settings.AuditRetention}, {Source: p.deliveries, Keep: p.settings.HistoryRetention}},
	}).Run)
	p.add("history retention", func(ctx context.Context) error { return p.history.KeepTidy(ctx, p.log) })
}

// describeRun adds the labels of a run, and how long its flow keeps it. A version that cannot be used any more says nothing.
func (p *Program) describeRun(ctx context.Context, r *history.Run, record *queue.Record) {
	flow, err := p.store.Flows().Version(ctx, record.Flow, record.Version)
	if err != nil {
		return
	}
	keep := history.Keep{Runs: flow.Keep.Failed, Values: flow.Keep.Payloads}
	if record.State == queue.Succeeded {
		keep.Runs = flow.Keep.Succeeded
	}
	keep.Runs = cmp.Or(keep.Runs, p.settings.HistoryRetention)
	r.KeepFor(keep, record.Times.Finished)
	if !flow.HasLabels() {
		return
	}
	if run, err := record.Input(); err == nil {
		run.ID = record.ID
		r.Labels = flow.Labels(ctx, run)
	}
}

// logHistory returns the history of logs; nil without one.
func (p *Program) logHistory() entrylog.History {
	if p.history == nil {
		return nil
	}
	return p.history
}

// stats returns the statistics of runs; nil without a history.
func (p *Program) stats() console.Stats {
	if p.history == nil {
		return nil
	}
	return p.history
}

// historyPinger returns the history for the console; nil when there is none.
func (p *Program) historyPinger() console.Pinger {
	if p.history == nil {
		return nil
	}
	return p.history
}

// redisRetention is how long Redis keeps ended runs.
func (p *Program) redisRetention() time.Duration {
	if p.history != nil {
		return min(p.settings.Hot, p.settings.Retention)
	}
	return p.settings.Retention
}

// keepsFiles reports whether the files of a run are still used. Those of an ended run are kept as long as its record would be
// without a history.
func (p *Program) keepsFiles(ctx context.Context, run string) (bool, error) {
	kept, err := p.client.KeepsFiles(ctx, run)
	if kept || err != nil || p.history == nil {
		return kept, err
	}
	return p.client.KeptByHistory(ctx, run, p.settings.Retention)
}

// forgetFiles deletes the files of a run that was erased, unless a run that continues it still needs them.
func (p *Program) forgetFiles(ctx context.Context, run string) error {
	kept, err := p.keepsFiles(ctx, run)
	if kept || err != nil {
		return err
	}
	return p.files.DeleteOwner(ctx, run)
}

func (s *Settings) checkHistory(r Role) error {
	switch {
	case s.History != "" && s.History != historyOff:
		if err := history.Check(s.History); err != nil {
			return fmt.Errorf("read settings: --history: %w", err)
		}
	}
	switch {
	case !r.Worker:
		return nil
	case s.Hot < time.Second:
		return fmt.Errorf("read settings: --hot %v: Redis keeps ended runs for at least 1s", s.Hot)
	case s.HistoryRetention < time.Minute:
		return fmt.Errorf("read settings: --history-retention %v: the history keeps runs for at least 1m", s.HistoryRetention)
	case s.HistoryDelay < 0:
		return fmt.Errorf("read settings: --history-delay %v: it is at least 0s", s.HistoryDelay)
	case s.AuditRetention < time.Minute:
		return fmt.Errorf("read settings: --audit-retention %v: the history keeps the audit log for at least 1m", s.AuditRetention)
	}
	return nil
}
