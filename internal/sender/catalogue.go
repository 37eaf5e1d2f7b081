package sender

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Entry is a sender of the catalogue.
type Entry struct {
	Name    string // as flows write it: the file's name
	Title   string `yaml:"title"`
	Docs    string `yaml:"docs"`    // URL of the sender's own description
	Setup   string `yaml:"setup"`   // what to do there, Markdown
	Secret  string `yaml:"secret"`  // what the stored secret is
	Note    string `yaml:"note"`    // what else one must know, Markdown; empty: nothing
	Library string `yaml:"library"` // the sender's own library that checked it, by registry, name and version; empty: there is none
	Example string `yaml:"example"` // of a published example instead of a library; empty: none

	Needs   []string `yaml:"needs"`   // words that the flow must add, with a member of expect after a space
	Options []string `yaml:"options"` // further words that the flow may add
	Verify  Spec     `yaml:"verify"`
}

//go:embed senders/*.yaml
var files embed.FS

// catalogue reads the files once. They are part of the program: a mistake in them panics, and a test reads them all.
var catalogue = sync.OnceValue(func() map[string]*Entry {
	names, err := files.ReadDir("senders")
	if err != nil {
		panic(err)
	}
	all := make(map[string]*Entry, len(names))
	for _, file := range names {
		e, err := readEntry(file.Name())
		if err != nil {
			panic(fmt.Sprintf("sender: %s: %v", file.Name(), err))
		}
		all[e.Name] = e
	}
	return all
})

func readEntry(file string) (*Entry, error) {
	text, err := files.ReadFile(path.Join("senders", file))
	if err != nil {
		return nil, err
	}
	e := &Entry{Name: strings.TrimSuffix(file, ".yaml")}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(e); err != nil && err != io.EOF { //nolint:errorlint // the decoder returns it bare
		return nil, err
	}
	return e, nil
}

// Find returns a sender of the catalogue by its name.
func Find(name string) (*Entry, bool) {
	e, ok := catalogue()[name]
	return e, ok
}

// All returns the catalogue in the order of names.
func All() []*Entry {
	var all []*Entry
	for _, e := range catalogue() {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names returns the names of all schemes that a flow may use: the primitive ones, and those of the catalogue. It does not
// read the catalogue.
func Names() []string {
	names := Primitives()
	entries, err := files.ReadDir("senders")
	if err != nil {
		panic(err)
	}
	for _, file := range entries {
		names = append(names, strings.TrimSuffix(file.Name(), ".yaml"))
	}
	return names
}

// checkNeeds checks that a flow adds what the sender needs.
func (e *Entry) checkNeeds(flow *Spec) error {
	given := map[string]bool{"audience": flow.Audience != "", "user": flow.User != "", "param": flow.Param != "", "verify_token": flow.VerifyToken != ""}
	for _, need := range e.Needs {
		word, member, isExpect := strings.Cut(need, " ")
		switch {
		case isExpect && len(flow.Expect[member]) == 0:
			return &FieldError{"", fmt.Sprintf("the scheme %s needs %s: {%q: …}", e.Name, word, member)}
		case !isExpect && !given[word]:
			return &FieldError{"", fmt.Sprintf("the scheme %s needs %s", e.Name, word)}
		}
	}
	return nil
}

func httpsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}
