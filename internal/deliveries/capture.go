package deliveries

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"
)

// Limits of captures.
const (
	// DefaultCapture and MaxCapture are how long a capture takes requests.
	DefaultCapture, MaxCapture = 10 * time.Minute, time.Hour
	// maxCaptures is the maximum number of captures that are open, maxOwnCaptures of those of one principal, and
	// maxCaptured of the requests of one.
	maxCaptures, maxOwnCaptures, maxCaptured = 20, 5, 20
)

var (
	//go:embed lua/capture_open.lua
	captureOpenLua string
	//go:embed lua/capture_add.lua
	captureAddLua string

	captureOpenScript = redis.NewScript(captureOpenLua)
	captureAddScript  = redis.NewScript(captureAddLua)
)

// Errors of OpenCapture.
var (
	ErrTooMany    = errors.New("too many captures are open")
	ErrTooManyOwn = errors.New("the principal has too many open captures")
)

// Capture is an address that takes any request for a time.
type Capture struct {
	Token    string     `json:"-"` // of its URL; it cannot be guessed, and is not stored
	Owner    string     `json:"owner"`
	Until    time.Time  `json:"until"`
	Requests []Captured `json:"-"` // the first maxCaptured, in their order
}

// Captured is a request that a capture took.
type Captured struct {
	At          time.Time   `json:"at"`
	Method      string      `json:"method"`
	IP          string      `json:"ip"`
	Size        int64       `json:"size"` // of the body as sent, in bytes
	ContentType string      `json:"content_type,omitempty"`
	Candidates  []Candidate `json:"candidates"` // senders that it may come from, the likeliest first
	Content
}

// Candidate is a sender that a request may come from.
type Candidate struct {
	Sender string   `json:"sender"` // its scheme in flows
	Title  string   `json:"title"`
	Why    []string `json:"why"`
	Lines  string   `json:"lines"` // to write in the flow
}

// tokenForm is the form of a token, as rand.Text makes it.
var tokenForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// captureHash returns the name of a capture in keys. The error for what cannot be a token wraps ErrNotFound.
func captureHash(token string) (string, error) {
	if !tokenForm.MatchString(token) {
		return "", fmt.Errorf("find capture: %w", ErrNotFound)
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), nil
}

// OpenCapture opens a capture for a principal. The error may be ErrTooMany or ErrTooManyOwn.
func (l *Log) OpenCapture(ctx context.Context, owner string, length time.Duration) (*Capture, error) {
	c := &Capture{Token: rand.Text(), Owner: owner, Until: time.Now().Add(length).Truncate(time.Second).UTC()}
	hash, err := captureHash(c.Token)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	opened, err := captureOpenScript.Run(ctx, l.config.Redis, []string{keyCaptures, keyOwnCaptures(owner), captureKey(hash)},
		hash, text, length.Milliseconds(), MaxCapture.Milliseconds(), maxCaptures, maxOwnCaptures).Int()
	switch {
	case err != nil:
		return nil, fmt.Errorf("open capture: %w", err)
	case opened == 0:
		return nil, ErrTooMany
	case opened < 0:
		return nil, ErrTooManyOwn
	}
	return c, nil
}

// CaptureHasRoom reports whether a capture keeps a further request. The error for a capture that is not open wraps
// ErrNotFound.
func (l *Log) CaptureHasRoom(ctx context.Context, token string) (bool, error) {
	hash, err := captureHash(token)
	if err != nil {
		return false, err
	}
	n, err := l.config.Redis.LLen(ctx, captureKey(hash)).Result()
	switch {
	case err != nil:
		return false, fmt.Errorf("find capture: %w", err)
	case n == 0:
		return false, fmt.Errorf("find capture: %w", ErrNotFound)
	}
	return n <= maxCaptured, nil
}

// AddCaptured keeps a request, unless the capture has ended or is full.
func (l *Log) AddCaptured(ctx context.Context, token string, r *Captured) error {
	hash, err := captureHash(token)
	if err != nil {
		return err
	}
	r.Method, r.ContentType = shorten(r.Method, maxText), shorten(r.ContentType, maxText)
	if _, err := r.Content.encode(); err != nil { // shortens it
		return err
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = captureAddScript.Run(ctx, l.config.Redis, []string{captureKey(hash)}, text, maxCaptured).Err()
	}
	if err != nil {
		return fmt.Errorf("write captured request: %w", err)
	}
	return nil
}

// FindCapture returns an open capture of a principal. The error for any other wraps ErrNotFound.
func (l *Log) FindCapture(ctx context.Context, owner, token string) (*Capture, error) {
	hash, err := captureHash(token)
	if err != nil {
		return nil, err
	}
	texts, err := l.config.Redis.LRange(ctx, captureKey(hash), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read capture: %w", err)
	}
	c := &Capture{Token: token, Requests: []Captured{}}
	if len(texts) == 0 || json.Unmarshal([]byte(texts[0]), c) != nil || c.Owner != owner {
		return nil, fmt.Errorf("read capture: %w", ErrNotFound)
	}
	for _, text := range texts[1:] {
		var r Captured
		if json.Unmarshal([]byte(text), &r) == nil { // else possibly of a newer version
			c.Requests = append(c.Requests, r)
		}
	}
	return c, nil
}

// Full reports whether the capture keeps no further request.
func (c *Capture) Full() bool { return len(c.Requests) >= maxCaptured }

// CloseCapture ends a capture of a principal, and deletes its requests. The error for any other wraps ErrNotFound.
func (l *Log) CloseCapture(ctx context.Context, owner, token string) error {
	c, err := l.FindCapture(ctx, owner, token)
	if err != nil {
		return err
	}
	hash, err := captureHash(c.Token)
	if err != nil {
		return err
	}
	_, err = l.config.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, captureKey(hash))
		p.ZRem(ctx, keyCaptures, hash)
		p.ZRem(ctx, keyOwnCaptures(owner), hash)
		return nil
	})
	if err != nil {
		return fmt.Errorf("close capture: %w", err)
	}
	return nil
}
