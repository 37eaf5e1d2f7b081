package clientusage_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/internal/testenv"
)

func TestCountsByDay(t *testing.T) {
	t.Parallel()
	client := testenv.Redis(t).Client()
	now := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	run := func(count func(*clientusage.Counter)) *clientusage.Counter { // as a process would
		t.Helper()
		c, err := clientusage.New(clientusage.Config{Redis: client, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		count(c)
		ctx, stop := context.WithCancel(t.Context())
		stop() // what was counted is written at the end
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := now
	run(func(c *clientusage.Counter) { c.Count("a", 200); c.Count("a", 404); c.Count("b", 200) })
	now = now.Add(2 * time.Hour) // the next day
	c := run(func(c *clientusage.Counter) { c.Count("a", 503); c.Count("a", 304) })
	want := func(all, today clientusage.Use) {
		t.Helper()
		gotAll, gotToday, err := c.Use(t.Context(), "a")
		if err != nil || gotAll != all || gotToday != today {
			t.Errorf("got %+v and %+v today, %v; want %+v and %+v", gotAll, gotToday, err, all, today)
		}
	}
	today := clientusage.Use{Calls: 2, Failed: 1, Last: now}
	want(clientusage.Use{Calls: 4, Refused: 1, Failed: 1, Last: now}, today)
	second := now
	now = first.AddDate(0, 0, clientusage.Days) // the first day is too long ago
	want(clientusage.Use{Calls: 2, Failed: 1, Last: second}, clientusage.Use{})
	for _, name := range client.Keys(t.Context(), "penstock:client_use:*").Val() {
		if ttl := client.TTL(t.Context(), name).Val(); ttl < clientusage.Days*24*time.Hour || ttl > (clientusage.Days+1)*24*time.Hour {
			t.Errorf("counts are kept for %v", ttl)
		}
	}
}
