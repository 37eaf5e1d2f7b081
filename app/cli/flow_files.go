package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// stdinName stands for standard input in place of a file.
const stdinName = "-"

// flowSource is the content of a flow file.
type flowSource struct {
	name string // for messages
	text []byte
}

func (s flowSource) parse(kinds *flows.Catalogue) (*flows.Flow, error) {
	return flows.Parse(s.name, s.text, kinds)
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
			all = append(all, flowSource{"standard input", text})
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
	return flowSource{file, text}, nil
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
		source, err := readSource(path)
		switch {
		case err != nil:
			return err
		case !store.IsFlow(source.text):
			fmt.Fprintf(w, "%s is skipped: %v\n", path, store.ErrNoFlow)
			return nil
		}
		all = append(all, source)
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no *.yaml, *.yml or *.json in %s holds a flow", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("find flows: %w", err)
	}
	return all, nil
}
