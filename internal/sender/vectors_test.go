package sender_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/sender"
)

// vector is a delivery that a library of the sender signed or accepted. tests/senders writes them.
type vector struct {
	Sender  string            `json:"sender"`
	Library string            `json:"library"` // registry, name and version
	Made    string            `json:"made"`    // what the library did: signed, accepted, answered, written, or published
	Now     int64             `json:"now"`     // Unix time in milliseconds
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Secrets []string          `json:"secrets"`
	Flow    struct {
		Audience string              `json:"audience"`
		Expect   map[string][]string `json:"expect"`
	} `json:"flow"`
	Documents    map[string]string `json:"documents"` // by URL
	BodyUnsigned bool              `json:"body_unsigned"`
	Answer       json.RawMessage   `json:"answer"`
}

// documents are the published keys of a vector.
type documents map[string]string

func (d documents) Document(_ context.Context, url string) ([]byte, error) {
	text, ok := d[url]
	if !ok {
		return nil, sender.ErrKeys
	}
	return []byte(text), nil
}

func (v *vector) spec() *sender.Spec {
	return &sender.Spec{Scheme: v.Sender, Audience: v.Flow.Audience, Expect: v.Flow.Expect}
}

func (v *vector) delivery(t testing.TB) *sender.Delivery {
	t.Helper()
	u, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	d := &sender.Delivery{Method: v.Method, Header: http.Header{}, Query: u.Query(), Body: []byte(v.Body), Path: u.RequestURI(), URLs: sender.URLs(v.URL), Now: time.UnixMilli(v.Now)}
	for name, value := range v.Headers {
		d.Header.Set(name, value)
	}
	return d
}

func vectors(t testing.TB) map[string]*vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cmp.Or(os.Getenv("PENSTOCK_SENDER_VECTORS"), "testdata/vectors"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("there are no vectors", err)
	}
	all := map[string]*vector{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, decoder := &vector{}, json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return all
}

// What the senders' own libraries sign or accept is accepted, and nothing that differs from it.
func TestVectorsOfTheSendersLibraries(t *testing.T) {
	t.Parallel()
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sender.Compile(v.spec())
			if err != nil {
				t.Fatal(err)
			}
			verify := func(change func(*sender.Delivery)) error {
				d := v.delivery(t)
				change(d)
				return s.Verify(t.Context(), d, v.Secrets, documents(v.Documents))
			}
			if err := verify(func(*sender.Delivery) {}); err != nil {
				t.Fatalf("it is refused: %v", err)
			}
			v.refused(t, s, verify)
			v.checkAnswer(t, s)
		})
	}
}

// refused checks that each change of what is signed is refused.
func (v *vector) refused(t *testing.T, s *sender.Scheme, verify func(func(*sender.Delivery)) error) {
	t.Helper()
	changes := map[string]func(*sender.Delivery){
		"no headers":   func(d *sender.Delivery) { d.Header = http.Header{}; d.Body = []byte("{}") },
		"another body": func(d *sender.Delivery) { d.Body = bytes.Replace(d.Body, []byte("i"), []byte("j"), 1) },
		"a longer one": func(d *sender.Delivery) { d.Body = append(d.Body, "&x=y"...) },
	}
	if v.BodyUnsigned {
		delete(changes, "another body")
		delete(changes, "a longer one")
	}
	if s.SignsURL() {
		changes["another URL"] = func(d *sender.Delivery) { d.URLs = sender.URLs("https://penstock.example.org/other") }
	}
	if spec := s.Spec(); spec.Timestamp != "" || strings.Contains(spec.Format, "{timestamp}") || spec.Scheme == "standard-webhooks" {
		changes["a day later"] = func(d *sender.Delivery) { d.Now = d.Now.Add(24 * time.Hour) }
		changes["a day before"] = func(d *sender.Delivery) { d.Now = d.Now.Add(-24 * time.Hour) }
	}
	for what, change := range changes {
		if err := verify(change); !errors.Is(err, sender.ErrWrong) && !errors.Is(err, sender.ErrUnsigned) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(v.Secrets) > 0 {
		if err := s.Verify(t.Context(), v.delivery(t), []string{otherSecret(v.Secrets[0])}, nil); err == nil {
			t.Error("another secret proves it")
		}
	}
}

// otherSecret returns a secret of the same form.
func otherSecret(secret string) string {
	first := "a"
	if i := strings.LastIndexAny(secret, "abc"); i >= 0 {
		if secret[i] == 'a' {
			first = "b"
		}
		return secret[:i] + first + secret[i+1:]
	}
	return secret + "0"
}

func (v *vector) checkAnswer(t *testing.T, s *sender.Scheme) {
	t.Helper()
	if v.Answer == nil {
		return
	}
	d := v.delivery(t)
	question := s.Challenge(d)
	if question == nil {
		t.Fatal("it is no question")
	}
	answer, err := question.Answer(d, v.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, v.Answer); err != nil || want.String() != string(answer.Body) {
		t.Errorf("the answer is %s, the library's %s", answer.Body, &want)
	}
}

// A sender whose entry names a library has a vector of it.
func TestEntriesNameTheLibraryThatCheckedThem(t *testing.T) {
	t.Parallel()
	checked := map[string]string{}
	for _, v := range vectors(t) {
		checked[v.Sender] = v.Library
	}
	for _, e := range sender.All() {
		if e.Library != checked[e.Name] {
			t.Errorf("%s: the entry names %q, the vector %q", e.Name, e.Library, checked[e.Name])
		}
	}
}
