package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Directory is a Backend of files: OWNER/ID below a directory that only this user can read. It is for processes of one
// machine. A blob being written is OWNER/ID.part.
type Directory struct{ root *os.Root }

// The permissions of what a Directory creates.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// OpenDirectory returns a Directory at a path, which is created if it does not exist.
func OpenDirectory(path string) (*Directory, error) {
	if err := os.MkdirAll(path, dirMode); err != nil {
		return nil, fmt.Errorf("make directory of blobs: %w", err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open directory of blobs: %w", err)
	}
	return &Directory{root}, nil
}

// Close releases the directory.
func (d *Directory) Close() error { return d.root.Close() }

// Put implements Backend.
func (d *Directory) Put(ctx context.Context, owner, id string, content io.Reader) error {
	name, part := owner+"/"+id, owner+"/"+id+".part"
	if err := d.root.Mkdir(owner, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return diskError(err)
	}
	f, err := d.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
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
		err = diskError(d.root.Rename(part, name))
	}
	if err != nil {
		_ = d.root.Remove(part)  // the first error is more useful
		_ = d.root.Remove(owner) // fails if there are others
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
	f, err := d.root.Open(owner + "/" + id)
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
	if err := d.root.Remove(owner + "/" + id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = d.root.Remove(owner) // fails if there are others
	return nil
}

// DeleteOwner implements Backend.
func (d *Directory) DeleteOwner(_ context.Context, owner string) error {
	return d.root.RemoveAll(owner)
}

// Owners implements Backend. The time of a directory is that of its latest change.
func (d *Directory) Owners(ctx context.Context, each func(string, time.Time) error) error {
	all, err := fs.ReadDir(d.root.FS(), ".")
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
