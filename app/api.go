package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/penstock/penstock/api"
	historyapi "github.com/penstock/penstock/api/history"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/outbound"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/telemetry"
)

// openListener listens before other parts are opened, because they need the URL.
func (p *Program) openListener(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen, 127.0.0.1:0 picks one", p.settings.Listen, err)
	}
	p.listener = listener
	p.onClose(func() error { return ignoreClosed(listener.Close()) })
	p.url = "http://" + reachable(listener.Addr().(*net.TCPAddr))
	p.log.Info("front door", "url", p.url)
	return nil
}

// reachable returns an address at which this machine can reach the listener.
func reachable(addr *net.TCPAddr) string {
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", addr.Port)
	}
	return addr.String()
}

// openAPI serves the API and the console on the listener.
func (p *Program) openAPI(context.Context) error {
	q := api.Queue{Client: p.client}
	transport, err := outbound.New(outbound.Config{AllowPrivate: p.settings.AllowPrivate})
	if err != nil {
		return err
	}
	p.onClose(func() error { transport.CloseIdleConnections(); return nil })
	config := api.Config{
		Others: p.otherRecords,
		Submit: func(ctx context.Context, s queue.Submission) (runner.Ticket, error) {
			p.addTrace(ctx, &s)
			return q.Submit(ctx, s)
		},
		MarkDelivered:  p.client.MarkDelivered,
		Records:        q,
		Runs:           q,
		Fleet:          p.client,
		Operations:     p.operations,
		Flows:          p.store.Flows(),
		Keys:           p.store.Keys(),
		Version:        BuildVersion(),
		Authority:      p.authority,
		Store:          p.store,
		Callbacks:      p.callbacks,
		Call:           p.client.Call,
		Publish:        p.publish,
		State:          state.New(p.shared),
		Rehearser:      p.rehearser,
		Webhooks:       p.webhooks,
		Failures:       p.failures,
		Stats:          p.stats(),
		HookKeys:       sender.NewFetcher(transport, time.Now),
		Deliveries:     p.deliveries,
		Guard:          p.bruteForceGuard,
		Limiter:        p.limiter,
		Console:        p.console,
		Connections:    p.connections,
		Label:          telemetry.Label,
		RejectLog:      p.rejectLog,
		Usage:          p.keyUsage,
		KeyUsage:       p.keyUsage,
		CountCall:      p.clientUsage.Count,
		Used:           p.lastUse.Note,
		Log:            p.log,
		Ready:          p.ready,
		Memory:         p.memory,
		MaxBody:        p.settings.MaxBody,
		Files:          p.files,
		TrustedProxies: p.settings.TrustedProxies,
		Origins:        p.settings.Origins,
	}
	if p.history != nil {
		config.Stats, config.History = p.history, historyapi.Config{History: p.history, Runs: p.client, Deliveries: p.deliveries, ForgetFiles: p.forgetFiles}
	}
	handler, err := api.New(config)
	if err != nil {
		return err
	}
	p.handler = handler
	p.warnOfRates(handler.Routes())
	server, err := api.NewServer(api.ServerConfig{Listener: p.listener, API: handler, Log: p.log, Wrap: p.middleware(), Linger: p.settings.Linger})
	if err != nil {
		return err
	}
	p.onClose(server.Close)
	p.add("front door", server.Run)
	return nil
}

// warnOfRates logs the rates that apply to no flow that is deployed, and to no operation that there is: they may be misspelled.
func (p *Program) warnOfRates(operations []string) {
	var numbers []int64
	for _, head := range p.store.Flows().List() {
		numbers = append(numbers, head.Number)
		for _, e := range head.Endpoints {
			operations = append(operations, e.Method+" "+e.Path)
		}
	}
	for flag, rates := range map[string]limits.Rates{"--rate-ip": p.settings.RateIP, "--rate-credential": p.settings.RateCredential} {
		for _, name := range rates.Unmatched(numbers, operations) {
			p.log.Warn("rate is about no flow and no path that there is now", "flag", flag, "rate", name)
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
