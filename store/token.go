package store

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// TokenPrefix is the prefix of every access token, by which scanners find leaked ones.
	TokenPrefix = "pst_"
	// tokenSize is the number of random bytes in a token.
	tokenSize = 32
	// expiredTokenTTL is how long an expired token is still known, to report the expiry to its bearer instead of an unknown
	// token.
	expiredTokenTTL = 24 * time.Hour
)

var (
	//go:embed lua/token_find.lua
	tokenFindLua string
	//go:embed lua/token_revoke.lua
	tokenRevokeLua string

	tokenFind   = redis.NewScript(tokenFindLua)
	tokenRevoke = redis.NewScript(tokenRevokeLua)
)

// Token is the stored form of an access token. Of the token itself only the SHA-256 is stored.
type Token struct {
	Kind      PrincipalKind `json:"kind"`
	Principal string        `json:"holder"` // name of the user, client or key of the token
	Name      string        `json:"name"`   // of the principal, for display
	Scopes    []string      `json:"scopes"`
	Granted   []string      `json:"granted,omitempty"` // of rights in folders, as far as the principal has them when the token is used
	Flows     []int64       `json:"flows"`             // flows that it may access; null: all
	Grant     string        `json:"grant"`             // grant by which it was issued
	Staff     bool          `json:"staff,omitempty"`   // may see the runs of others

	Epoch string `json:"-"` // of the principal when the token was issued

	// Actor is the API key that acts as the principal; empty: none.
	Actor      string `json:"actor,omitempty"`
	ActorName  string `json:"actor_name,omitempty"`
	ActorEpoch string `json:"-"`

	// Owner is the user who owns the client of the token; empty: nobody. The token dies with a change of the owner that
	// revokes the owner's own tokens.
	Owner      string `json:"owner,omitempty"`
	OwnerEpoch string `json:"-"`

	// Family is the key of the family of refresh tokens with which the token is revoked; empty: none.
	Family string `json:"-"`

	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`

	Dead bool `json:"-"` // revoked, or the principal has changed
}

// LogValue shows the principal of the token only.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.Kind.of(t.Principal)) }

// Live reports whether the token is valid at a time.
func (t *Token) Live(now time.Time) bool { return !t.Dead && now.Before(t.ExpiresAt) }

// Tokens gives access to the access tokens. Safe for concurrent use.
type Tokens struct{ store *Store }

// Tokens gives access to the access tokens.
func (s *Store) Tokens() *Tokens { return &Tokens{s} }

// Issue stores a token and returns its text for the bearer. Times and epochs must be set.
func (ts *Tokens) Issue(ctx context.Context, t Token) (string, error) {
	life := t.ExpiresAt.Sub(t.IssuedAt)
	if t.Epoch == "" || t.Actor != "" && t.ActorEpoch == "" || t.Owner != "" && t.OwnerEpoch == "" || life <= 0 {
		return "", errors.New("issue token: no epoch or no life")
	}
	text := TokenPrefix + randomText(tokenSize)
	record, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	fields := []any{"record", record, "holder", t.Kind.of(t.Principal), "epoch", t.Epoch}
	switch { // a token has one of the two at most: keys act as users, and users own clients
	case t.Actor != "":
		fields = append(fields, "actor", PrincipalKey.of(t.Actor), "actor_epoch", t.ActorEpoch)
	case t.Owner != "":
		fields = append(fields, "actor", PrincipalUser.of(t.Owner), "actor_epoch", t.OwnerEpoch)
	}
	if t.Family != "" {
		fields = append(fields, "family", t.Family)
	}
	_, err = ts.store.config.Redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keyToken(text), fields...)
		p.PExpire(ctx, keyToken(text), life+expiredTokenTTL)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return text, nil
}

// Find returns a token, valid or not, directly from Redis, so that a revocation by any process applies at once.
// ErrNotFound: it never existed, or expired more than a day ago.
func (ts *Tokens) Find(ctx context.Context, text string) (*Token, error) {
	if !wellFormed(text) {
		return nil, ErrNotFound
	}
	answer, err := tokenFind.Run(ctx, ts.store.config.Redis, []string{keyToken(text), keyEpochs}).StringSlice()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find token: %w", err)
	}
	t := &Token{}
	if err := json.Unmarshal([]byte(answer[0]), t); err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	t.Dead, t.Family = answer[1] != "1", answer[2]
	return t, nil
}

// Revoke revokes one token. Error: ErrNotFound.
func (ts *Tokens) Revoke(ctx context.Context, text string) error {
	n, err := tokenRevoke.Run(ctx, ts.store.config.Redis, []string{keyToken(text)}).Int()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// MarkUsed stores an id in a scope for the time remember and reports whether it is new there.
func (ts *Tokens) MarkUsed(ctx context.Context, scope, id string, remember time.Duration) (bool, error) {
	first, err := ts.store.config.Redis.SetNX(ctx, keyOnce(scope, id), 1, remember).Result()
	if err != nil {
		return false, fmt.Errorf("remember id: %w", err)
	}
	return first, nil
}

// Claim stores the use of an id in a scope for the time remember. It returns the first use stored; first reports
// whether it is this one.
func (ts *Tokens) Claim(ctx context.Context, scope, id, use string, remember time.Duration) (was string, first bool, err error) {
	key := keyOnce(scope, id)
	pipe := ts.store.config.Redis.TxPipeline()
	set, get := pipe.SetNX(ctx, key, use, remember), pipe.Get(ctx, key)
	if _, err := pipe.Exec(ctx); err != nil {
		return "", false, fmt.Errorf("remember id: %w", err)
	}
	return get.Val(), set.Val(), nil
}

// wellFormed avoids a Redis call for texts that cannot be tokens.
func wellFormed(text string) bool {
	return len(text) == len(TokenPrefix)+base64.RawURLEncoding.EncodedLen(tokenSize) && text[:len(TokenPrefix)] == TokenPrefix
}

// digest returns a hash of a secret for key names.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
