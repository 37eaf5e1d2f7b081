// Package sink has the places to which the audit log is exported: a file, a syslog server and an HTTP server.
package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/penstock/penstock/audit"
)

// fileMode is the mode of a new file: for the owner alone.
const fileMode = 0o600

// File appends entries to a file, each as a line of JSON, and syncs the file after each batch. A file that was renamed or removed, as
// logrotate does, is left, and a new one is made at the path.
type File struct {
	path string
	file *os.File // nil: not open
}

// NewFile returns a sink that appends to a file. The file is opened with the first entry.
func NewFile(path string) *File { return &File{path: path} }

// Kind implements audit.Sink.
func (*File) Kind() string { return audit.SinkFile }

// Target implements audit.Sink.
func (f *File) Target() string { return f.path }

// Write implements audit.Sink.
func (f *File) Write(_ context.Context, entries []*audit.Entry) error {
	if err := f.open(); err != nil {
		return fmt.Errorf("open audit file: %w", err)
	}
	_, err := f.file.Write(lines(entries))
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		_ = f.Close() // the next write begins on a line of its own
		return fmt.Errorf("write audit file: %w", err)
	}
	return nil
}

// Close implements audit.Sink.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// open opens the file, unless the open one is still at the path.
func (f *File) open() error {
	if f.file != nil {
		open, err := f.file.Stat()
		if err != nil {
			return err
		}
		if there, err := os.Stat(f.path); err == nil && os.SameFile(open, there) {
			return nil
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	if err := endLine(file); err != nil {
		_ = file.Close()
		return err
	}
	f.file = file
	return nil
}

// endLine ends a last line that was written in part only: its entry comes again.
func endLine(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if last[0] != '\n' {
		_, err = file.Write([]byte("\n"))
	}
	return err
}

// lines returns entries as lines of JSON.
func lines(entries []*audit.Entry) []byte {
	var out bytes.Buffer
	for _, e := range entries {
		out.Write(e.Text())
		out.WriteByte('\n')
	}
	return out.Bytes()
}
