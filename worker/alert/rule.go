package alert

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	// retention is how long alerts are kept for a flow that is not there, or cannot be started.
	retention = 7 * 24 * time.Hour
	// notedFor is how long an alert is known to be added: longer than it may take until a failed run is handled again.
	notedFor = 10 * time.Minute
	// batchWindow is how long the idempotency key of a run is kept.
	batchWindow = 24 * time.Hour

	maxPending = 100    // alerts of one run
	maxActive  = 1000   // conditions of one flow that hold
	maxNoted   = 10_000 // alerts that are known to be added
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/note.lua
	noteLua string
	//go:embed lua/watch.lua
	watchLua string
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/done.lua
	doneLua string

	noteScript  = redis.NewScript(noteLua)
	watchScript = redis.NewScript(watchLua)
	takeScript  = redis.NewScript(takeLua)
	doneScript  = redis.NewScript(doneLua)
)

// Alert is one entry of the event of a run of an alert flow.
type Alert struct {
	Kind    flows.AlertKind `json:"kind"`
	State   string          `json:"state"` // "firing", or "recovered" for a condition that holds no more
	Key     string          `json:"key"`   // the same for all alerts about one thing
	Text    string          `json:"text"`  // for people
	At      time.Time       `json:"at"`
	Flow    int64           `json:"flow,omitempty"`
	Name    string          `json:"flow_name,omitempty"`
	Queue   string          `json:"queue,omitempty"`
	Failure string          `json:"failure,omitempty"` // id
	Step    string          `json:"step,omitempty"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Run     string          `json:"run,omitempty"`
	Count   int64           `json:"count,omitempty"` // runs of the failure, or of the rate
	URL     string          `json:"url,omitempty"`   // of the failure in the console

	Credential *store.Expiry `json:"credential,omitempty"`
}

const (
	firing    = "firing"
	recovered = "recovered"
)

// occurrence is an alert about something that has happened, with the id of that.
type occurrence struct {
	Alert
	id string
}

// rule is a deployed flow with an alert trigger.
type rule struct {
	*flows.Flow
	about map[int64]bool // flows; nil: all
}

// covers reports whether the rule is about a flow.
func (r *rule) covers(flow int64) bool { return r.about == nil || r.about[flow] }

// rules returns the enabled flows with an alert trigger.
func (h *Handler) rules() []rule {
	var all []rule
	for _, head := range h.config.Flows.List() {
		if !head.Alert || !head.Enabled {
			continue
		}
		flow, ok := h.config.Flows.Find(strconv.FormatInt(head.Number, 10))
		if !ok || flow.Alert == nil {
			continue
		}
		r := rule{Flow: flow}
		if len(flow.Alert.Flows) > 0 {
			r.about = map[int64]bool{}
		}
		for _, ref := range flow.Alert.Flows {
			if about, ok := h.config.Flows.Find(ref); ok {
				r.about[about.Number] = true
			}
		}
		all = append(all, r)
	}
	return all
}

// note adds alerts about what has happened to a rule, each once.
func (h *Handler) note(ctx context.Context, r *rule, all []occurrence) error {
	if len(all) == 0 {
		return nil
	}
	k := keysOf(r.Number)
	args := []any{
		time.Now().UnixMilli(), r.Alert.Wait.Milliseconds(), r.Alert.Every.Milliseconds(), maxPending, retention.Milliseconds(), notedFor.Milliseconds(), maxNoted,
	}
	for i := range all {
		args = append(args, all[i].Key, all[i].id, encode(&all[i].Alert))
	}
	err := noteScript.Run(ctx, h.config.Redis, []string{k.pending(), k.due(), k.sent(), k.noted()}, args...).Err()
	return unlessNil("note alerts", err)
}

// watch adds alerts about the conditions that hold, given with all their fields but State, and about those that hold no more.
// Those of unknown kinds stay as they are.
func (h *Handler) watch(ctx context.Context, r *rule, holding []Alert, unknown []flows.AlertKind, now time.Time) error {
	k := keysOf(r.Number)
	kinds := ""
	for _, kind := range unknown {
		kinds += string(kind) + " "
	}
	args := []any{now.UnixMilli(), r.Alert.Wait.Milliseconds(), r.Alert.Every.Milliseconds(), maxActive, retention.Milliseconds(), kinds}
	for _, a := range holding {
		a.State = firing
		over := a
		over.State, over.Text = recovered, "Over: "+a.Text
		args = append(args, a.Key, encode(&a), encode(&over))
	}
	err := watchScript.Run(ctx, h.config.Redis, []string{k.pending(), k.due(), k.sent(), k.active()}, args...).Err()
	return unlessNil("watch conditions", err)
}

// send starts a run for the alerts of a rule that are due. A batch is one run, whatever workers start it.
func (h *Handler) send(ctx context.Context, r *rule, now time.Time) error {
	if r.Alert.Quiet.Contains(now) {
		return nil
	}
	k := keysOf(r.Number)
	batch, err := takeScript.Run(ctx, h.config.Redis, []string{k.pending(), k.due(), k.sent(), k.batch(), k.sequence()},
		now.UnixMilli(), maxPending, retention.Milliseconds(), r.Alert.Every.Milliseconds()).Text()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take alerts: %w", err)
	}
	number, rest, _ := strings.Cut(batch, "\n")
	more, alerts, _ := strings.Cut(rest, "\n")
	sub := queue.SubmissionOf(r.Flow)
	sub.Event = h.event(ctx, more, strings.Split(alerts, "\n"))
	sub.IdempotencyKey = &queue.IdempotencyKey{Key: fmt.Sprintf("alert %d %s", r.Number, number), Window: batchWindow}
	_, err = h.config.Runs.Start(ctx, sub, time.Time{})
	var ran *queue.RanError
	if err != nil && !errors.As(err, &ran) {
		return fmt.Errorf("start alert flow %d: %w", r.Number, err)
	}
	return unlessNil("remove batch", doneScript.Run(ctx, h.config.Redis, []string{k.batch()}, number).Err())
}

// event returns the event of a run, with the counts of failures at this moment.
func (h *Handler) event(ctx context.Context, more string, texts []string) []byte {
	var e struct {
		Alerts []Alert `json:"alerts"`
		More   int     `json:"more,omitempty"` // alerts that are left out
	}
	e.More, _ = strconv.Atoi(more)
	for _, text := range texts {
		var a Alert
		if json.Unmarshal([]byte(text), &a) != nil {
			continue // of a newer version
		}
		if a.Failure != "" {
			if g, err := h.config.Failures.Failure(ctx, a.Failure); err == nil {
				a.Count = g.Count
			}
			if h.config.Issuer != "" {
				a.URL = h.config.Issuer + "/console/failures/" + a.Failure
			}
		}
		e.Alerts = append(e.Alerts, a)
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // texts, numbers and times can always be encoded
	}
	return b
}

func encode(a *Alert) []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // texts, numbers and times can always be encoded
	}
	return b
}

// unlessNil wraps an error of a script that returns nothing.
func unlessNil(verb string, err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, err)
}
