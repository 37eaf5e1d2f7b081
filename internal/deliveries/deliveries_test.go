package deliveries_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/testenv"
)

// start returns a log on a Redis of its own, and a function that runs it.
func start(t *testing.T) (*deliveries.Log, *redis.Client, func()) {
	t.Helper()
	client := testenv.Redis(t).Client()
	log, err := deliveries.New(deliveries.Config{Redis: client, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return log, client, func() {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- log.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// list waits until the list of a flow is as wanted.
func list(t *testing.T, log *deliveries.Log, flow int64, wanted func([]deliveries.Delivery) bool) (all []deliveries.Delivery) {
	t.Helper()
	testenv.Eventually(t, func() string {
		var err error
		if all, err = log.Recent(t.Context(), flow); err != nil {
			t.Fatal(err)
		}
		if wanted(all) {
			return ""
		}
		return fmt.Sprintf("%d deliveries: %v", len(all), all)
	})
	return all
}

// A delivery is returned as it was added. Long texts are shortened.
func TestKept(t *testing.T) {
	t.Parallel()
	log, client, run := start(t)
	d := deliveries.Delivery{
		Flow: 7, Method: "POST", Verdict: deliveries.Rejected, Status: 401, Code: "unauthorized", Why: strings.Repeat("é", 400),
		Findings: []deliveries.Finding{{Word: "tolerance", Secret: "hook", Text: "too old"}}, IP: "192.0.2.1", RequestID: "r", ContentType: "text/plain", Size: 7,
	}
	log.Add(d)
	run()
	all := list(t, log, 7, func(all []deliveries.Delivery) bool { return len(all) == 1 })
	if age := time.Since(all[0].At); age < 0 || age > time.Minute {
		t.Errorf("it was written %v ago", age)
	}
	d.Number, d.At, d.Why = 1, all[0].At, strings.Repeat("é", 250)+"…"
	if diff := cmp.Diff(d, all[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, err := log.Find(t.Context(), 8, 1); !errors.Is(err, deliveries.ErrNotFound) {
		t.Errorf("of another flow: %v", err)
	}
	for _, key := range client.Keys(t.Context(), "*").Val() {
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > 7*24*time.Hour && !strings.HasSuffix(key, ":count") {
			t.Errorf("%s has the TTL %v", key, ttl)
		}
	}
}

// A flood of rejected deliveries displaces neither accepted ones nor more than its own part of Redis, and never blocks.
func TestFlood(t *testing.T) {
	t.Parallel()
	log, client, run := start(t)
	if _, err := log.Record(t.Context(), 7, time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	content := func(context.Context) (*deliveries.Content, error) {
		return &deliveries.Content{Header: http.Header{}, Body: strings.Repeat("x", deliveries.MaxBody)}, nil
	}
	for range 10_000 { // before they are written
		log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Rejected, Content: content})
	}
	log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Accepted, Run: "r-1", Content: content})
	run()
	count := func(all []deliveries.Delivery, v deliveries.Verdict) (n int) {
		for _, d := range all {
			if d.Verdict == v {
				n++
			}
		}
		return n
	}
	for written := int64(0); written < 300; {
		log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Rejected, Content: content})
		n, err := log.Last(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		written = n
	}
	all, err := log.Recent(t.Context(), 7)
	if err != nil || count(all, deliveries.Rejected) != 100 || count(all, deliveries.Accepted) != 1 || !all[len(all)-1].Recorded {
		t.Fatalf("%d rejected, %d accepted: %v", count(all, deliveries.Rejected), count(all, deliveries.Accepted), err)
	}
	kept := client.HKeys(t.Context(), "penstock:{hooks}:7:content").Val()
	for _, number := range kept {
		if !slices.ContainsFunc(all, func(d deliveries.Delivery) bool { return fmt.Sprint(d.Number) == number }) {
			t.Errorf("the content of delivery %s is kept for longer than the delivery", number)
		}
	}
	if len(kept) < 17 {
		t.Errorf("the content of %d deliveries is kept", len(kept))
	}
	if i := all[0].Number; all[99].Number != i-99 {
		t.Errorf("the newest are %d to %d", i, all[99].Number)
	}
}

// Deliveries beyond a limit do not displace the reasons of others.
func TestFloodBeyondALimit(t *testing.T) {
	t.Parallel()
	log, _, run := start(t)
	for flow := range int64(2) {
		for range 20 {
			log.Add(deliveries.Delivery{Flow: 7 + flow, Verdict: deliveries.Rejected, Status: http.StatusTooManyRequests})
		}
		log.Add(deliveries.Delivery{Flow: 7 + flow, Verdict: deliveries.Rejected, Status: http.StatusUnauthorized})
	}
	run()
	for flow := range int64(2) {
		list(t, log, 7+flow, func(all []deliveries.Delivery) bool {
			return len(all) == 2 && all[0].Status == 401 && all[1].Status == 429
		})
	}
}

// Content is kept while the flow is recorded, at most until the end, whatever this process believes.
func TestRecording(t *testing.T) {
	t.Parallel()
	log, client, run := start(t)
	run()
	add := func(n int) deliveries.Delivery {
		log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Accepted, Content: func(context.Context) (*deliveries.Content, error) {
			return &deliveries.Content{Header: http.Header{"A": {"b"}}, Body: "the body"}, nil
		}})
		return list(t, log, 7, func(all []deliveries.Delivery) bool { return len(all) == n })[0]
	}
	if log.Recording(7) || add(1).Recorded {
		t.Error("recorded without being asked")
	}
	until, err := log.Record(t.Context(), 7, 100*time.Hour, 0)
	if left := time.Until(until); err != nil || left > 24*time.Hour || left < 23*time.Hour || !log.Recording(7) || log.Recording(8) {
		t.Fatalf("recorded until %v: %v", until, err)
	}
	if is, err := log.Until(t.Context(), 7); err != nil || !is.Equal(until) {
		t.Errorf("until %v, want %v: %v", is, until, err)
	}
	if !add(2).Recorded {
		t.Error("it is not recorded")
	}
	if _, c, err := log.Find(t.Context(), 7, 2); err != nil || c == nil || c.Body != "the body" || c.Header.Get("A") != "b" {
		t.Errorf("content %v: %v", c, err)
	}
	until, err = log.Record(t.Context(), 7, time.Minute, 0) // a shorter time replaces it
	if at := client.PExpireTime(t.Context(), "penstock:{hooks}:7:content").Val(); err != nil || at.Milliseconds() != until.UnixMilli() {
		t.Errorf("content is kept until %v, want %v: %v", at, until, err)
	}
	other, err := deliveries.New(deliveries.Config{Redis: client, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = other.Stop(t.Context(), 7) // another process: this one does not know of it yet
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := add(3); d.Recorded || client.Exists(t.Context(), "penstock:{hooks}:7:content").Val() != 0 {
		t.Errorf("kept after the end: %v", d)
	}
	if err := client.HSet(t.Context(), "penstock:{hooks}:recording", 7, time.Now().Add(-time.Second).UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	if d := add(4); d.Recorded {
		t.Errorf("kept after its time: %v", d)
	}
	if is, err := log.Until(t.Context(), 7); err != nil || !is.IsZero() {
		t.Errorf("until %v: %v", is, err)
	}
}

// A recording of a number of requests keeps these and no more, whichever process writes them, and what it has until its end.
func TestRecordingOfANumber(t *testing.T) {
	t.Parallel()
	log, _, run := start(t)
	run()
	until, err := log.Record(t.Context(), 7, time.Hour, 2)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Accepted, Content: func(context.Context) (*deliveries.Content, error) {
			return &deliveries.Content{Body: "the body"}, nil
		}})
	}
	all := list(t, log, 7, func(all []deliveries.Delivery) bool { return len(all) == 5 })
	for _, d := range all {
		if d.Recorded != (d.Number <= 2) {
			t.Errorf("delivery %d is recorded: %v", d.Number, d.Recorded)
		}
	}
	if r, err := log.Recorded(t.Context(), 7); err != nil || r.Rest != 0 || !r.Until.Equal(until) {
		t.Errorf("after two: %+v: %v", r, err)
	}
	testenv.Until(t, "the process knows that no more are recorded", func() bool { return !log.Recording(7) })
	if _, err := log.Record(t.Context(), 7, time.Hour, 0); err != nil || !log.Recording(7) {
		t.Errorf("recorded anew: %v, %v", log.Recording(7), err)
	}
	if r, err := log.Recorded(t.Context(), 7); err != nil || r.Rest >= 0 {
		t.Errorf("without a number: %+v: %v", r, err)
	}
}

// A capture takes requests up to its end and its bound, for its owner only. Few may be open.
func TestCapture(t *testing.T) {
	t.Parallel()
	log, client, _ := start(t)
	ctx := t.Context()
	c, err := log.OpenCapture(ctx, "user:ann", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 25 {
		if room, err := log.CaptureHasRoom(ctx, c.Token); err != nil || room != (n < 20) {
			t.Fatalf("request %d: room %v: %v", n, room, err)
		}
		if err := log.AddCaptured(ctx, c.Token, &deliveries.Captured{Method: fmt.Sprint("M", n)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := log.FindCapture(ctx, "user:ann", c.Token)
	if err != nil || len(got.Requests) != 20 || !got.Full() || got.Requests[19].Method != "M19" || !got.Until.Equal(c.Until) {
		t.Errorf("%v: %v", got, err)
	}
	for _, key := range client.Keys(ctx, "*").Val() {
		if ttl := client.PTTL(ctx, key).Val(); ttl <= 0 || ttl > time.Hour || strings.Contains(key, c.Token) {
			t.Errorf("%s has the TTL %v", key, ttl)
		}
	}
	for _, wrong := range [][2]string{{"user:bob", c.Token}, {"user:ann", strings.Repeat("A", 26)}, {"user:ann", "*"}, {"user:ann", ""}} {
		_, err := log.FindCapture(ctx, wrong[0], wrong[1])
		if gone := log.CloseCapture(ctx, wrong[0], wrong[1]); !errors.Is(err, deliveries.ErrNotFound) || !errors.Is(gone, deliveries.ErrNotFound) {
			t.Errorf("%q: %v, %v", wrong, err, gone)
		}
	}
	short, err := log.OpenCapture(ctx, "user:ann", time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func() string {
		if _, err := log.CaptureHasRoom(ctx, short.Token); !errors.Is(err, deliveries.ErrNotFound) {
			return fmt.Sprint("it is still open: ", err)
		}
		return ""
	})
	if err := log.AddCaptured(ctx, short.Token, &deliveries.Captured{}); err != nil || client.Exists(ctx, "penstock:{hooks}:capture:*").Val() != 0 {
		t.Errorf("a request after the end: %v", err)
	}
	for n := range 19 { // the one that has ended does not count
		if _, err := log.OpenCapture(ctx, []string{"user:ann", "user:cleo", "user:dan", "user:eve"}[(n+1)/5], time.Minute); err != nil {
			t.Fatalf("capture %d: %v", n, err)
		}
	}
	if _, err := log.OpenCapture(ctx, "user:bob", time.Minute); !errors.Is(err, deliveries.ErrTooMany) {
		t.Errorf("the 21st: %v", err)
	}
	if _, err := log.OpenCapture(ctx, "user:ann", time.Minute); !errors.Is(err, deliveries.ErrTooManyOwn) {
		t.Errorf("the sixth of a principal: %v", err)
	}
	if err := log.CloseCapture(ctx, "user:ann", c.Token); err != nil {
		t.Fatal(err)
	}
	if _, err := log.OpenCapture(ctx, "user:bob", time.Minute); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}

// Of an erased run nothing is left that was delivered for it.
func TestForget(t *testing.T) {
	t.Parallel()
	log, client, run := start(t)
	if _, err := log.Record(t.Context(), 7, time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	content := func(context.Context) (*deliveries.Content, error) { return &deliveries.Content{Body: "x"}, nil }
	for _, id := range []string{"a", "b"} {
		log.Add(deliveries.Delivery{Flow: 7, Verdict: deliveries.Accepted, Run: id, Content: content})
	}
	run()
	list(t, log, 7, func(all []deliveries.Delivery) bool { return len(all) == 2 })
	if err := log.Forget(t.Context(), map[int64][]string{7: {"a"}, 8: {"b"}}); err != nil {
		t.Fatal(err)
	}
	all, err := log.Recent(t.Context(), 7)
	if err != nil || len(all) != 1 || all[0].Run != "b" {
		t.Errorf("left are %+v, %v", all, err)
	}
	if n := client.HLen(t.Context(), "penstock:{hooks}:7:content").Val(); n != 1 {
		t.Errorf("%d contents are left", n)
	}
}
