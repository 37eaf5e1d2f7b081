package blob_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

func openDirectory(t *testing.T, path string) *blob.Directory {
	t.Helper()
	d, err := blob.OpenDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Backend { return openDirectory(t, filepath.Join(t.TempDir(), "blobs")) })
}

func TestMemory(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(*testing.T) blob.Backend { return new(blob.Memory) })
}

// Only the user of the process reads what is in the directory, and no link leads out of it.
func TestDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "blobs")
	store, err := blob.New(blob.Config{Backend: openDirectory(t, path), MaxSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "run", 0, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	entries := 0
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if entries++; err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil || entries != 3 {
		t.Errorf("%d entries, %v", entries, err)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	if r, err := store.Open(canceled(t), "link", "secret"); err == nil {
		t.Errorf("opened a file outside: %d bytes", r.Size())
	}
}
