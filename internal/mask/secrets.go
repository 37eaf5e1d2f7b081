package mask

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MinSecret is the minimum length in bytes of a secret that Secrets masks: a shorter text may be an ordinary word.
const MinSecret = 6

// maxSecrets is the maximum number of secrets that a Secrets looks for.
const maxSecrets = 256

// Secrets masks known secrets wherever they are in a text, in any case of ASCII letters, also when they are escaped (see unescape)
// or within a text that is encoded in base64. The time is that of a search for each form of each secret, at most maxEscapes+1
// times. A nil *Secrets masks nothing. Safe for concurrent use.
type Secrets struct {
	mu    sync.Mutex
	added map[string]bool // guarded by mu
	forms []form          // guarded by mu; replaced, never changed
}

// secretsKey is the key of a *Secrets in a context.
type secretsKey struct{}

// With returns a context to which Add adds secrets, and the secrets.
func With(ctx context.Context) (context.Context, *Secrets) {
	s := &Secrets{added: map[string]bool{}}
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
	forms := slices.Clone(s.forms)
	for _, secret := range secrets {
		if len(secret) < MinSecret || s.added[secret] || len(s.added) >= maxSecrets {
			continue
		}
		s.added[secret] = true
		forms = append(forms, formsOf(secret)...)
	}
	s.forms = forms
}

func (s *Secrets) finder() finder {
	if s == nil {
		return finder{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return newFinder(s.forms)
}

// Text returns a text with the secrets masked.
func (s *Secrets) Text(text string) string { return s.finder().text(text) }

// In reports whether a text contains a secret.
func (s *Secrets) In(text string) bool { return s.Text(text) != text }

// Values returns values of JSON with the secrets masked in all texts, names and numbers. What has no secret is not copied, and
// nothing is changed.
func (s *Secrets) Values(values []any) []any {
	f := s.finder()
	if len(f.forms) == 0 {
		return values
	}
	masked, _ := f.list(values)
	return masked
}

// value returns the value masked, and whether it had a secret.
func (f finder) value(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		masked := f.text(v)
		return masked, masked != v
	case json.Number:
		if f.text(v.String()) == Text {
			return Text, true
		}
	case int:
		if f.text(strconv.Itoa(v)) == Text {
			return Text, true
		}
	case []any:
		return f.list(v)
	case map[string]any:
		return f.object(v)
	}
	return v, false
}

func (f finder) list(list []any) ([]any, bool) {
	changed := false
	for i, element := range list {
		masked, found := f.value(element)
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

// object masks the members in the order of their names. A masked name that another member has gets a number: "***", "*** 2".
func (f finder) object(object map[string]any) (map[string]any, bool) {
	masked := object
	changed := false
	copied := func() {
		if !changed {
			masked, changed = maps.Clone(object), true
		}
	}
	var renamed []string
	for name, member := range object {
		if v, found := f.value(member); found {
			copied()
			masked[name] = v
		}
		if f.text(name) != name {
			renamed = append(renamed, name)
		}
	}
	slices.Sort(renamed)
	for _, name := range renamed {
		copied()
		v := masked[name]
		delete(masked, name)
		masked[unused(masked, f.text(name))] = v
	}
	return masked, changed
}

// unused returns a name that the object does not have.
func unused(object map[string]any, name string) string {
	free := name
	for n := 2; ; n++ {
		if _, taken := object[free]; !taken {
			return free
		}
		free = name + " " + strconv.Itoa(n)
	}
}

// Reader returns a reader of r with the secrets masked that have been added so far.
func (s *Secrets) Reader(r io.Reader) io.Reader {
	f := s.finder()
	if len(f.forms) == 0 {
		return r
	}
	return &reader{r: r, finder: f, chunk: make([]byte, window)}
}

// reader masks what it reads. It holds back the end of each chunk, where a secret may have begun.
type reader struct {
	r      io.Reader
	finder finder
	chunk  []byte
	ready  string // masked
	held   string // where a secret may have begun
	err    error  // of r
}

// Read implements io.Reader.
func (m *reader) Read(p []byte) (int, error) {
	for m.ready == "" {
		if m.err != nil {
			return 0, m.err
		}
		var n int
		n, m.err = io.ReadAtLeast(m.r, m.chunk, len(m.chunk))
		if m.err == io.ErrUnexpectedEOF {
			m.err = io.EOF
		}
		m.held += string(m.chunk[:n])
		masked, done := m.finder.begin(m.held, m.err != nil)
		m.ready, m.held = masked, m.held[done:]
	}
	n := copy(p, m.ready)
	m.ready = m.ready[n:]
	return n, nil
}

// span is a part of a text.
type span struct{ start, end int }

// merged returns the spans in order, without overlaps.
func merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var all []span
	for _, s := range spans {
		if last := len(all) - 1; last >= 0 && s.start < all[last].end {
			all[last].end = max(all[last].end, s.end)
		} else {
			all = append(all, s)
		}
	}
	return all
}

// masked returns the text with the spans replaced by Text.
func masked(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for _, s := range spans {
		b.WriteString(text[done:s.start])
		b.WriteString(Text)
		done = s.end
	}
	b.WriteString(text[done:])
	return b.String()
}
