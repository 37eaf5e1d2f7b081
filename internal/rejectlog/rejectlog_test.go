package rejectlog_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/internal/rejectlog"
	"github.com/penstock/penstock/internal/testenv"
)

func TestKeptAndExplained(t *testing.T) {
	t.Parallel()
	client := testenv.Redis(t).Client()
	log, err := rejectlog.New(rejectlog.Config{Redis: client, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	explained := make(chan struct{})
	log.Add(rejectlog.Rejection{Method: "POST", Route: "/apis/execute.php", Status: 401, Code: "unauthorized", Key: strings.Repeat("k", 400), IP: "192.0.2.1"})
	log.Add(rejectlog.Rejection{Status: 403, Explain: func(context.Context) []string { defer close(explained); return []string{"the clock is off"} }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	<-explained
	var got []rejectlog.Rejection
	for len(got) < 2 && t.Context().Err() == nil {
		if got, err = log.List(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := []rejectlog.Rejection{
		{Status: 403, Findings: []string{"the clock is off"}},
		{Method: "POST", Route: "/apis/execute.php", Status: 401, Code: "unauthorized", Key: strings.Repeat("k", 300) + "…", IP: "192.0.2.1"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(rejectlog.Rejection{}, "ID", "At")); diff != "" {
		t.Errorf("refusals, the newest first (-want +got):\n%s", diff)
	}
	if age := time.Since(got[0].At); age < 0 || age > time.Minute {
		t.Errorf("it was written %v ago", age)
	}
	if ttl := client.TTL(t.Context(), "penstock:refused").Val(); ttl <= 0 {
		t.Errorf("refusals are kept for ever: TTL %v", ttl)
	}
}

func TestAFloodDoesNotBlock(t *testing.T) {
	t.Parallel()
	log, err := rejectlog.New(rejectlog.Config{Redis: testenv.Redis(t).Client(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 10_000 { // nobody writes them
		log.Add(rejectlog.Rejection{Status: 401})
	}
}
