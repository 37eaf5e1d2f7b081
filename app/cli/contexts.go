package cli

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
)

// logins are the servers that `penstock login` has got tokens for, and the one
// that commands talk to. Its file holds credentials: nobody else may read it.
type logins struct {
	Current string            `json:"current,omitempty"`
	All     map[string]*login `json:"contexts"` // by name
}

// login is one server with a token for it. A password is never kept.
type login struct {
	URL     string    `json:"url"`
	User    string    `json:"user,omitempty"` // empty: not known
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at,omitzero"` // zero: not known
}

// String keeps the token out of anything printed.
func (l *login) String() string { return l.URL }

// GoString keeps the token out of %#v.
func (l *login) GoString() string { return l.URL }

// loginsFile is where logins are kept: contexts.json in the user's
// configuration directory.
func loginsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find contexts: %w", err)
	}
	return filepath.Join(dir, "penstock", "contexts.json"), nil
}

// readLogins reads them; there are none without a file or a home.
func readLogins() (*logins, error) {
	none := &logins{All: map[string]*login{}}
	name, err := loginsFile()
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
	var l logins
	if json.Unmarshal(text, &l) != nil { // whose error may hold a part of a token
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

// save replaces the file: whole or not at all.
func (l *logins) save() error {
	name, err := loginsFile()
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
	part, err := os.CreateTemp(filepath.Dir(name), ".contexts-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	_, err = part.Write(append(text, '\n'))
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		_ = os.Remove(part.Name())
		return fmt.Errorf("save contexts: %w", err)
	}
	return nil
}

// current is the login that PENSTOCK_CONTEXT or `context use` names; nil:
// there is none.
func (l *logins) current(e env) (*login, error) {
	name := l.Current
	if e[app.EnvContext] != "" {
		name = e[app.EnvContext]
	}
	if name == "" {
		return nil, nil
	}
	if l.All[name] == nil {
		return nil, usageError{fmt.Errorf("there is no context %q: `penstock context list` shows those that there are", name)}
	}
	return l.All[name], nil
}

// of is the login for a server; nil: there is none. A token is for the server
// that gave it and is sent to no other.
func (l *logins) of(url string) *login {
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
