package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

const (
	maxIdempotencyKey = 255
	IdempotencyWindow = 24 * time.Hour // how long a key is stored
)

// FlowKey computes the flow's own idempotency_key; "" when the flow has none for this event.
func (r *Runner) FlowKey(ctx context.Context, f *flows.Flow, s *queue.Submission) (string, error) {
	return r.render(ctx, s, "idempotency_key", func(ctx context.Context, run flows.Run) (string, error) {
		return f.Text(ctx, f.Webhook.IdempotencyKey, run)
	})
}

// render computes a text setting of a flow from the submission. code is the name of the setting and the code of the
// error when it cannot be computed.
func (r *Runner) render(ctx context.Context, s *queue.Submission, code string, text func(context.Context, flows.Run) (string, error)) (string, error) {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	var rendered string
	err := r.WithValue(ctx, s.Event, func(ctx context.Context, event any) (err error) {
		run.Event = event
		if rendered, err = text(ctx, run); err != nil {
			return &httpx.Fault{Status: http.StatusBadRequest, Code: code, Message: "the flow's " + code + " cannot be computed: " + err.Error()}
		}
		return nil
	})
	return rendered, err
}

// CheckEvent returns the fault of a submission with which the flow would fail at once.
func (r *Runner) CheckEvent(ctx context.Context, f *flows.Flow, s *queue.Submission) error {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	return r.WithValue(ctx, s.Event, func(ctx context.Context, event any) error {
		run.Event = event
		err := f.CheckEvent(ctx, run)
		if wrong := new(flows.Error); errors.As(err, &wrong) {
			return &httpx.Fault{Status: http.StatusUnprocessableEntity, Code: string(wrong.Code), Message: wrong.Message}
		}
		return err
	})
}

// WithValue decodes a JSON text that was checked, nil when it is empty, and
// charges it to the process' memory while use runs.
func (r *Runner) WithValue(ctx context.Context, text []byte, use func(ctx context.Context, value any) error) error {
	if len(text) == 0 {
		return use(ctx, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	account := r.config.Memory.Open(0, cancel)
	defer account.Close()
	var made atomic.Int64
	defer account.Settle(&made)
	value, err := flows.DecodeJSONOn(budget.NewCharger(ctx, account, &made), text)
	if account.Err() != nil {
		return account.Err()
	}
	if err != nil {
		return fmt.Errorf("decode value: %w", err) // it was checked: ours
	}
	return use(ctx, value)
}

// ParseIdempotencyKey returns the value of the header Idempotency-Key, which may be quoted as in the IETF draft; ""
// without the header.
func ParseIdempotencyKey(h http.Header) (string, error) {
	lines := h.Values("Idempotency-Key")
	if len(lines) == 0 {
		return "", nil
	}
	key := strings.Trim(lines[0], " \t")
	if len(lines) > 1 {
		return "", badIdempotencyKey()
	}
	if strings.HasPrefix(key, `"`) {
		var ok bool
		if key, ok = unquote(key); !ok {
			return "", badIdempotencyKey()
		}
	}
	if key == "" || len(key) > maxIdempotencyKey {
		return "", badIdempotencyKey()
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "", badIdempotencyKey()
		}
	}
	return key, nil
}

func badIdempotencyKey() error {
	return httpx.BadRequest("bad_idempotency_key", "Idempotency-Key must be one value of 1 to 255 printable ASCII characters, bare or in double quotes")
}

// unquote parses a string of RFC 8941.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", false
	}
	inner := s[1 : len(s)-1]
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '"':
			return "", false
		case '\\':
			i++
			if i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
				return "", false
			}
		}
		out = append(out, inner[i])
	}
	return string(out), true
}

// RequestGuard makes one run of requests with one Idempotency-Key; nil when
// the request has none. scope names the principal and what is run, the
// fingerprint tells payloads apart.
func RequestGuard(h http.Header, scope string, fingerprint func() string) (*queue.IdempotencyKey, error) {
	key, err := ParseIdempotencyKey(h)
	if err != nil || key == "" {
		return nil, err
	}
	return &queue.IdempotencyKey{Key: "request\x00" + scope + key, Fingerprint: fingerprint(), Window: IdempotencyWindow}, nil
}

// AttachRepeated makes one run of a signature that comes again, unless
// something else says what identifies the request.
func AttachRepeated(s *queue.Submission, p *auth.Principal) {
	if s.IdempotencyKey == nil && p.Repeat != nil {
		s.IdempotencyKey = &queue.IdempotencyKey{Key: "signature\x00" + p.Repeat.ID, Window: p.Repeat.Window}
	}
}
