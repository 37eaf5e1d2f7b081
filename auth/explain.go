package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/penstock/penstock/store"
)

// maskedSecret is shown at the place where the secret is hashed.
const maskedSecret = "<the secret>"

// ExplainRequest is a request of an API key to be explained, as it was sent.
type ExplainRequest struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`

	// Assertion is a JWT of an API key. When it is set, the other fields are ignored.
	Assertion string `json:"assertion"`
}

// Explanation says which parts of a proof are right and which are wrong. It contains neither a secret nor the right
// proof.
type Explanation struct {
	Scheme string `json:"scheme"` // "check", "signature" or "jwt"
	Key    string `json:"key"`
	Fits   bool   `json:"fits"` // whether the proof is right; the request may still be rejected for one of the findings

	// Signed is the text to be hashed, with the secret masked.
	Signed string `json:"signed,omitempty"`
	// Findings are the mistakes, the most important one first.
	Findings []string   `json:"findings"`
	Clock    *ClockSkew `json:"clock,omitempty"`
}

// ClockSkew compares a signed time with the server's clock. All values are in seconds.
type ClockSkew struct {
	Signed  int64 `json:"signed"` // since 1970
	Ours    int64 `json:"ours"`
	Off     int64 `json:"off_seconds"` // Ours minus Signed
	Allowed int64 `json:"allowed_seconds"`
}

func (e *Explanation) addFinding(format string, args ...any) {
	e.Findings = append(e.Findings, fmt.Sprintf(format, args...))
}

// Explain explains why a request of an API key is accepted or rejected. Only administrators may call it, because it
// reveals which keys exist.
func (a *Authority) Explain(ctx context.Context, p *ExplainRequest) (*Explanation, error) {
	if p.Assertion != "" {
		return a.explainJWT(ctx, p.Assertion)
	}
	for name, value := range p.Headers {
		if strings.EqualFold(name, HeaderSignature) {
			return a.explainSignature(ctx, p, value)
		}
	}
	return a.explainCheck(ctx, p)
}

// explainCheck explains a request to the SmartSYNC API.
func (a *Authority) explainCheck(ctx context.Context, p *ExplainRequest) (*Explanation, error) {
	e := &Explanation{Scheme: "check", Findings: []string{}}
	u, err := url.Parse(p.URL)
	if err != nil {
		e.addFinding("the URL cannot be read")
		return e, nil
	}
	q, err := ParseQuery(u.RawQuery)
	if err != nil {
		e.addFinding("the query string cannot be read: %v", err)
		return e, nil
	}
	for _, name := range []string{"flow", "key", "ts", "check"} {
		if _, sent := q.Lookup(name); !sent {
			e.addFinding("the parameter %s is missing", name)
		}
	}
	e.Key = q.Get("key")
	key, err := a.explainKey(ctx, e)
	if err != nil || key == nil {
		return e, err
	}
	c := signedBody(p)
	e.Signed = string(signedText(q, c)) + maskedSecret
	current, previous := key.Secrets(a.config.Now())
	e.Fits = VerifyCheck(q, c, Secrets{current, previous})
	if !e.Fits {
		explainDigest(e, &checkCase{query: q, raw: u.RawQuery, body: p.Body, canonical: c, key: key, given: q.Get("check")})
	}
	e.clock(q.Get("ts"), a.config.Now(), Window(key))
	e.state(key)
	return e, nil
}

// signedBody returns the signed part of the body.
func signedBody(p *ExplainRequest) []byte {
	if !strings.EqualFold(p.Method, "POST") {
		return nil
	}
	return Canonical([]byte(p.Body))
}

// explainKey returns the key that the request names, or nil after adding a finding.
func (a *Authority) explainKey(ctx context.Context, e *Explanation) (*store.Key, error) {
	key, err := a.config.Store.Keys().Key(ctx, e.Key)
	if errors.Is(err, store.ErrNotFound) {
		e.addFinding("there is no API key %q", e.Key)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find key: %w: %w", ErrUnavailable, err)
	}
	return key, nil
}

// clock compares the signed time with the server's clock.
func (e *Explanation) clock(ts string, now time.Time, window time.Duration) {
	signed, ok := parseTime(ts)
	if !ok {
		if len(ts) == 13 {
			e.addFinding("ts has 13 digits: it is in milliseconds; seconds are expected")
		} else {
			e.addFinding("ts must be the seconds since 1970, in 1 to 12 digits")
		}
		return
	}
	e.Clock = &ClockSkew{signed, now.Unix(), now.Unix() - signed, int64(window / time.Second)}
	if err := CheckTime(ts, now, window); err != nil {
		e.addFinding("%v", err)
	}
}

// state adds a finding when the settings of the key reject the request.
func (e *Explanation) state(key *store.Key) {
	if !key.APIAccess {
		e.addFinding("API access is switched off for this key")
	}
}
