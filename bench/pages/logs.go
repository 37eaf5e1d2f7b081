package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
)

// addEntries adds entries to the audit log, which chains and signs them, as many at once as it writes in one step.
func (in *installation) addEntries(ctx context.Context, n int) error {
	acts := []audit.Entry{
		{Act: "PATCH /v1/users/:name", Operation: "changeUser", Kind: audit.KindUser, Object: "ann", Summary: "Changed a user"},
		{Act: "PUT /v1/flows/:flow", Operation: "putFlow", Kind: audit.KindFlow, Object: "1", Summary: "Deployed a version of a flow"},
		{Act: "POST /v1/keys/:key/rotate", Operation: "rotateKey", Kind: audit.KindKey, Object: "shop", Summary: "Gave an API key a new secret"},
		{Act: "POST /console/signin", Kind: audit.KindUser, Object: "bob", Summary: "Tried to sign in", Status: http.StatusUnauthorized, Outcome: audit.Refused},
	}
	log, work, failed := in.store.Audit(), make(chan int), make(chan error, 1)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := range work {
				e := acts[i%len(acts)]
				e.Actor, e.Name, e.Via, e.IP, e.RequestID = fmt.Sprintf("user:user-%d", i%97), fmt.Sprintf("User %d", i%97), audit.ViaConsole, "192.0.2.7", fmt.Sprintf("request-%d", i)
				if e.Status == 0 {
					e.Status, e.Outcome = http.StatusOK, audit.Done
				}
				if err := log.Add(ctx, e); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// addDeliveries adds deliveries of the last days to the history, which alone has more than two hundred of a flow.
func (in *installation) addDeliveries(ctx context.Context, n int) error {
	if in.history == nil {
		return nil
	}
	now := time.Now().Add(-time.Hour)
	var some []entrylog.Entry
	for i := range n {
		at := now.Add(-time.Duration(n-i) * 30 * time.Second)
		d := struct {
			deliveries.Delivery
			AtMS   int64 `json:"at_ms"`
			Hidden *bool `json:"at,omitempty"`
		}{Delivery: deliveries.Delivery{Number: int64(i + 1), Method: "POST", Verdict: deliveries.Accepted, Status: http.StatusAccepted, IP: "192.0.2.7", RequestID: fmt.Sprintf("request-%d", i), ContentType: "application/json", Size: 512}, AtMS: at.UnixMilli()}
		if i%2 == 0 {
			d.Verdict, d.Status, d.Code, d.Why = deliveries.Rejected, http.StatusUnauthorized, "unauthorized", "the signature is that of another secret"
		}
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		some = append(some, entrylog.Entry{Log: "deliveries 1", Place: entrylog.Place{At: at.UnixMilli(), Seq: int64(i + 1)}, Text: text})
	}
	return in.history.WriteEntries(ctx, some, 90*24*time.Hour)
}
