// Package probe lets workers contact the servers of connections for API processes, which may be in another network: it tests connections,
// and redeems the codes of authorization servers.
//
// An API process publishes a question, sealed with the master key of the fleet; one worker takes it, and pushes the sealed answer. A
// question is no task and no run: nothing of it is stored but that it was taken, and the answer, for a minute.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
)

// Sealer encrypts what is sent for the other processes of the fleet. *store.Store implements it.
type Sealer interface {
	Seal(record, secret string) (string, error)
	Unseal(record, sealed string) (string, error)
}

// question is what is published. Its members are not secret.
type question struct {
	ID     string `json:"id"`
	Limit  int64  `json:"limit"`  // milliseconds in which it is to be answered, from its arrival on
	Sealed string `json:"sealed"` // a content as JSON
}

// content is what is to be done, with one connection.
type content struct {
	Connection string          `json:"connection"`
	Target     string          `json:"target,omitempty"`  // of a test: URL that it requests; empty: that of the settings
	Version    string          `json:"version,omitempty"` // to redeem: of the connection
	Consent    connect.Consent `json:"consent,omitzero"`
	Code       string          `json:"code,omitempty"` // to redeem; empty: the connection is to be tested
}

// answer is what a worker found.
type answer struct {
	Said   string `json:"said,omitempty"`   // of a test that succeeded
	Token  string `json:"token,omitempty"`  // of a code that was redeemed
	Failed string `json:"failed,omitempty"` // what is wrong, for the owner of the connection; has no secret
	Worker string `json:"worker"`
}

func recordOfQuestion(id string) string { return "probe question " + id }
func recordOfAnswer(id string) string   { return "probe answer " + id }

// sealJSON returns the sealed JSON of a value.
func sealJSON(s Sealer, record string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return s.Seal(record, string(text))
}

// unsealJSON reads what sealJSON returned.
func unsealJSON(s Sealer, record, sealed string, into any) error {
	text, err := s.Unseal(record, sealed)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

// publish sends a question to all workers and returns how many receive it. In a Cluster only the node of the channel knows them.
func publish(ctx context.Context, client redis.UniversalClient, q *question) (int64, error) {
	text, err := json.Marshal(q)
	if err != nil {
		return 0, err
	}
	if _, cluster := client.(*redis.ClusterClient); cluster {
		return client.SPublish(ctx, channel, text).Result()
	}
	return client.Publish(ctx, channel, text).Result()
}

func subscribe(ctx context.Context, client redis.UniversalClient) *redis.PubSub {
	if _, cluster := client.(*redis.ClusterClient); cluster {
		return client.SSubscribe(ctx, channel)
	}
	return client.Subscribe(ctx, channel)
}

// limitOf returns the time that ctx leaves, at most the limit of a question.
func limitOf(ctx context.Context) time.Duration {
	if end, bounded := ctx.Deadline(); bounded {
		return min(MaxLimit, time.Until(end))
	}
	return MaxLimit
}

// MaxLimit is the maximum duration of an answer.
const MaxLimit = 15 * time.Second

// away wraps an error of Redis, which names no connection.
func away(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("ask the workers: %w", err)
}
