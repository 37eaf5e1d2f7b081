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

// maskedSecret stands where a secret was hashed.
const maskedSecret = "<the secret>"

// ExplainRequest is a request whose proof somebody cannot make fit, as it was sent.
type ExplainRequest struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`

	// Assertion is a JWT of an API key; then the rest is not looked at.
	Assertion string `json:"assertion"`
}

// Explanation says what of a proof fits and what does not. It never holds a
// secret, nor what a right proof would be.
type Explanation struct {
	Scheme string `json:"scheme"` // "check", "signature" or "jwt"
	Key    string `json:"key"`
	Fits   bool   `json:"fits"` // the proof itself; the findings may still stand against the request

	// Signed is the text that must be hashed, the secret maskedSecret.
	Signed string `json:"signed,omitempty"`
	// Findings say what is wrong, what weighs most first.
	Findings []string   `json:"findings"`
	Clock    *ClockSkew `json:"clock,omitempty"`
}

// ClockSkew holds a signed time against ours.
type ClockSkew struct {
	Signed  int64 `json:"signed"` // seconds since 1970
	Ours    int64 `json:"ours"`
	Off     int64 `json:"off_seconds"` // ours less the signed one
	Allowed int64 `json:"allowed_seconds"`
}

func (e *Explanation) addFinding(format string, args ...any) {
	e.Findings = append(e.Findings, fmt.Sprintf(format, args...))
}

// Explain says why a request of an API key is, or is not, let in. For
// administrators: it tells which keys there are.
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

// explainCheck is for the SmartSYNC door.
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

// signedBody is what is signed of a request's body.
func signedBody(p *ExplainRequest) []byte {
	if !strings.EqualFold(p.Method, "POST") {
		return nil
	}
	return Canonical([]byte(p.Body))
}

// explainKey finds the key that a request names; nil: there is none.
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

// clock compares times.
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

// state says what of the key itself stands against the request.
func (e *Explanation) state(key *store.Key) {
	if !key.APIAccess {
		e.addFinding("API access is switched off for this key")
	}
}
