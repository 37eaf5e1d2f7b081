// Package firstbytes has a buffer for what may be longer than is needed.
package firstbytes

import "bytes"

// Buffer keeps the first bytes that are written to it. It is an io.Writer and no io.ReaderFrom, which would read all. Not safe for
// concurrent use.
type Buffer struct {
	kept bytes.Buffer
	most int
	size int
}

// New returns a Buffer that keeps at most most bytes.
func New(most int) *Buffer { return &Buffer{most: most} }

// Write implements io.Writer. It never fails, so that who writes goes on.
func (b *Buffer) Write(p []byte) (int, error) {
	b.size += len(p)
	b.kept.Write(p[:min(len(p), b.most-b.kept.Len())])
	return len(p), nil
}

// Bytes returns what is kept, until the next Write.
func (b *Buffer) Bytes() []byte { return b.kept.Bytes() }

// String returns what is kept.
func (b *Buffer) String() string { return b.kept.String() }

// Size returns how many bytes were written.
func (b *Buffer) Size() int { return b.size }

// Complete reports whether all that was written is kept.
func (b *Buffer) Complete() bool { return b.size == b.kept.Len() }
