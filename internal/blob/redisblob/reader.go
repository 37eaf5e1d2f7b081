package redisblob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/blob"
)

// reader reads a blob chunk by chunk.
type reader struct {
	ctx       context.Context
	redis     redis.UniversalClient
	owner, id string
	at, size  int64
	buffer    []byte // of every chunk, so that reading leaves no garbage; nil: none was read
	chunk     []byte // the rest of the chunk that was read last
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(r.chunk) == 0 {
		if r.at >= r.size {
			return 0, io.EOF
		}
		n, skip := r.at/blob.Chunk, r.at%blob.Chunk
		if r.buffer == nil {
			r.buffer = make([]byte, blob.Chunk)
		}
		length, err := r.redis.GetToBuffer(r.ctx, chunk(r.owner, r.id, n), r.buffer).Result()
		if errors.Is(err, redis.Nil) || err == nil && int64(length) <= skip {
			return 0, blob.ErrNotFound // deleted meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("read chunk: %w", err)
		}
		r.chunk = r.buffer[skip:length]
	}
	n := copy(p, r.chunk)
	r.chunk, r.at = r.chunk[n:], r.at+int64(n)
	return n, nil
}

// Close implements io.Closer.
func (r *reader) Close() error { return nil }
