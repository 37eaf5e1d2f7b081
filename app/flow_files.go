package app

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"penstock/internal/store"
)

// flowFiles finds the flow files in what was named: files as they are, in
// directories all that are named like flow files.
func flowFiles(paths []string) ([]string, error) {
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
		if err != nil {
			return nil, fmt.Errorf("find flows: %w", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("find flows: there is no *.yaml, *.yml or *.json in %s", path)
		}
		files = append(files, found...)
	}
	return files, nil
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
