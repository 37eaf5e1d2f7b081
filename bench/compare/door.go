package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/load"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// The API key of the comparison. It attaches replays; every call has a different parameter, so that none is a replay.
const (
	doorKey    = "compare"
	doorSecret = "a-secret-for-the-comparison"
)

// door serves the product's front door over one way to submit.
func (p *process) door(over string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	submit, err := p.submitter(ctx, over)
	if err != nil {
		return err
	}
	handler, err := api.New(api.Config{Submit: submit, Records: noRecords{}, Flows: p.flows, Keys: p, Log: p.log})
	if err != nil {
		return err
	}
	return listen(handler)
}

func (p *process) submitter(ctx context.Context, over string) (runner.Submit, error) {
	over, queueName, _ := strings.Cut(over, ":")
	switch over {
	case "penstock":
		debug.SetGCPercent(gcPercent)
		client, err := queue.NewClient(queue.Config{Redis: p.redis, Log: p.log})
		if err != nil {
			return nil, err
		}
		go func() { _ = client.Run(ctx) }()
		return penstock(client), nil
	case "asynq":
		plain, err := newPlain(ctx, p.redis, queueName)
		if err != nil {
			return nil, err
		}
		return plain.submit, nil
	case "raw":
		return newRaw(p.redis).submit, nil
	case "process":
		return p.inProcess, nil
	}
	return nil, fmt.Errorf("unknown way to submit %q", over)
}

// Key implements auth.Keys.
func (p *process) Key(_ context.Context, key string) (*store.Key, error) {
	if key != doorKey {
		return nil, store.ErrNotFound
	}
	return &store.Key{Key: doorKey, Secret: doorSecret, APIAccess: true, Window: time.Hour, OnReplay: "attach"}, nil
}

// noRecords implements runner.Records.
type noRecords struct{}

func (noRecords) Journal(context.Context, *queue.Record) ([]flows.JournalEntry, error) {
	return nil, nil
}

func (noRecords) Record(context.Context, string) (queue.Record, error) {
	return queue.Record{}, queue.ErrNotFound
}

// callDoor posts an event as a SmartSYNC caller does, to each of the flows in turn. Each call has a unique declared
// parameter, so that no call repeats another one.
func callDoor(base string, flows int, event []byte) load.Call {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}
	var serial atomic.Int64
	return func(ctx context.Context) error {
		serial := serial.Add(1)
		n, flow := strconv.FormatInt(serial, 10), strconv.FormatInt(firstFlow+serial%int64(flows), 10)
		ts := strconv.FormatInt(time.Now().Unix(), 10)
		sum := md5.Sum([]byte(strings.Join([]string{flow, doorKey, n, ts, string(event), doorSecret}, "|")))
		url := base + "/apis/execute.php?flow=" + flow + "&key=" + doorKey + "&n=" + n + "&ts=" + ts + "&check=" + hex.EncodeToString(sum[:])
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(event))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK || !bytes.HasPrefix(body, []byte(`{"success":true,"output":[`)) {
			return fmt.Errorf("the door answered %d %.200s", res.StatusCode, body)
		}
		return nil
	}
}
