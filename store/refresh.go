package store

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// RefreshPrefix is the prefix of every refresh token, by which scanners find leaked ones.
	RefreshPrefix = "psr_"
	// RefreshTTL is the time from the first token of a family to the end of its last one. A rotation does not extend it.
	RefreshTTL = 30 * 24 * time.Hour
	// maxFamilies is the maximum number of families of one principal; the oldest makes room for a new one.
	maxFamilies = 32
	// familySize is the number of random bytes that name a family.
	familySize = 16
	// maxTokenLife is the longest lifetime of an access token: a family is stored as long as its last access token.
	maxTokenLife = maxTokenTTL * time.Minute
)

var (
	//go:embed lua/refresh_issue.lua
	refreshIssueLua string
	//go:embed lua/refresh_rotate.lua
	refreshRotateLua string

	refreshIssue  = redis.NewScript(refreshIssueLua)
	refreshRotate = redis.NewScript(refreshRotateLua)
)

// ErrReused reports that a refresh token was used before. Its family, with all access tokens, has been revoked.
var ErrReused = errors.New("the refresh token was used before")

// Family is a chain of refresh tokens, of which only the last one is valid. Of the tokens only the SHA-256 of the last
// one is stored.
type Family struct {
	Kind      PrincipalKind `json:"kind"`
	Principal string        `json:"holder"`
	Endpoint  string        `json:"endpoint"` // token endpoint that issued it, and that alone accepts it
	Scopes    []string      `json:"scopes"`   // of the first access token; later ones have no others
	ExpiresAt time.Time     `json:"expires_at"`

	Epoch string `json:"-"` // of the principal when the family was made
	Key   string `json:"-"` // for Token.Family
}

// IssueRefresh stores a new family, sets its key, and returns the text of its first token. All other members but the
// key must be set.
func (ts *Tokens) IssueRefresh(ctx context.Context, f *Family, now time.Time) (string, error) {
	life := f.ExpiresAt.Sub(now)
	if f.Epoch == "" || life <= 0 {
		return "", errors.New("issue refresh token: no epoch or no life")
	}
	name := randomText(familySize)
	text := RefreshPrefix + name + randomText(tokenSize)
	f.Key = keyFamily(name)
	record, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("issue refresh token: %w", err)
	}
	holder := f.Kind.of(f.Principal)
	err = refreshIssue.Run(ctx, ts.store.config.Redis, []string{f.Key, keyFamilies(holder)}, record, holder, f.Epoch, digest(text),
		now.UnixMilli(), f.ExpiresAt.UnixMilli(), (life + maxTokenLife).Milliseconds(), maxFamilies).Err()
	if err != nil {
		return "", fmt.Errorf("issue refresh token: %w", err)
	}
	return text, nil
}

// FindRefresh returns the family of a refresh token, perhaps an expired one. Errors: ErrNotFound when the token is
// unknown, revoked, or its principal has changed; ErrReused.
func (ts *Tokens) FindRefresh(ctx context.Context, text string) (*Family, error) {
	f, err := ts.rotate(ctx, text, "")
	if err != nil {
		return nil, fmt.Errorf("find refresh token: %w", err)
	}
	return f, nil
}

// Rotate replaces a refresh token by the next one of its family and returns it. Of concurrent calls with the same token
// one succeeds; the others revoke the family. Errors as of FindRefresh.
func (ts *Tokens) Rotate(ctx context.Context, text string) (string, error) {
	name, ok := familyOf(text)
	if !ok {
		return "", ErrNotFound
	}
	next := RefreshPrefix + name + randomText(tokenSize)
	if _, err := ts.rotate(ctx, text, digest(next)); err != nil {
		return "", fmt.Errorf("rotate refresh token: %w", err)
	}
	return next, nil
}

func (ts *Tokens) rotate(ctx context.Context, text, next string) (*Family, error) {
	name, ok := familyOf(text)
	if !ok {
		return nil, ErrNotFound
	}
	record, err := refreshRotate.Run(ctx, ts.store.config.Redis, []string{keyFamily(name), keyEpochs}, digest(text), next).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	case record == "":
		return nil, ErrReused
	}
	f := &Family{Key: keyFamily(name)}
	if err := json.Unmarshal([]byte(record), f); err != nil {
		return nil, fmt.Errorf("read family: %w", err)
	}
	return f, nil
}

// RevokeFamily revokes all refresh and access tokens of a family.
func (ts *Tokens) RevokeFamily(ctx context.Context, f *Family) error {
	if err := ts.store.config.Redis.Del(ctx, f.Key).Err(); err != nil {
		return fmt.Errorf("revoke refresh token: %w", err)
	}
	return nil
}

// familyOf returns the name of the family in the text of a token, and whether the text can be a token.
func familyOf(text string) (string, bool) {
	rest, found := strings.CutPrefix(text, RefreshPrefix)
	length := base64.RawURLEncoding.EncodedLen(familySize)
	if !found || len(rest) != length+base64.RawURLEncoding.EncodedLen(tokenSize) {
		return "", false
	}
	return rest[:length], true
}

func randomText(size int) string {
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}
