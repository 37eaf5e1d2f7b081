// Package personal keeps the tokens that users make for themselves: for scripts, and for CI. What a token allows is decided by who
// asks: the token names a user and scopes, and the user may hold fewer by now.
package personal

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
)

const (
	// MaxTokens is the maximum number of tokens of a user.
	MaxTokens = 50
	// MaxLife and DefaultLife are how long a token lives at most, and if nothing is said.
	MaxLife, DefaultLife = 366 * 24 * time.Hour, 90 * 24 * time.Hour
	// remembered is how long a token that has ended is still known, to say so to its bearer.
	remembered = 24 * time.Hour
	// listTTL is how long the list of a user is kept after the last change: as long as the last token may be known.
	listTTL = MaxLife + remembered
	// maxName is the maximum length of a name in characters.
	maxName = 100
	// usedEvery is how exactly the last use is known.
	usedEvery = time.Minute
	// maxSeen is the maximum number of tokens whose last use a process remembers.
	maxSeen = 10_000
)

// ErrNotFound reports that there is no such token.
var ErrNotFound = errors.New("there is no such token")

// InvalidError reports a token that cannot be made.
type InvalidError struct{ Member, Reason string }

func (e *InvalidError) Error() string { return e.Member + " " + e.Reason }

// Token is the stored form of a token.
type Token struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Born      time.Time `json:"born"` // when the user was created: another user of the same name has none of the tokens
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`

	Key    string    `json:"key,omitempty"` // of Redis; in the list of the user only
	UsedAt time.Time `json:"-"`             // to the minute; zero: never
}

// LogValue shows the user and the id only.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.User + "/" + t.ID) }

// Tokens keeps the tokens. Safe for concurrent use.
type Tokens struct {
	redis redis.UniversalClient

	mu   sync.Mutex           // guards seen
	seen map[string]time.Time // the last use that was written, by id
}

// New returns Tokens. It does not close the client.
func New(client redis.UniversalClient) *Tokens {
	return &Tokens{redis: client, seen: map[string]time.Time{}}
}

// Issue stores a token and returns its text, which nothing returns again. User, Born, Name, Scopes, IssuedAt and ExpiresAt must be set;
// that the user holds the scopes is for the caller to check. Error: *InvalidError.
func (ts *Tokens) Issue(ctx context.Context, t Token) (text string, stored *Token, err error) {
	if err := check(t); err != nil {
		return "", nil, err
	}
	t.ID = rand.Text()[:12]
	text = newText()
	life := t.ExpiresAt.Sub(t.IssuedAt) + remembered
	listed := t
	listed.Key = keyToken(text)
	record, err1 := json.Marshal(t)
	entry, err2 := json.Marshal(listed)
	if err := errors.Join(err1, err2); err != nil {
		return "", nil, fmt.Errorf("issue personal token: %w", err)
	}
	err = ts.redis.Watch(ctx, func(tx *redis.Tx) error {
		live, ended, err := ts.read(ctx, tx, t.User, t.Born, t.IssuedAt)
		if err != nil {
			return err
		}
		if len(live) >= MaxTokens {
			return &InvalidError{"token", fmt.Sprintf("is one too many: revoke one of your %d", MaxTokens)}
		}
		if slices.ContainsFunc(live, func(o Token) bool { return o.Name == t.Name }) {
			return &InvalidError{"name", "is that of another token of yours"}
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, keyToken(text), record, life)
			if len(ended) > 0 {
				p.HDel(ctx, keyOf(t.User), ended...)
				p.HDel(ctx, keyUsed(t.User), ended...)
			}
			p.HSet(ctx, keyOf(t.User), t.ID, entry)
			p.Expire(ctx, keyOf(t.User), listTTL)
			return nil
		})
		return err
	}, keyOf(t.User))
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		return "", nil, invalid
	case errors.Is(err, redis.TxFailedErr):
		return "", nil, &InvalidError{"token", "was made at the same moment as another one: make it again"}
	case err != nil:
		return "", nil, fmt.Errorf("issue personal token: %w", err)
	}
	return text, &t, nil
}

func check(t Token) error {
	switch life := t.ExpiresAt.Sub(t.IssuedAt); {
	case t.User == "" || t.Born.IsZero() || t.IssuedAt.IsZero():
		return errors.New("issue personal token: no user or no time")
	case t.Name == "" || utf8.RuneCountInString(t.Name) > maxName || !utf8.ValidString(t.Name) || slices.ContainsFunc([]rune(t.Name), func(r rune) bool { return !unicode.IsPrint(r) }):
		return &InvalidError{"name", fmt.Sprintf("has 1 to %d characters that can be seen", maxName)}
	case len(t.Scopes) == 0:
		return &InvalidError{"scopes", "are empty: the token would allow nothing"}
	case life <= 0 || life > MaxLife:
		return &InvalidError{"expires_at", "is later than now, by 366 days at most"}
	}
	return nil
}

// read returns the tokens of a user that live, and the ids of those that have ended or were of an earlier user of the name.
func (ts *Tokens) read(ctx context.Context, from redis.Cmdable, user string, born, now time.Time) (live []Token, ended []string, err error) {
	entries, err := from.HGetAll(ctx, keyOf(user)).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("read personal tokens: %w", err)
	}
	for id, entry := range entries {
		var t Token
		if json.Unmarshal([]byte(entry), &t) != nil || !t.Born.Equal(born) || !now.Before(t.ExpiresAt) {
			ended = append(ended, id)
			continue
		}
		live = append(live, t)
	}
	slices.SortFunc(live, func(a, b Token) int {
		return cmp.Or(b.IssuedAt.Compare(a.IssuedAt), cmp.Compare(a.ID, b.ID))
	})
	return live, ended, nil
}

// List returns the tokens of a user that have not ended, the last one first.
func (ts *Tokens) List(ctx context.Context, user string, born, now time.Time) ([]Token, error) {
	live, _, err := ts.read(ctx, ts.redis, user, born, now)
	if err != nil || len(live) == 0 {
		return nil, err
	}
	used, err := ts.redis.HGetAll(ctx, keyUsed(user)).Result()
	if err != nil {
		return nil, fmt.Errorf("read uses of personal tokens: %w", err)
	}
	for i := range live {
		if seconds, err := strconv.ParseInt(used[live[i].ID], 10, 64); err == nil {
			live[i].UsedAt = time.Unix(seconds, 0).UTC()
		}
	}
	return live, nil
}

// Revoke ends a token of a user at once, in all processes. Error: ErrNotFound.
func (ts *Tokens) Revoke(ctx context.Context, user, id string) error {
	entry, err := ts.redis.HGet(ctx, keyOf(user), id).Result()
	if errors.Is(err, redis.Nil) {
		return ErrNotFound
	}
	var t Token
	if err == nil {
		err = json.Unmarshal([]byte(entry), &t)
	}
	if err == nil {
		_, err = ts.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, t.Key)
			p.HDel(ctx, keyOf(user), id)
			p.HDel(ctx, keyUsed(user), id)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("revoke personal token: %w", err)
	}
	return nil
}

// Find returns a token directly from Redis, so that a revocation by any process applies at once. It may have ended. ErrNotFound: it
// never existed, was revoked, or ended more than a day ago.
func (ts *Tokens) Find(ctx context.Context, text string) (*Token, error) {
	if !WellFormed(text) {
		return nil, ErrNotFound
	}
	record, err := ts.redis.Get(ctx, keyToken(text)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	t := new(Token)
	if err == nil {
		err = json.Unmarshal([]byte(record), t)
	}
	if err != nil {
		return nil, fmt.Errorf("find personal token: %w", err)
	}
	return t, nil
}

// Used notes the use of a token, at most once a minute in each process.
func (ts *Tokens) Used(ctx context.Context, t *Token, now time.Time) error {
	if !ts.due(t.ID, now) {
		return nil
	}
	_, err := ts.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keyUsed(t.User), t.ID, now.Unix())
		p.Expire(ctx, keyUsed(t.User), listTTL)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note use of personal token: %w", err)
	}
	return nil
}

func (ts *Tokens) due(id string, now time.Time) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if now.Sub(ts.seen[id]) < usedEvery {
		return false
	}
	if len(ts.seen) >= maxSeen {
		clear(ts.seen)
	}
	ts.seen[id] = now
	return true
}
