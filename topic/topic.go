// Package topic hands an event to the flows that subscribe to its topic and to the runs that wait for it.
package topic

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// Subscribers finds the flows that subscribe to a topic. *store.Flows implements it.
type Subscribers interface {
	// Subscribers returns the numbers of the flows with the topic as their trigger that are enabled, sorted.
	Subscribers(topic string) []int64
}

// Runs resumes runs that wait. *queue.Client implements it.
type Runs interface {
	Call(ctx context.Context, run, key string, result []byte) error
}

// Config of Topics. All are required.
type Config struct {
	Redis       redis.UniversalClient // closed by its owner
	Subscribers Subscribers
	Runs        Runs
}

// Topics publishes events, and keeps in Redis which steps wait for which. Safe for concurrent use. While Redis is
// unavailable its methods wait until the context ends.
type Topics struct{ config Config }

// New returns Topics.
func New(config Config) *Topics { return &Topics{config} }

var (
	//go:embed lua/await.lua
	awaitLua    string
	awaitScript = redis.NewScript(awaitLua)
)

// maxWait is the longest time that a step waits, with some time to spare.
const maxWait = 31 * 24 * time.Hour

// Audience returns who gets an event that is published now; see flows.Topics.
func (t *Topics) Audience(ctx context.Context, topic string) (a flows.Audience, err error) {
	if a.Flows = t.config.Subscribers.Subscribers(topic); len(a.Flows) > flows.MaxSubscribers {
		return a, &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("%d flows subscribe to the topic %s; %d may", len(a.Flows), topic, flows.MaxSubscribers)}
	}
	err = redisconn.RetryUntilDone(ctx, func() error {
		now, err := t.config.Redis.Time(ctx).Result()
		a.At = now.UnixMicro()
		return err
	})
	return a, unreachable(ctx, err)
}

// Publish hands the event to the audience; see flows.Topics. emit starts the runs.
func (t *Topics) Publish(ctx context.Context, emit flows.Emitter, p flows.Publication) (flows.Published, error) {
	done := flows.Published{Runs: []flows.PublishedRun{}, Refused: []flows.RefusedEvent{}}
	event := flows.EncodeJSON(p.Event)
	if len(event) > flows.MaxPublishedEvent {
		return done, &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("the event has %d bytes as JSON, %d are allowed", len(event), flows.MaxPublishedEvent)}
	}
	var failed []error
	for _, flow := range p.Audience.Flows {
		run, err := emit.Emit(ctx, flows.Emission{Flow: strconv.FormatInt(flow, 10), Event: p.Event, Key: "topic:" + p.Topic + "\x00" + p.Key, Window: p.Window})
		var known *flows.Error
		switch {
		case err == nil:
			done.Runs = append(done.Runs, flows.PublishedRun{Flow: flow, Run: run})
		case errors.As(err, &known) && known.Code == flows.CodeLimit: // the chain of runs is too long: the same for each flow
			return done, err
		case errors.As(err, &known) && known.Class == "":
			done.Refused = append(done.Refused, flows.RefusedEvent{Flow: flow, Reason: known.Message})
		default:
			failed = append(failed, fmt.Errorf("flow %d: %w", flow, err))
		}
	}
	resumed, err := t.resume(ctx, p, event)
	done.Resumed = resumed
	if err != nil {
		failed = append(failed, fmt.Errorf("runs that wait: %w", err))
	}
	if err := errors.Join(failed...); err != nil {
		return done, &flows.Error{Class: flows.ClassNetwork, Err: err, Message: fmt.Sprintf(
			"the event was handed to %d flows, and not yet to %d others: %s", len(done.Runs), len(failed), strings.ReplaceAll(err.Error(), "\n", "; "))}
	}
	return done, nil
}

// PublishOnce publishes an event for a caller outside of a run: equal keys are one event for the time of p.Window. It fills in
// the audience, which is that of the first call. A *flows.Error without a class: another event was published with the key.
func (t *Topics) PublishOnce(ctx context.Context, emit flows.Emitter, p flows.Publication) (flows.Published, error) {
	audience, err := t.Audience(ctx, p.Topic)
	if err != nil {
		return flows.Published{}, err
	}
	stored := published{Event: digest(string(flows.EncodeJSON(p.Event))), Audience: audience}
	text, err := json.Marshal(stored)
	if err != nil {
		return flows.Published{}, fmt.Errorf("encode audience: %w", err)
	}
	err = redisconn.RetryUntilDone(ctx, func() error {
		key := keysOf(p.Topic).event(p.Key)
		if err := t.config.Redis.SetNX(ctx, key, text, p.Window).Err(); err != nil {
			return err
		}
		text, err = t.config.Redis.Get(ctx, key).Bytes()
		return err
	})
	if err != nil {
		return flows.Published{}, unreachable(ctx, err)
	}
	var first published
	if err := json.Unmarshal(text, &first); err != nil {
		return flows.Published{}, fmt.Errorf("read audience: %w", err)
	}
	if first.Event != stored.Event {
		return flows.Published{}, &flows.Error{Message: "this Idempotency-Key came before with another event"}
	}
	p.Audience = first.Audience
	return t.Publish(ctx, emit, p)
}

// published is what is stored of an event that was published with a key.
type published struct {
	Event    string         `json:"event"` // its digest
	Audience flows.Audience `json:"audience"`
}

// resume gives the event to the steps that wait for it, and returns their number.
func (t *Topics) resume(ctx context.Context, p flows.Publication, event []byte) (resumed int, err error) {
	k := keysOf(p.Topic)
	var shapes []string
	if err := redisconn.RetryUntilDone(ctx, func() (err error) {
		shapes, err = t.config.Redis.ZRange(ctx, k.shapes(), 0, -1).Result()
		return err
	}); err != nil {
		return 0, err
	}
	result := slices.Concat([]byte(`{"items":[`), event, []byte(`]}`))
	for _, shape := range shapes {
		values, has := valuesOf(p.Event, shape)
		if !has {
			continue
		}
		n, err := t.resumeAll(ctx, k.waiting(values), p.Audience.At, result)
		if resumed += n; err != nil {
			return resumed, err
		}
	}
	return resumed, nil
}

// resumeAll gives a result to the steps of a list that began to wait before a time.
func (t *Topics) resumeAll(ctx context.Context, list string, before int64, result []byte) (resumed int, err error) {
	var members []string
	if err := redisconn.RetryUntilDone(ctx, func() (err error) {
		members, err = t.config.Redis.ZRangeByScore(ctx, list, &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(before, 10)}).Result()
		return err
	}); err != nil {
		return 0, err
	}
	for _, member := range members {
		run, key, _ := strings.Cut(member, " ")
		err := t.call(ctx, run, key, result)
		switch {
		case err == nil:
			resumed++
		case !errors.Is(err, queue.ErrCalled) && !errors.Is(err, queue.ErrOver) && !errors.Is(err, queue.ErrNotFound):
			return resumed, err
		}
		if err := redisconn.RetryUntilDone(ctx, func() error { return t.config.Redis.ZRem(ctx, list, member).Err() }); err != nil {
			return resumed, err
		}
	}
	return resumed, nil
}

// call gives a result to a step, and repeats that while Redis is unavailable.
func (t *Topics) call(ctx context.Context, run, key string, result []byte) (answer error) {
	err := redisconn.RetryUntilDone(ctx, func() error {
		if answer = t.config.Runs.Call(ctx, run, key, result); errors.Is(answer, queue.ErrUnavailable) {
			return answer
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answer
}

// Await registers a step of a run; see flows.Topics.
func (t *Topics) Await(ctx context.Context, run string, w flows.EventWait) error {
	list, shape, err := placeOf(w)
	if err != nil {
		return err
	}
	var answer string
	err = redisconn.RetryUntilDone(ctx, func() (err error) {
		answer, err = awaitScript.Run(ctx, t.config.Redis, []string{keysOf(w.Topic).shapes(), list}, shape, memberOf(run, w), w.Expires.UnixMilli(),
			flows.MaxWhereShapes, flows.MaxWaitingRuns, maxWait.Milliseconds()).Text()
		return err
	})
	switch answer {
	case "shapes":
		return &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("steps compare %d sets of members of the topic %s already: no more are allowed", flows.MaxWhereShapes, w.Topic)}
	case "full":
		return &flows.Error{Code: flows.CodeLimit, Message: fmt.Sprintf("%d steps wait for these values of the topic %s already: no more are allowed", flows.MaxWaitingRuns, w.Topic)}
	}
	return unreachable(ctx, err)
}

// Forget removes what Await registered; see flows.Topics.
func (t *Topics) Forget(ctx context.Context, run string, w flows.EventWait) error {
	list, _, err := placeOf(w)
	if err != nil {
		return err
	}
	return unreachable(ctx, redisconn.RetryUntilDone(ctx, func() error { return t.config.Redis.ZRem(ctx, list, memberOf(run, w)).Err() }))
}

// memberOf is the member of a step in its list.
func memberOf(run string, w flows.EventWait) string { return run + " " + w.Key }

// placeOf returns the key of the list in which a step waits, and the shape of its values. The error is a *flows.Error.
func placeOf(w flows.EventWait) (list, shape string, err error) {
	paths := slices.Sorted(maps.Keys(w.Where))
	values := make([]any, len(paths))
	for i, path := range paths {
		values[i] = w.Where[path]
		if !scalar(values[i]) {
			return "", "", &flows.Error{Message: fmt.Sprintf("where: %s is no text, number or boolean of at most %d bytes", path, flows.MaxWhereValue)}
		}
	}
	shape = string(flows.EncodeJSON(paths))
	return keysOf(w.Topic).waiting(shape + textOf(values)), shape, nil
}

// valuesOf returns the values that the members of a shape have in an event; false: it does not have all of them.
func valuesOf(event any, shape string) (values string, has bool) {
	var paths []string
	if json.Unmarshal([]byte(shape), &paths) != nil {
		return "", false
	}
	all := make([]any, len(paths))
	for i, path := range paths {
		v := event
		for name := range strings.SplitSeq(path, ".") {
			object, _ := v.(map[string]any)
			v = object[name]
		}
		if all[i] = v; !scalar(v) {
			return "", false
		}
	}
	return shape + textOf(all), true
}

// textOf returns a text that is the same for equal values: numbers are equal however they are written.
func textOf(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		text := string(flows.EncodeJSON(v))
		if strings.Trim(text[:1], "-0123456789") == "" {
			text = plainNumber(text)
		}
		texts[i] = text
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// plainNumber returns a JSON number as its digits without zeros at the ends, "e" and its exponent: 12.50 is 125e-1.
func plainNumber(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	e, err := strconv.ParseInt(cmp.Or(exponent, "0"), 10, 32)
	if err != nil { // beyond what anything computes with
		return text
	}
	e -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	e += int64(len(digits) - len(short))
	switch {
	case short == "":
		return "0"
	case mantissa[0] == '-':
		short = "-" + short
	}
	return short + "e" + strconv.FormatInt(e, 10)
}

// scalar reports whether a step may wait for a value.
func scalar(v any) bool {
	switch v.(type) {
	case nil, []any, map[string]any:
		return false
	}
	return len(flows.EncodeJSON(v)) <= flows.MaxWhereValue
}

// unreachable is the error of an operation for which Redis does not answer; nil for nil.
func unreachable(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &flows.Error{Message: "the topics cannot be reached", Class: flows.ClassNetwork, Err: err}
}
