// Package connectors finds the connectors that ship with the program, and those in directories.
package connectors

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
)

//go:embed *.yaml
var shipped embed.FS

// Directory is the name of the directory of connectors beside flow files.
const Directory = "connectors"

// Shipped returns the connectors that ship with the program.
func Shipped() flows.Connectors { return In(shipped, "shipped", nil) }

// maxSize is the maximum size in bytes of the file of a connector.
const maxSize = 16 << 20

// In returns the connectors of a directory, NAME.yaml at its top, and those of otherwise, which may be nil, with other names. title is the
// directory in messages.
func In(dir fs.FS, title string, otherwise flows.Connectors) flows.Connectors {
	return directory{dir, title, otherwise}
}

type directory struct {
	files     fs.FS
	title     string
	otherwise flows.Connectors // nil: none
}

// Connector implements flows.Connectors.
func (d directory) Connector(name string) (file string, source []byte, err error) {
	file = path.Join(d.title, name+".yaml")
	info, err := fs.Stat(d.files, name+".yaml")
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.otherwise != nil:
		return d.otherwise.Connector(name)
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, nil
	case err != nil:
		return file, nil, fmt.Errorf("read connector: %w", err)
	case !info.Mode().IsRegular(): // opening a pipe waits for a writer
		return file, nil, errors.New("it is no file")
	case info.Size() > maxSize:
		return file, nil, fmt.Errorf("the file has %d bytes, %d are allowed", info.Size(), maxSize)
	}
	source, err = fs.ReadFile(d.files, name+".yaml")
	return file, source, err
}

// Names implements flows.Connectors.
func (d directory) Names() (names []string, err error) {
	if d.otherwise != nil {
		if names, err = d.otherwise.Names(); err != nil {
			return nil, err
		}
	}
	found, err := fs.Glob(d.files, "*.yaml")
	for _, file := range found {
		names = append(names, strings.TrimSuffix(file, ".yaml"))
	}
	slices.SortFunc(names, cmp.Compare[string])
	return slices.Compact(names), err
}
