package app

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"penstock/internal/store"
)

// flowFiles finds the flow files in what was named: files as they are, in
// directories all that are named like flow files. Those there that hold
// something else are passed over, and said to be on w.
func flowFiles(w io.Writer, paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("find flows: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := filesBelow(path)
		if err == nil {
			found, err = onlyFlows(w, found)
		}
		if err != nil {
			return nil, fmt.Errorf("find flows: %w", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("find flows: no *.yaml, *.yml or *.json in %s holds a flow", path)
		}
		files = append(files, found...)
	}
	return files, nil
}

func onlyFlows(w io.Writer, files []string) (found []string, err error) {
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !store.IsFlow(source) {
			fmt.Fprintf(w, "%s is passed over: %v\n", file, store.ErrNoFlow)
			continue
		}
		found = append(found, file)
	}
	return found, nil
}

// filesBelow passes over testdata and hidden directories, as Go's tools do:
// what lies there is not flows.
func filesBelow(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && store.IsFlowFile(path) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}
