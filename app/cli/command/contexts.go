package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/internal/atomicfile"
)

// Contexts are the servers for which `penstock login` has stored tokens. The file contains credentials: only its owner
// may read it.
type Contexts struct {
	Current string                   `json:"current,omitempty"`
	All     map[string]*ContextEntry `json:"contexts"` // by name
}

// ContextEntry is one server with its token. Passwords are not stored.
type ContextEntry struct {
	URL     string    `json:"url"`
	User    string    `json:"user,omitempty"` // empty: unknown
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at,omitzero"` // zero: unknown
}

// String keeps the token out of anything printed.
func (l *ContextEntry) String() string { return l.URL }

// GoString keeps the token out of %#v.
func (l *ContextEntry) GoString() string { return l.URL }

// contextsFile returns the path of contexts.json in the user's configuration directory.
func contextsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find contexts: %w", err)
	}
	return filepath.Join(dir, "penstock", "contexts.json"), nil
}

// ReadContexts reads the contexts; empty without a file or a home directory. It returns an error if other users may
// read the file.
func ReadContexts() (*Contexts, error) {
	none := &Contexts{All: map[string]*ContextEntry{}}
	name, err := contextsFile()
	if err != nil {
		return none, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none, nil
	case err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("read contexts: others may read %s, which holds credentials: chmod 600 it", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read contexts: %w", err)
	}
	var l Contexts
	if json.Unmarshal(text, &l) != nil { // its error may contain a part of a token
		return nil, fmt.Errorf("read contexts: %s is not what `penstock login` writes: remove it, and log in again", name)
	}
	for _, one := range l.All {
		if one == nil {
			return nil, fmt.Errorf("read contexts: %s is not what `penstock login` writes: remove it, and log in again", name)
		}
	}
	if l.All == nil {
		l.All = none.All
	}
	return &l, nil
}

// Save replaces the file atomically.
func (l *Contexts) Save() error {
	name, err := contextsFile()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	if err := atomicfile.Replace(name, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	return nil
}

// current returns the context selected by PENSTOCK_CONTEXT or `context use`; nil when none is selected.
func (l *Contexts) current(e Env) (*ContextEntry, error) {
	name := l.Current
	if e[app.EnvContext] != "" {
		name = e[app.EnvContext]
	}
	if name == "" {
		return nil, nil
	}
	if l.All[name] == nil {
		return nil, Invalid(fmt.Errorf("there is no context %q: `penstock context list` shows those that there are", name))
	}
	return l.All[name], nil
}

// forServer returns the context of a server; nil when there is none. A token is sent only to the server that issued it.
func (l *Contexts) forServer(url string) *ContextEntry {
	for _, one := range l.All {
		if sameServer(one.URL, url) {
			return one
		}
	}
	return nil
}

func sameServer(a, b string) bool {
	return strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}
