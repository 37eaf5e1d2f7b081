// Package redisblob keeps blobs in Redis, in chunks, so that no command is a long one.
package redisblob

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/redisconn"
)

var (
	//go:embed lua/reserve.lua
	reserveLua string
	//go:embed lua/release.lua
	releaseLua string

	reserveScript = redis.NewScript(reserveLua)
	releaseScript = redis.NewScript(releaseLua)
)

const (
	// lifetime is the TTL of all keys of an owner, which Keep renews. An owner is deleted explicitly; the TTL is for
	// keys whose owner was lost from the index in a failover.
	lifetime = 14 * 24 * time.Hour
	// renewBefore is the rest of the lifetime below which Keep renews it.
	renewBefore = lifetime - 24*time.Hour
	// cleanup is the time for removing what a failed Put has stored.
	cleanup = 5 * time.Second
)

// Backend implements blob.Backend. While Redis is away it waits, until the context ends.
type Backend struct {
	redis    redis.UniversalClient
	maxTotal int64
}

// New returns a Backend with at most maxTotal bytes on a client, which stays the caller's.
func New(client redis.UniversalClient, maxTotal int64) *Backend { return &Backend{client, maxTotal} }

// Put implements blob.Backend.
func (b *Backend) Put(ctx context.Context, owner, id string, content io.Reader) error {
	reserved := int64(0)
	size, err := b.put(ctx, owner, id, content, &reserved)
	if err == nil {
		err = b.mark(ctx, owner, id, strconv.FormatInt(size, 10))
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	_ = b.remove(ctx, owner, id, reserved) // DeleteOwner makes up for it
	return err
}

// put writes the chunks. The blob is in the index of its owner, and their bytes are reserved, before they are written.
func (b *Backend) put(ctx context.Context, owner, id string, content io.Reader, reserved *int64) (size int64, err error) {
	if err := b.mark(ctx, owner, id, ""); err != nil {
		return 0, err
	}
	buffer := make([]byte, blob.Chunk)
	for n := int64(0); ; n++ {
		length, ended, err := blob.Fill(content, buffer)
		if err != nil {
			return 0, err
		}
		if err := b.reserve(ctx, owner, int64(length)); err != nil {
			return 0, err
		}
		*reserved += int64(length)
		if length == 0 {
			return size, nil
		}
		if err := redisconn.RetryUntilDone(ctx, func() error {
			return b.redis.Set(ctx, chunk(owner, id, n), buffer[:length], lifetime).Err()
		}); err != nil {
			return 0, fmt.Errorf("write chunk: %w", err)
		}
		if size += int64(length); ended {
			return size, nil
		}
	}
}

// reserve counts bytes of an owner; negative: gives them back. A lost reply counts them twice until the owner is deleted.
func (b *Backend) reserve(ctx context.Context, owner string, n int64) error {
	var ok bool
	err := redisconn.RetryUntilDone(ctx, func() (err error) {
		ok, err = reserveScript.Run(ctx, b.redis, []string{owners, sizes}, owner, n, b.maxTotal, time.Now().UnixMilli()).Bool()
		return err
	})
	if err != nil {
		return fmt.Errorf("reserve bytes: %w", err)
	}
	if !ok {
		return blob.ErrFull
	}
	return nil
}

// mark sets the state of a blob in the index of its owner.
func (b *Backend) mark(ctx context.Context, owner, id, state string) error {
	err := redisconn.RetryUntilDone(ctx, func() error {
		_, err := b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.HSet(ctx, blobs(owner), id, state)
			p.Expire(ctx, blobs(owner), lifetime)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// Open implements blob.Backend.
func (b *Backend) Open(ctx context.Context, owner, id string, from int64) (io.ReadCloser, int64, error) {
	state, err := b.redis.HGet(ctx, blobs(owner), id).Result()
	if errors.Is(err, redis.Nil) || err == nil && state == "" {
		return nil, 0, blob.ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read index: %w", err)
	}
	size, err := strconv.ParseInt(state, 10, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("read index: %w", err)
	}
	return &reader{ctx: ctx, redis: b.redis, owner: owner, id: id, at: from, size: size}, size, nil
}

// Delete implements blob.Backend.
func (b *Backend) Delete(ctx context.Context, owner, id string) error {
	state, err := b.redis.HGet(ctx, blobs(owner), id).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	size, _ := strconv.ParseInt(state, 10, 64) // while it is being written its bytes are given back with its owner
	return b.remove(ctx, owner, id, size)
}

// remove deletes a blob and gives its bytes back. An owner without blobs leaves the index.
func (b *Backend) remove(ctx context.Context, owner, id string, bytes int64) error {
	if err := b.unlink(ctx, owner, id); err != nil {
		return err
	}
	left, err := b.redis.HLen(ctx, blobs(owner)).Result()
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	if left == 0 {
		return b.release(ctx, owner)
	}
	return b.reserve(ctx, owner, -bytes)
}

// unlinked is the number of chunks that are removed in one pipeline.
const unlinked = 16

// unlink removes the chunks of a blob, which are numbered without gaps, and then the blob from the index of its owner.
func (b *Backend) unlink(ctx context.Context, owner, id string) error {
	for first := int64(0); ; first += unlinked {
		removed, err := b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n := first; n < first+unlinked; n++ {
				p.Unlink(ctx, chunk(owner, id, n))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("remove chunks: %w", err)
		}
		if removed[unlinked-1].(*redis.IntCmd).Val() == 0 {
			break
		}
	}
	if err := b.redis.HDel(ctx, blobs(owner), id).Err(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

func (b *Backend) release(ctx context.Context, owner string) error {
	if err := releaseScript.Run(ctx, b.redis, []string{owners, sizes}, owner).Err(); err != nil {
		return fmt.Errorf("release bytes: %w", err)
	}
	return nil
}

// DeleteOwner implements blob.Backend.
func (b *Backend) DeleteOwner(ctx context.Context, owner string) error {
	ids, err := b.redis.HKeys(ctx, blobs(owner)).Result()
	if err != nil {
		return fmt.Errorf("read index: %w", err)
	}
	for _, id := range ids {
		if err := b.unlink(ctx, owner, id); err != nil {
			return err
		}
	}
	return b.release(ctx, owner)
}

// Owners implements blob.Backend.
func (b *Backend) Owners(ctx context.Context, each func(string, time.Time) error) error {
	const page = 500
	for from := int64(0); ; {
		all, err := b.redis.ZRangeWithScores(ctx, owners, from, from+page-1).Result()
		if err != nil {
			return fmt.Errorf("read owners: %w", err)
		}
		for _, z := range all {
			if err := each(z.Member.(string), time.UnixMilli(int64(z.Score))); err != nil {
				return err
			}
		}
		if len(all) < page {
			return nil
		}
		// Owners that each has deleted are no longer in front of the rest. Some may be skipped; the next sweep has them.
		from += page
	}
}

// Keep renews the lifetime of an owner's keys when a day of it is over.
func (b *Backend) Keep(ctx context.Context, owner string) error {
	rest, err := b.redis.TTL(ctx, blobs(owner)).Result()
	if err != nil || rest < 0 || rest > renewBefore {
		return err
	}
	all, err := b.redis.HGetAll(ctx, blobs(owner)).Result()
	if err != nil {
		return err
	}
	for id, state := range all {
		size, _ := strconv.ParseInt(state, 10, 64)
		if _, err := b.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for n := int64(0); n*blob.Chunk < size; n++ {
				p.Expire(ctx, chunk(owner, id, n), lifetime)
			}
			p.Expire(ctx, blobs(owner), lifetime)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
