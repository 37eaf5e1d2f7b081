package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/penstock/penstock/internal/sleep"
)

// Directory is a Backend of files: OWNER/ID below a directory that only this user can read. It is for processes of one
// machine. A blob being written is OWNER/ID.part. When another directory takes its place, as after a mount, that one is used.
type Directory struct {
	path string
	root atomic.Pointer[os.Root]
}

// The permissions of what a Directory creates.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// awayPause is the time between two looks for a directory that is away.
const awayPause = 100 * time.Millisecond

// OpenDirectory returns a Directory at a path, which is created if it does not exist.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("make directory of blobs: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open directory of blobs: %w", err)
	}
	d := &Directory{path: path}
	d.root.Store(root)
	return d, nil
}

// Close releases the directory.
func (d *Directory) Close() error { return d.root.Load().Close() }

// replaced opens the directory again when another one is at its path, and reports whether it has. The old one, which others may
// still use, is closed when it is no longer referenced.
func (d *Directory) replaced() bool {
	root := d.root.Load()
	there, err := os.Stat(d.path)
	if err != nil {
		return false
	}
	if mine, err := root.Stat("."); err == nil && os.SameFile(mine, there) {
		return false
	}
	again, err := os.OpenRoot(d.path)
	if err != nil {
		return false
	}
	if !d.root.CompareAndSwap(root, again) {
		_ = again.Close() // another goroutine was faster
	}
	return true
}

// directoryOf makes the directory of an owner. It waits while there is no directory of blobs.
func (d *Directory) directoryOf(ctx context.Context, owner string) (*os.Root, error) {
	for {
		root := d.root.Load()
		err := root.Mkdir(owner, dirMode)
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
			return root, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, diskError(err)
		case !d.replaced() && sleep.For(ctx, awayPause) != nil:
			return nil, fmt.Errorf("the directory of the files is not there: %w", context.Cause(ctx))
		}
	}
}

// Put implements Backend.
func (d *Directory) Put(ctx context.Context, owner, id string, content io.Reader) error {
	name, part := owner+"/"+id, owner+"/"+id+".part"
	root, err := d.directoryOf(ctx, owner)
	if err != nil {
		return err
	}
	f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return diskError(err)
	}
	err = copyTo(ctx, f, content)
	if err == nil {
		err = diskError(f.Sync())
	}
	if closed := f.Close(); err == nil {
		err = diskError(closed)
	}
	if err == nil {
		err = diskError(root.Rename(part, name))
	}
	if err != nil {
		_ = root.Remove(part)  // the first error is more useful
		_ = root.Remove(owner) // fails if there are others
	}
	return err
}

// copyTo copies a content in chunks until ctx ends. Its errors of the file are diskErrors, the others those of content.
func copyTo(ctx context.Context, f *os.File, content io.Reader) error {
	buffer := make([]byte, Chunk)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := content.Read(buffer)
		if _, failed := f.Write(buffer[:n]); failed != nil {
			return diskError(failed)
		}
		if err == io.EOF { // not errors.Is: a part that was cut off wraps it
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// diskError tells a full disk from other errors.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// Open implements Backend.
func (d *Directory) Open(_ context.Context, owner, id string, from int64) (io.ReadCloser, int64, error) {
	f, err := d.root.Load().Open(owner + "/" + id)
	if errors.Is(err, fs.ErrNotExist) && d.replaced() {
		f, err = d.root.Load().Open(owner + "/" + id)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Seek(from, io.SeekStart)
	}
	if err != nil {
		_ = f.Close() // the first error is more useful
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Delete implements Backend.
func (d *Directory) Delete(_ context.Context, owner, id string) error {
	d.replaced()
	root := d.root.Load()
	if err := root.Remove(owner + "/" + id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = root.Remove(owner) // fails if there are others
	return nil
}

// DeleteOwner implements Backend.
func (d *Directory) DeleteOwner(_ context.Context, owner string) error {
	d.replaced()
	return d.root.Load().RemoveAll(owner)
}

// Owners implements Backend. The time of a directory is that of its latest change.
func (d *Directory) Owners(ctx context.Context, each func(string, time.Time) error) error {
	d.replaced()
	all, err := fs.ReadDir(d.root.Load().FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range all {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || !entry.IsDir() || !validName(entry.Name()) {
			continue
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(entry.Name(), info.ModTime()); err != nil {
			return err
		}
	}
	return nil
}
