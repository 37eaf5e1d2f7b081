package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// SQLite is the type of connections with files in dir; empty: there are none. slots bounds the statements of the process that are executed
// at once.
func SQLite(dir string, slots chan struct{}) flows.ConnectionType {
	return flows.ConnectionType{
		Name: "sqlite", Summary: "A SQLite file in the directory of the worker's setting `--sqlite`.",
		Fields: []flows.ConnectionField{
			{Name: "file", Required: true, Summary: "Path of the file inside that directory; it is created if it does not exist."},
			server.MaxConnections(),
		},
		Open: func(s flows.ConnectionSettings) (flows.Client, error) {
			file := s.Text["file"]
			switch {
			case dir == "":
				return nil, errors.New("sqlite connections are off here: the worker has no --sqlite directory for their files")
			case !filepath.IsLocal(file) || strings.HasPrefix(filepath.Base(file), ":"):
				return nil, errors.New("file is no path inside the directory of sqlite files")
			}
			p := newPool(s, flows.SQLite, &sqliteConnector{name: s.Connection, dir: dir, file: file})
			p.Semaphore = slots // SQLite computes in this process
			return p, nil
		},
	}
}

// sqliteConnector opens one file.
type sqliteConnector struct{ name, dir, file string }

// Connect implements driver.Connector.
func (c *sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	path, err := c.path()
	if err != nil {
		return nil, server.Failure(c.name, "its file is not inside the directory of sqlite files")
	}
	if err := makePrivate(path); err != nil {
		return nil, server.Failure(c.name, "its file cannot be made")
	}
	query := url.Values{
		"_defensive": {"1"}, "_dqs": {"0"}, "_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "trusted_schema(0)", "hard_heap_limit(" + strconv.Itoa(sqliteHeap) + ")"},
	}
	conn, err := new(sqlite.Driver).Open((&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, server.Failure(c.name, "its file cannot be opened as a SQLite database")
	}
	if err := setLimits(ctx, conn); err != nil {
		_ = conn.Close() // the first error says more
		return nil, server.Failure(c.name, "its memory cannot be bounded")
	}
	return conn, nil
}

// makePrivate creates a file that only this user can read, unless it exists. SQLite gives its journals the
// permissions of the file.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// Driver implements driver.Connector.
func (c *sqliteConnector) Driver() driver.Driver { return new(sqlite.Driver) }

// path returns the real path of the file. It rejects links out of the directory.
func (c *sqliteConnector) path() (string, error) {
	dir, err := filepath.EvalSymlinks(c.dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, c.file)
	real, err := realPath(path)
	if err != nil {
		return "", err
	}
	inside, err := filepath.Rel(dir, real)
	if err != nil || !filepath.IsLocal(inside) {
		return "", errors.New("outside")
	}
	return filepath.Abs(real)
}

// realPath resolves the links of a path whose last element may not exist yet. Another connection may create it at any
// moment, so that its absence is looked at first.
func realPath(path string) (string, error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return filepath.EvalSymlinks(path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}
