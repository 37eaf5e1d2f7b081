package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/audit/sink"
	"github.com/penstock/penstock/internal/certfile"
	"github.com/penstock/penstock/telemetry"
)

// openAudit begins to write the counts of refusals, and to export the audit log to where the settings say.
func (p *Program) openAudit(context.Context) error {
	log := p.store.Audit()
	sinks, err := p.settings.auditSinks()
	if err != nil {
		return err
	}
	if p.metrics != nil {
		p.metrics.Audit(func(ctx context.Context) ([]telemetry.AuditExport, error) {
			exports, err := log.Exports(ctx)
			var all []telemetry.AuditExport
			for _, x := range exports {
				all = append(all, telemetry.AuditExport{Sink: x.Sink, Behind: x.Behind, Lost: x.Lost, Failing: x.Error != ""})
			}
			return all, err
		})
	}
	p.add("audit log", log.Run)
	process := rand.Text()
	for _, s := range sinks {
		p.add("audit log to "+s.Kind(), audit.NewExporter(log, s, process).Run)
	}
	return nil
}

// auditSinks returns the sinks of the settings. They are not opened yet.
func (s *Settings) auditSinks() (all []audit.Sink, err error) {
	if s.AuditFile != "" {
		all = append(all, sink.NewFile(s.AuditFile))
	}
	if s.AuditSyslog != "" {
		trusted, err := certfile.Pool(s.AuditSyslogCA)
		if err != nil {
			return nil, fmt.Errorf("read settings: --audit-syslog-ca: %w", err)
		}
		to, err := sink.NewSyslog(s.AuditSyslog, &tls.Config{RootCAs: trusted})
		if err != nil {
			return nil, fmt.Errorf("read settings: --audit-syslog: %w", err)
		}
		all = append(all, to)
	}
	if s.AuditHTTP != "" {
		to, err := sink.NewHTTP(s.AuditHTTP, s.AuditHTTPHeader)
		if err != nil {
			return nil, fmt.Errorf("read settings: --audit-http, %s: %w", EnvAuditHTTPHeader, err)
		}
		all = append(all, to)
	}
	return all, nil
}

func (s *Settings) checkAudit() error {
	_, err := s.auditSinks()
	if s.AuditHTTPHeader != "" && s.AuditHTTP == "" {
		err = cmp.Or(err, fmt.Errorf("read settings: %s is only of use with --audit-http", EnvAuditHTTPHeader))
	}
	return err
}

// otherRecords reads records that are not the store's, for the audit log.
func (p *Program) otherRecords(ctx context.Context, kind, id string) (map[string]any, error) {
	switch kind {
	case audit.KindQueue:
		all, err := p.client.Stats(ctx)
		if err != nil {
			return nil, err
		}
		for i := range all {
			if all[i].Queue == id {
				return map[string]any{"paused": all[i].Paused}, nil
			}
		}
		return nil, nil
	case audit.KindRun:
		r, err := p.client.Record(ctx, id)
		if err != nil {
			return nil, err
		}
		return map[string]any{"state": r.State, "triage": r.TriageState()}, nil
	}
	return nil, nil
}
