package store

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func sealer(t *testing.T, keys ...[]byte) *Sealer {
	t.Helper()
	s, err := NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealerRotation(t *testing.T) {
	t.Parallel()
	older, newer := NewMasterKey(), NewMasterKey()
	sealed := sealer(t, older).Seal("key/a", "s3cret")

	both := sealer(t, newer, older)
	if got, err := both.Open("key/a", sealed); err != nil || got != "s3cret" {
		t.Errorf("open under the older key = %q, %v", got, err)
	}
	again := both.Seal("key/a", "s3cret")
	if ids := both.IDs(); sealedUnder(again) != ids[0] || sealedUnder(sealed) != ids[1] {
		t.Errorf("sealed under %s, before under %s; the keys are %s", sealedUnder(again), sealedUnder(sealed), ids)
	}
	if got, err := sealer(t, newer).Open("key/a", again); err != nil || got != "s3cret" {
		t.Errorf("open under the new key alone = %q, %v", got, err)
	}
}

func TestSealerRefuses(t *testing.T) {
	t.Parallel()
	master := NewMasterKey()
	s := sealer(t, master)
	sealed := s.Seal("key/a", "s3cret")
	last := sealed[len(sealed)-2:]
	cases := map[string]struct{ record, sealed, want string }{
		"another record":     {"key/b", sealed, "belongs to another record"},
		"a changed byte":     {"key/a", strings.TrimSuffix(sealed, last) + flip(last), "it was changed"},
		"another master key": {"key/a", sealer(t, NewMasterKey()).Seal("key/a", "s3cret"), "not configured"},
		"plain text":         {"key/a", "s3cret", "not a sealed secret"},
		"nothing":            {"key/a", "", "not a sealed secret"},
		"cut":                {"key/a", sealed[:14], "it was changed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Open(c.record, c.sealed)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("open = %q, %v; want an error with %q", got, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

// flip changes base64url text to other text of the same length.
func flip(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 'A' {
			return 'B'
		}
		return 'A'
	}, s)
}

func TestSealingTwiceDiffers(t *testing.T) {
	t.Parallel()
	s := sealer(t, NewMasterKey())
	if first, second := s.Seal("r", "same"), s.Seal("r", "same"); first == second {
		t.Error("equal secrets seal to equal text: the nonce does not change")
	}
}

func TestParseMasterKeys(t *testing.T) {
	t.Parallel()
	a, b := NewMasterKey(), NewMasterKey()
	encode := base64.StdEncoding.EncodeToString
	keys, err := ParseMasterKeys(encode(a) + " , " + encode(b))
	if err != nil || len(keys) != 2 || !bytes.Equal(keys[0], a) || !bytes.Equal(keys[1], b) {
		t.Errorf("parse two keys = %d keys, %v", len(keys), err)
	}
	for _, bad := range []string{"", "short", encode(a[:31]), encode(a) + ","} {
		if _, err := ParseMasterKeys(bad); err == nil {
			t.Errorf("parse %d characters: no error", len(bad))
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats the setting: %v", err)
		}
	}
	if _, err := NewSealer(); err == nil {
		t.Error("a sealer without keys: no error")
	}
}
