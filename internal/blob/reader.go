package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Patience is how long a Reader waits for a store that is away before it fails. A context may end earlier.
const Patience = time.Minute

// Reader reads one blob. When the store fails while it reads, it opens the blob again where it was. Not safe for concurrent
// use.
type Reader struct {
	ctx       context.Context
	store     *Store
	owner, id string
	from      io.ReadCloser // nil: to be opened at at
	at, size  int64
	failing   time.Time // since when nothing was read; zero: not failing
	pause     time.Duration
}

// Open opens a blob of an owner. ctx ends the reading, too. Another owner's blob is ErrNotFound, as one that does not exist.
func (s *Store) Open(ctx context.Context, owner, id string) (*Reader, error) {
	if !validName(owner) || !validName(id) {
		return nil, ErrNotFound
	}
	r := &Reader{ctx: ctx, store: s, owner: owner, id: id}
	for {
		err := r.open()
		if err == nil {
			return r, nil
		}
		if err := r.wait(err); err != nil {
			return nil, fmt.Errorf("open blob: %w", err)
		}
	}
}

// Size is the size of the whole blob in bytes.
func (r *Reader) Size() int64 { return r.size }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		if r.at == r.size {
			return 0, io.EOF
		}
		if len(p) == 0 {
			return 0, nil
		}
		err := r.open()
		if err == nil {
			var n int
			if n, err = r.from.Read(p); n > 0 {
				r.at += int64(n)
				r.failing, r.pause = time.Time{}, 0
				return n, nil
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		_ = r.Close() // it has failed
		if err := r.wait(err); err != nil {
			return 0, fmt.Errorf("read blob: %w", err)
		}
	}
}

// Seek implements io.Seeker. The blob is opened again where it is to be read next, when it is.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 || offset > r.size {
		return 0, fmt.Errorf("seek blob: %d is outside of its %d bytes", offset, r.size)
	}
	if offset == r.at {
		return offset, nil
	}
	r.at = offset
	return offset, r.Close()
}

// Close ends the reading. It may be called more than once.
func (r *Reader) Close() error {
	if r.from == nil {
		return nil
	}
	err := r.from.Close()
	r.from = nil
	return err
}

func (r *Reader) open() (err error) {
	if r.from == nil {
		r.from, r.size, err = r.store.config.Backend.Open(r.ctx, r.owner, r.id, r.at)
	}
	return err
}

// wait waits before the next try after an error; it returns the error when there is none.
func (r *Reader) wait(err error) error {
	now := time.Now()
	if r.failing.IsZero() {
		r.failing, r.pause = now, 20*time.Millisecond
	}
	if errors.Is(err, ErrNotFound) || r.ctx.Err() != nil || now.Sub(r.failing) > Patience {
		return err
	}
	timer := time.NewTimer(r.pause)
	defer timer.Stop()
	r.pause = min(2*r.pause, time.Second)
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return err
	}
}
