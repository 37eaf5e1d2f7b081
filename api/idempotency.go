package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/queue"
)

const (
	maxIdempotencyKey = 255
	idempotencyWindow = 24 * time.Hour // how long a key is remembered
)

// idempotencyGuard makes one run of requests with one Idempotency-Key, for one
// principal and flow. Without that header the flow may say what identifies a
// request. It is never derived from the body; nil when nobody names a key.
func (a *API) idempotencyGuard(c *gin.Context, f *flows.Flow, s *queue.Submission, query auth.Query) (*queue.Guard, error) {
	scope := s.Principal + "\x00" + strconv.FormatInt(f.Number, 10) + "\x00"
	key, err := parseIdempotencyKey(c.Request.Header)
	if err != nil {
		return nil, err
	}
	if key != "" {
		return &queue.Guard{
			Key:         "request\x00" + scope + key,
			Fingerprint: fingerprint(query, s.Event),
			Window:      idempotencyWindow,
		}, nil
	}
	if f.Webhook == nil || f.Webhook.IdempotencyKey == nil {
		return nil, nil
	}
	if key, err = a.flowKey(c.Request.Context(), f, s); err != nil || key == "" {
		return nil, err
	}
	return &queue.Guard{Key: "flow\x00" + scope + key, Window: idempotencyWindow}, nil
}

// fingerprint tells two payloads apart.
func fingerprint(query auth.Query, event []byte) string {
	h := sha256.New()
	for _, p := range query.Params() {
		h.Write([]byte(p.Name + "=" + url.QueryEscape(p.Value) + "&"))
	}
	h.Write([]byte{0})
	h.Write(event)
	return hex.EncodeToString(h.Sum(nil))
}

// flowKey renders the flow's own idempotency_key; "" when it has none for this
// event.
func (a *API) flowKey(ctx context.Context, f *flows.Flow, s *queue.Submission) (string, error) {
	return a.render(ctx, s, "idempotency_key", func(ctx context.Context, run flows.Run) (string, error) {
		return f.Text(ctx, f.Webhook.IdempotencyKey, run)
	})
}

// render computes a text of a flow's settings from what was submitted; code names the
// setting in the fault of one that cannot be computed.
func (a *API) render(ctx context.Context, s *queue.Submission, code string, text func(context.Context, flows.Run) (string, error)) (string, error) {
	run := flows.Run{Principal: s.Principal, Params: s.Params, Headers: s.Headers}
	if len(s.Event) > 0 {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		account := a.config.Memory.Open(0, cancel)
		defer account.Close()
		var made atomic.Int64
		defer account.Settle(&made)
		event, err := flows.DecodeJSONOn(budget.NewTab(ctx, account, &made), s.Event)
		if account.Err() != nil {
			return "", account.Err()
		}
		if err != nil {
			return "", fmt.Errorf("decode event: %w", err) // it was checked: ours
		}
		run.Event = event
	}
	rendered, err := text(ctx, run)
	if err != nil {
		return "", &httpx.Fault{Status: http.StatusBadRequest, Code: code, Message: "the flow's " + code + " cannot be computed: " + err.Error()}
	}
	return rendered, nil
}

// parseIdempotencyKey returns the Idempotency-Key, quoted (as the IETF draft
// has it) or bare; "" when there is none.
func parseIdempotencyKey(h http.Header) (string, error) {
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

// unquote reads a string of RFC 8941.
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
