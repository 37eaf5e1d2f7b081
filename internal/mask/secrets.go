package mask

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MinSecret is the minimum length in bytes of a secret that Secrets masks: a shorter text may be an ordinary word.
const MinSecret = 6

// maxSecrets is the maximum number of texts that a Secrets looks for.
const maxSecrets = 256

// Secrets masks known secrets wherever they are in a text, also when they are escaped for a URL or JSON, or encoded in base64.
// The time is that of a search for each secret. A nil *Secrets masks nothing. Safe for concurrent use.
type Secrets struct {
	mu    sync.Mutex
	texts []string // guarded by mu; longest first; replaced, never changed
}

// secretsKey is the key of a *Secrets in a context.
type secretsKey struct{}

// With returns a context to which Add adds secrets, and the secrets.
func With(ctx context.Context) (context.Context, *Secrets) {
	s := &Secrets{}
	return context.WithValue(ctx, secretsKey{}, s), s
}

// Of returns the secrets of a context; nil: it has none.
func Of(ctx context.Context) *Secrets {
	s, _ := ctx.Value(secretsKey{}).(*Secrets)
	return s
}

// Add adds secrets to those of the context.
func Add(ctx context.Context, secrets ...string) {
	if s := Of(ctx); s != nil {
		s.add(secrets)
	}
}

func (s *Secrets) add(secrets []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := slices.Clone(s.texts)
	for _, secret := range secrets {
		if len(secret) < MinSecret || slices.Contains(texts, secret) || len(texts) >= maxSecrets {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string encodes
		texts = append(texts, secret, url.QueryEscape(secret), url.PathEscape(secret),
			string(quoted[1:len(quoted)-1]), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret),
			base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)))
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	s.texts = slices.Compact(texts)
}

func (s *Secrets) all() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts
}

// Text returns a text with the secrets masked.
func (s *Secrets) Text(text string) string { return maskText(s.all(), text) }

func maskText(secrets []string, text string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, Text)
	}
	return text
}

// Values returns values of JSON with the secrets masked in all texts, names and numbers. What has no secret is not copied, and
// nothing is changed.
func (s *Secrets) Values(values []any) []any {
	secrets := s.all()
	if len(secrets) == 0 {
		return values
	}
	masked, _ := maskList(secrets, values)
	return masked
}

// maskValue returns the value masked, and whether it had a secret.
func maskValue(secrets []string, v any) (any, bool) {
	switch v := v.(type) {
	case string:
		masked := maskText(secrets, v)
		return masked, masked != v
	case json.Number:
		if slices.Contains(secrets, v.String()) {
			return Text, true
		}
	case int:
		if slices.Contains(secrets, strconv.Itoa(v)) {
			return Text, true
		}
	case []any:
		return maskList(secrets, v)
	case map[string]any:
		return maskObject(secrets, v)
	}
	return v, false
}

func maskList(secrets []string, list []any) ([]any, bool) {
	changed := false
	for i, element := range list {
		masked, found := maskValue(secrets, element)
		if !found {
			continue
		}
		if !changed {
			list, changed = slices.Clone(list), true
		}
		list[i] = masked
	}
	return list, changed
}

func maskObject(secrets []string, object map[string]any) (map[string]any, bool) {
	var masked map[string]any // nil: nothing has been found yet
	for name, member := range object {
		v, found := maskValue(secrets, member)
		key := maskText(secrets, name)
		if !found && key == name {
			continue
		}
		if masked == nil {
			masked = make(map[string]any, len(object))
			for name, member := range object {
				masked[name] = member
			}
		}
		delete(masked, name)
		masked[key] = v
	}
	if masked == nil {
		return object, false
	}
	return masked, true
}

// Reader returns a reader of r with the secrets masked that have been added so far.
func (s *Secrets) Reader(r io.Reader) io.Reader {
	secrets := s.all()
	if len(secrets) == 0 {
		return r
	}
	return &reader{r: r, secrets: secrets, chunk: make([]byte, 32<<10)}
}

// reader masks what it reads. It holds back the end of each chunk, where a secret may have begun.
type reader struct {
	r       io.Reader
	secrets []string // longest first
	chunk   []byte
	ready   string // masked
	held    string // where a secret may have begun
	err     error  // of r
}

// Read implements io.Reader.
func (m *reader) Read(p []byte) (int, error) {
	for m.ready == "" {
		if m.err != nil {
			return 0, m.err
		}
		n, err := m.r.Read(m.chunk)
		text := maskText(m.secrets, m.held+string(m.chunk[:n]))
		kept := min(len(text), len(m.secrets[0])-1)
		if m.err = err; err != nil {
			kept = 0
		}
		m.ready, m.held = text[:len(text)-kept], text[len(text)-kept:]
	}
	n := copy(p, m.ready)
	m.ready = m.ready[n:]
	return n, nil
}
