// Package atomicfile replaces files so that their readers see the old content or the new one.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace gives a file a content and a mode, also one that does not exist yet. Content and name are durable when it returns. A
// symbolic link is replaced by the file.
func Replace(name string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write file: %w", err)
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a rename in a directory durable. File systems that do not support this are ignored.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return nil // the directory may be writable but not readable
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
