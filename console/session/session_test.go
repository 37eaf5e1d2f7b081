package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// testStore returns a Store on an empty Redis, the client, and a clock that tests set.
func testStore(t *testing.T) (*Store, *redis.Client, *time.Time) {
	t.Helper()
	opts, err := redis.ParseURL(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	now := time.Unix(1795280000, 0)
	return New(client, func() time.Time { return now }), client, &now
}

var home = Origin{Site: "/console", IP: "192.0.2.1", Device: "a browser"} // read only

// begin begins a session of ann.
func begin(t *testing.T, s *Store) *Session {
	t.Helper()
	begun, err := s.Begin(t.Context(), "ann", "7", home)
	if err != nil {
		t.Fatal(err)
	}
	return begun
}

func TestASessionIsFoundByItsCookie(t *testing.T) {
	t.Parallel()
	s, _, _ := testStore(t)
	begun, other := begin(t, s), begin(t, s)
	if begun.Token == other.Token || begun.CSRF == other.CSRF || begun.Token == begun.CSRF {
		t.Errorf("tokens repeat: %+v, %+v", begun, other)
	}
	found, err := s.Find(t.Context(), begun.Token, home.IP)
	if diff := cmp.Diff(begun, found, cmp.AllowUnexported(Session{})); err != nil || diff != "" {
		t.Errorf("found: %v\n%s", err, diff)
	}
	if err := s.End(t.Context(), begun.Token); err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"an ended session": begun.Token, "no cookie": "", "a cut cookie": other.Token[1:], "the stored name": Key(other.Token),
	} {
		if _, err := s.Find(t.Context(), token, home.IP); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Find(t.Context(), other.Token, home.IP); err != nil {
		t.Errorf("the end of a session ended another one: %v", err)
	}
}

// Redis has the hash of a cookie only: who reads its memory or a backup cannot sign in with it.
func TestTheCookieIsNotStored(t *testing.T) {
	t.Parallel()
	s, client, _ := testStore(t)
	begun := begin(t, s)
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, key := range keys {
		if value := client.Dump(t.Context(), key).Val(); value == "" || strings.Contains(key+value, begun.Token) {
			t.Errorf("%s has the cookie, or nothing", key)
		}
	}
}

// A session ends when it was unused for IdleLimit, and at LifeLimit although it is used.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		uses  []time.Duration // since the start
		at    time.Duration
		valid bool
	}{
		"just before idle":            {at: IdleLimit - time.Second, valid: true},
		"idle":                        {at: IdleLimit},
		"used, then idle":             {uses: []time.Duration{time.Hour}, at: time.Hour + IdleLimit},
		"used":                        {uses: []time.Duration{7 * time.Hour}, at: 14 * time.Hour, valid: true},
		"used until the end":          {uses: []time.Duration{7 * time.Hour, 14 * time.Hour, 21 * time.Hour}, at: LifeLimit - time.Second, valid: true},
		"used, and too old":           {uses: []time.Duration{7 * time.Hour, 14 * time.Hour, 21 * time.Hour}, at: LifeLimit},
		"a use within a minute of it": {uses: []time.Duration{touchInterval - time.Second}, at: IdleLimit}, // was not stored
	} {
		s, client, now := testStore(t)
		begun, started := begin(t, s), *now
		for _, use := range c.uses {
			*now = started.Add(use)
			if _, err := s.Find(t.Context(), begun.Token, home.IP); err != nil {
				t.Errorf("%s: a use after %s: %v", name, use, err)
			}
			// Redis removes the key no later than the session ends.
			if ttl := client.TTL(t.Context(), Key(begun.Token)).Val(); ttl <= 0 || ttl > min(IdleLimit, LifeLimit-use) && use >= touchInterval {
				t.Errorf("%s: %s to live after %s", name, ttl, use)
			}
		}
		*now = started.Add(c.at)
		if _, err := s.Find(t.Context(), begun.Token, home.IP); errors.Is(err, ErrNone) == c.valid || err != nil && c.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that lacks a field, or has a broken time, is no session.
func TestBrokenSessions(t *testing.T) {
	t.Parallel()
	s, client, _ := testStore(t)
	for field, value := range map[string]string{"user": "", "csrf": "", "began": "soon", "seen": ""} {
		begun := begin(t, s)
		if err := client.HSet(t.Context(), Key(begun.Token), field, value).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Find(t.Context(), begun.Token, home.IP); !errors.Is(err, ErrNone) {
			t.Errorf("%s %q: %v", field, value, err)
		}
	}
}

// A Redis that is away is an error of its own: a signed-in user is not sent to the sign-in page.
func TestSessionsWithoutRedis(t *testing.T) {
	t.Parallel()
	s, client, _ := testStore(t)
	begun := begin(t, s)
	client.Close()
	if _, err := s.Find(t.Context(), begun.Token, home.IP); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("find: %v", err)
	}
	if _, err := s.Begin(t.Context(), "ann", "7", home); err == nil {
		t.Error("a session begins")
	}
	if err := s.End(t.Context(), begun.Token); err == nil {
		t.Error("a session ends")
	}
}
