package personal

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// Scanners find tokens by the pattern of the documentation, and tell them from texts that look alike by the checksum.
func TestTokensAreFoundByScanners(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(Pattern)
	seen := map[string]bool{}
	for range 1000 {
		text := newText()
		if seen[text] || !WellFormed(text) || pattern.FindString("curl -H 'Authorization: Bearer "+text+"'\n") != text {
			t.Fatalf("%q", text)
		}
		seen[text] = true
	}
	// Computed apart from this package, by zlib.crc32 of Python: the CRC-32 of "pstpat_" and 32 zeros, in base 62.
	if known := "pstpat_0000000000000000000000000000000013yYtl"; !WellFormed(known) {
		t.Errorf("%s is not taken for a token", known)
	}
	text := newText()
	for _, wrong := range []string{"", "pst_" + text[7:], text[:len(text)-1], text + "0", strings.ToUpper(text), text[:10] + string(rune(text[10])^1) + text[11:], strings.Replace(text, text[8:9], "-", 1)} {
		if WellFormed(wrong) {
			t.Errorf("%q is taken for a token", wrong)
		}
	}
	var letters strings.Builder
	for text := range seen {
		letters.WriteString(text[len(Prefix) : len(Prefix)+randomLength])
	}
	for _, c := range alphabet { // 32,000 letters, 516 of each: 6 standard deviations are 136
		if n := strings.Count(letters.String(), string(c)); n < 380 || n > 652 {
			t.Errorf("%c occurs %d times of 32000", c, n)
		}
	}
}

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func asked(name string, now time.Time) Token {
	return Token{User: "ann", Born: born, Name: name, Scopes: []string{"runs:read"}, IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestLifeOfAToken(t *testing.T) {
	t.Parallel()
	client := testenv.Redis(t).Client()
	here, there := New(client), New(client)
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Second)
	text, made, err := here.Issue(ctx, asked("laptop", now))
	if err != nil {
		t.Fatal(err)
	}
	found, err := there.Find(ctx, text)
	if err != nil || found.User != "ann" || found.ID != made.ID || !found.ExpiresAt.Equal(now.Add(time.Hour)) || !slices.Equal(found.Scopes, []string{"runs:read"}) {
		t.Errorf("%+v, %v", found, err)
	}
	if err := there.Used(ctx, found, now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	all, err := here.List(ctx, "ann", born, now)
	if err != nil || len(all) != 1 || all[0].Name != "laptop" || !all[0].UsedAt.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, %v", all, err)
	}
	for _, key := range client.Keys(ctx, "*").Val() {
		content := fmt.Sprint(key, client.Type(ctx, key).Val(), client.Get(ctx, key).Val(), client.HGetAll(ctx, key).Val())
		if strings.Contains(content, text) || strings.Contains(content, text[len(Prefix):]) {
			t.Errorf("Redis has the token: %s", content)
		}
		if ttl := client.TTL(ctx, key).Val(); ttl <= 0 {
			t.Errorf("%s has no end", key)
		}
	}
	if all, err := here.List(ctx, "ann", born.Add(time.Second), now); err != nil || len(all) != 0 {
		t.Errorf("another user of the name has %+v, %v", all, err)
	}
	if err := there.Revoke(ctx, "bob", made.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another user revokes it: %v", err)
	}
	if err := there.Revoke(ctx, "ann", made.ID); err != nil {
		t.Error(err)
	}
	if _, err := here.Find(ctx, text); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its revocation: %v", err)
	}
	if err := there.Revoke(ctx, "ann", made.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second revocation: %v", err)
	}
}

func TestTokensThatAreNotMade(t *testing.T) {
	t.Parallel()
	ts := New(testenv.Redis(t).Client())
	ctx, now := t.Context(), time.Now().UTC().Truncate(time.Second)
	for member, change := range map[string]func(*Token){
		"name":        func(t *Token) { t.Name = "" },
		"name ":       func(t *Token) { t.Name = strings.Repeat("x", 101) },
		"name  ":      func(t *Token) { t.Name = "a\nb" },
		"scopes":      func(t *Token) { t.Scopes = nil },
		"expires_at":  func(t *Token) { t.ExpiresAt = now },
		"expires_at ": func(t *Token) { t.ExpiresAt = now.Add(MaxLife + time.Second) },
	} {
		one := asked("a", now)
		change(&one)
		var invalid *InvalidError
		if _, _, err := ts.Issue(ctx, one); !errors.As(err, &invalid) || invalid.Member != strings.TrimSpace(member) {
			t.Errorf("%s: %v", member, err)
		}
	}
	if _, _, err := ts.Issue(ctx, Token{Name: "a"}); err == nil {
		t.Error("a token of nobody is made")
	}
	// At once and one after the other: names are unique, and there are no more than the maximum.
	var making sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		making.Go(func() {
			if _, _, err := ts.Issue(ctx, asked("same", now)); err == nil {
				mu.Lock()
				defer mu.Unlock()
				made++
			}
		})
	}
	making.Wait()
	if made != 1 {
		t.Errorf("%d tokens of one name", made)
	}
	for i := 1; i < MaxTokens; i++ {
		if _, _, err := ts.Issue(ctx, asked(fmt.Sprint("token ", i), now)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := ts.Issue(ctx, asked("too many", now)); err == nil {
		t.Error("a token more than the maximum is made")
	}
	if _, _, err := ts.Issue(ctx, asked("later", now.Add(2*time.Hour))); err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}
