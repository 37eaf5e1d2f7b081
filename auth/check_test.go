package auth

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
)

// vector is a published check value. The clients in other languages are tested with the same file.
type vector struct {
	Name   string
	Method string
	Params map[string]string
	Body   string
	Check  string
}

func vectors(t testing.TB) (key, secret string, all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Key, Secret string
		Vectors     []vector
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return file.Key, file.Secret, file.Vectors
}

func (v vector) query(t testing.TB, key, check string) Query {
	t.Helper()
	values := url.Values{"key": {key}, "check": {check}}
	for name, value := range v.Params {
		values.Set(name, value)
	}
	q, err := ParseQuery(values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestVectors(t *testing.T) {
	t.Parallel()
	key, secret, all := vectors(t)
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			c := Canonical([]byte(v.Body))
			if got := CheckValue(v.query(t, key, ""), c, secret); got != v.Check {
				t.Errorf("check = %s, want %s", got, v.Check)
			}
			for _, written := range []string{v.Check, strings.ToUpper(v.Check)} {
				if !VerifyCheck(v.query(t, key, written), c, Secrets{Current: secret}) {
					t.Errorf("%s was refused", written)
				}
			}
		})
	}
}

func TestVerifyCheck(t *testing.T) {
	t.Parallel()
	key, secret, all := vectors(t)
	v := all[2]
	c := Canonical([]byte(v.Body))
	for _, tc := range []struct {
		name    string
		check   string
		body    []byte
		secrets Secrets
		want    bool
	}{
		{"current secret", v.Check, c, Secrets{Current: secret}, true},
		{"previous secret", v.Check, c, Secrets{Current: "new", Previous: secret}, true},
		{"both secrets equal", v.Check, c, Secrets{Current: secret, Previous: secret}, true},
		{"other secret", v.Check, c, Secrets{Current: "new"}, false},
		{"unknown key", v.Check, c, Secrets{}, false},
		{"signed with the stand-in", CheckValue(v.query(t, key, ""), c, dummy), c, Secrets{}, false},
		{"signed with an empty secret", CheckValue(v.query(t, key, ""), c, ""), c, Secrets{}, false},
		{"another body", v.Check, []byte(`{"a": 2,"b": [1,2] }`), Secrets{Current: secret}, false},
		{"no body", v.Check, nil, Secrets{Current: secret}, false},
		{"no check", "", c, Secrets{Current: secret}, false},
		{"check cut short", v.Check[:30], c, Secrets{Current: secret}, false},
		{"check with more behind it", v.Check + "00", c, Secrets{Current: secret}, false},
		{"check that is not hexadecimal", "zz" + v.Check[2:], c, Secrets{Current: secret}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := VerifyCheck(v.query(t, key, tc.check), tc.body, tc.secrets); got != tc.want {
				t.Errorf("VerifyCheck = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body, want string }{
		{"empty", "", ""},
		{"white space only", " \t\r\n\x00\x0b", ""},
		{"nothing to do", `{"a":1}`, `{"a":1}`},
		{"around", "\x00\x0b\t {} \r\n", "{}"},
		{"line breaks within", "{\r\n\"a\":\n1\r}", `{"a":1}`},
		{"other white space within stays", "{ \t\"a\":\x0b1}", "{ \t\"a\":\x0b1}"},
		{"escaped line breaks stay", `{"a":"\r\n"}`, `{"a":"\r\n"}`},
		{"form feed and no-break space are not trimmed", "\f{}\u00a0", "\f{}\u00a0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(Canonical([]byte(tc.body))); got != tc.want {
				t.Errorf("Canonical(%q) = %q, want %q", tc.body, got, tc.want)
			}
		})
	}
}

// FuzzCheckValue compares CheckValue with a direct implementation of the rule, and checks the properties of
// Canonical.
func FuzzCheckValue(f *testing.F) {
	f.Add("flow=69&key=k&ts=1", "\r\n {\"a\": 1,\n \"b\": [1,2] }\n ", "secret")
	f.Add("check=ab&z=1&a=2", "", "s")
	f.Add("", "\x00\r\x00", "")
	f.Fuzz(func(t *testing.T, raw, body, secret string) {
		q, err := ParseQuery(raw)
		if err != nil {
			return
		}
		c := Canonical([]byte(body))
		if string(Canonical([]byte(string(c)))) != string(c) {
			t.Fatalf("Canonical is not stable on %q", body)
		}
		var parts []string
		for _, p := range q.Params() {
			if p.Name != "check" {
				parts = append(parts, p.Value)
			}
		}
		if len(c) > 0 {
			parts = append(parts, string(c))
		}
		sum := md5.Sum([]byte(strings.Join(append(parts, secret), "|")))
		want := hex.EncodeToString(sum[:])
		if got := CheckValue(q, c, secret); got != want {
			t.Fatalf("check = %s, want %s", got, want)
		}
	})
}

func BenchmarkVerifyCheck(b *testing.B) {
	key, secret, all := vectors(b)
	q := all[1].query(b, key, all[1].Check)
	body := []byte(`{"email":"a@b.org","pad":"` + strings.Repeat("x", 1000) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		VerifyCheck(q, body, Secrets{Current: secret})
	}
}
