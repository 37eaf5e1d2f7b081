package flow

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/store"
)

// stdinName stands for standard input in place of a file.
const (
	stdinName  = "-"
	stdinTitle = "standard input" // in messages
)

// flowSource is the content of the file of a flow or of a connector.
type flowSource struct {
	name      string // for messages
	text      []byte
	root      string // directory up to which connectors are searched, from that of the file; empty: that of the file alone
	connector bool
}

func (s flowSource) parse(kinds *flows.Catalogue) (*flows.Flow, error) {
	return flows.Parse(s.name, s.text, withConnectors(kinds, filepath.Dir(s.name), s.root))
}

// withConnectors returns the catalogue with the connectors of the directories connectors/ in dir and in those above it up to root.
// The nearest one wins.
func withConnectors(kinds *flows.Catalogue, dir, root string) *flows.Catalogue {
	if up := filepath.Dir(dir); root != "" && dir != root && up != dir {
		kinds = withConnectors(kinds, up, root)
	}
	own := filepath.Join(dir, connectors.Directory)
	if info, err := os.Stat(own); err != nil || !info.IsDir() {
		return kinds
	}
	return kinds.WithConnectors(connectors.In(os.DirFS(own), own, kinds.Connectors()))
}

// connectorKey is how a connector begins.
var connectorKey = regexp.MustCompile(`(?m)^["']?connector["']?\s*:`)

// onlyFlows returns the sources without those of connectors.
func onlyFlows(all []flowSource) []flowSource {
	return slices.DeleteFunc(slices.Clone(all), func(s flowSource) bool { return s.connector })
}

// flowSources reads the named files; "-" is standard input. From directories it reads all files with the extension of
// flow files, and reports those that are not flows on the command's standard error.
func flowSources(cmd *cobra.Command, paths []string) ([]flowSource, error) {
	var all []flowSource
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case path == stdinName:
			text, err := io.ReadAll(cmd.InOrStdin())
			if err != nil {
				return nil, fmt.Errorf("read flow: %w", err)
			}
			all = append(all, flowSource{name: stdinTitle, text: text, connector: !store.IsFlow(text) && connectorKey.Match(text)})
			continue
		case err != nil:
			return nil, fmt.Errorf("find flows: %w", err)
		case info.IsDir():
			found, err := sourcesBelow(cmd.ErrOrStderr(), path)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		source, err := readSource(path)
		if err != nil {
			return nil, err
		}
		all = append(all, source)
	}
	return all, nil
}

func readSource(file string) (flowSource, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return flowSource{}, fmt.Errorf("read flow: %w", err)
	}
	return flowSource{name: file, text: text, connector: !store.IsFlow(text) && connectorKey.Match(text)}, nil
}

// sourcesBelow reads the flow files of a directory. Like Go's tools it skips testdata and hidden directories.
func sourcesBelow(w io.Writer, dir string) (all []flowSource, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !store.IsFlowFile(path) {
			return err
		}
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() { // opening a pipe waits for a writer
			fmt.Fprintf(w, "%s is skipped: it is no file, but a pipe or a device\n", path)
			return nil
		}
		source, err := readSource(path)
		switch {
		case err != nil:
			return err
		case !source.connector && !store.IsFlow(source.text):
			fmt.Fprintf(w, "%s is skipped: %v\n", path, store.ErrNoFlow)
			return nil
		}
		source.root = dir
		all = append(all, source)
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no *.yaml, *.yml or *.json in %s holds a flow or a connector", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("find flows: %w", err)
	}
	return all, nil
}
