package blob_test

import (
	"context"
	"errors"
	"io"
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

// A directory that was replaced, as by a mount, is used at once; while there is none, Put waits.
func TestDirectoryIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "blobs")
	d := openDirectory(t, path)
	put := func(ctx context.Context, id string) error { return d.Put(ctx, "run", id, strings.NewReader(id)) }
	if err := put(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := put(canceled(t), "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("without a directory: %v", err)
	}
	done := make(chan error)
	go func() { done <- put(t.Context(), "c") }()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if content, _, err := d.Open(t.Context(), "run", "c", 0); err != nil {
		t.Error(err)
	} else if got, _ := io.ReadAll(content); string(got) != "c" || content.Close() != nil {
		t.Errorf("read %q", got)
	}
	if _, _, err := d.Open(t.Context(), "run", "a", 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a blob of the directory before: %v", err)
	}
}
