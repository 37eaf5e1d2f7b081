package runner

import (
	"net/http"
	"strings"
	"time"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

const (
	maxIdempotencyKey = 255
	IdempotencyWindow = 24 * time.Hour // how long a key is stored
)

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
