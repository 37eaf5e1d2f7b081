// Package blob stores contents that are too large for memory or for a record. Each blob belongs to an owner, by whose name
// alone it can be opened, and with which it is deleted.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Backend keeps the bytes of blobs under their owner and id, which Store has checked: letters, digits and "-". Safe for
// concurrent use. What is not there is ErrNotFound; Delete and DeleteOwner of it are no errors.
type Backend interface {
	// Put stores a blob whose bytes end with io.EOF. It is visible when Put returns nil. After an error nothing of it
	// remains, except after the end of the process or the loss of the store, which DeleteOwner makes up for. Errors:
	// those of content, ErrFull. While the store is away Put waits, until ctx ends.
	Put(ctx context.Context, owner, id string, content io.Reader) error
	// Open returns the bytes from an offset, and the size of the whole blob.
	Open(ctx context.Context, owner, id string, from int64) (content io.ReadCloser, size int64, err error)
	Delete(ctx context.Context, owner, id string) error
	// DeleteOwner deletes all blobs of an owner, those included whose Put has not ended.
	DeleteOwner(ctx context.Context, owner string) error
	// Owners calls each with every owner that has blobs, and with the time of its latest Put, until each returns an
	// error.
	Owners(ctx context.Context, each func(owner string, latest time.Time) error) error
}

// Errors of a Store.
var (
	ErrNotFound = errors.New("blob: there is no such blob")
	ErrFull     = errors.New("blob: the store is full")
)

// TooLargeError says that a content is longer than Limit bytes.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("blob: it is larger than %d bytes", e.Limit)
}

// Info describes a stored blob.
type Info struct {
	ID     string // 32 hexadecimal digits, random
	Size   int64  // bytes
	SHA256 string // hexadecimal
}

// Chunk is the size in bytes of the buffers through which blobs go.
const Chunk = 256 << 10

// Fill reads until the buffer is full or the content has ended.
func Fill(content io.Reader, buffer []byte) (length int, ended bool, err error) {
	for length < len(buffer) {
		n, err := content.Read(buffer[length:])
		length += n
		if err == io.EOF { // not errors.Is: a content that was cut off wraps it
			return length, true, nil
		}
		if err != nil {
			return length, false, err
		}
	}
	return length, false, nil
}
