package webhook

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// The keys are in the order of their names. A secret that is absent or cannot sign ends the try with an error that shows none.
func TestSigningKeys(t *testing.T) {
	t.Parallel()
	stored := named{"one": secretOne, "two": secretTwo, "bad": "hunter2-is-no-key"}
	one, err1 := ParseSecret(secretOne)
	two, err2 := ParseSecret(secretTwo)
	keys, err := SigningKeys(t.Context(), stored, []string{"two", "one"}, "")
	if err != nil || err1 != nil || err2 != nil || len(keys) != 2 || !bytes.Equal(keys[0], two) || !bytes.Equal(keys[1], one) {
		t.Errorf("%x, %v %v %v", keys, err, err1, err2)
	}
	for _, name := range []string{"bad", "none"} {
		keys, err := SigningKeys(t.Context(), stored, []string{"one", name}, "shop")
		if err == nil || keys != nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), secretOne) {
			t.Errorf("%s: %x, %v", name, keys, err)
		}
	}
}

// Each receiver has keys of its own: with the key of one, none can sign for another, and none has the stored secret.
func TestReceiversHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	stored := named{"one": secretOne}
	seen := map[string]string{}
	for _, receiver := range []string{"", "shop", "Shop", "shop ", "shop2"} {
		keys, err := SigningKeys(t.Context(), stored, []string{"one"}, receiver)
		if err != nil || len(keys) != 1 || len(keys[0]) < minKey {
			t.Fatalf("%q: %x, %v", receiver, keys, err)
		}
		if other, twice := seen[string(keys[0])]; twice {
			t.Errorf("%q and %q have one key", receiver, other)
		}
		seen[string(keys[0])] = receiver
	}
}

// A signature is over id, time and body: a change of any changes it, and the parts cannot be moved from one to the next.
func TestSignatures(t *testing.T) {
	t.Parallel()
	key, err := ParseSecret(secretOne)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0)
	seen := map[string]bool{}
	for _, m := range []struct {
		id   string
		at   time.Time
		body string
	}{{"msg_1", at, "{}"}, {"msg_2", at, "{}"}, {"msg_1", at.Add(time.Second), "{}"}, {"msg_1", at, "{} "}, {"msg_1", at, ""}, {"msg_1.1", at, "{}"}, {"msg_1", at, ".{}"}} {
		s := sign([][]byte{key}, m.id, m.at, []byte(m.body))
		if !strings.HasPrefix(s, "v1,") || seen[s] {
			t.Errorf("%+v: %s", m, s)
		}
		seen[s] = true
	}
	if both := sign([][]byte{key, key[:minKey]}, "msg_1", at, []byte("{}")); len(strings.Fields(both)) != 2 || !seen[strings.Fields(both)[0]] {
		t.Errorf("two keys: %s", both)
	}
}

// A message is checked before anything of it is stored.
func TestSecretsOfAMessage(t *testing.T) {
	t.Parallel()
	m := Message{URL: "https://user:hunter2@example.org/hook?token=hunter2", Type: "order.paid", Secrets: make([]string, MaxSecrets)}
	target, err := m.check(false)
	if err != nil || strings.Contains(shown(target), "hunter2") || shown(target) != "https://example.org/hook" {
		t.Errorf("%v, %v", target, err)
	}
	for _, url := range []string{"http://user:hunter2@example.org/?t=hunter2", "ftp://user:hunter2@example.org", "//user:hunter2@example.org", "https://user:hunter2@/x"} {
		m.URL = url
		if _, err := m.check(false); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
