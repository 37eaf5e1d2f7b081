package redisblob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/internal/blob/redisblob"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.ParallelTests(4)
	os.Exit(m.Run())
}

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	conn, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	client := conn.Client()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestBackend(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Backend { return redisblob.New(open(t, testenv.Redis(t).URL()), 64<<20) })
}

func TestBackendOnCluster(t *testing.T) {
	t.Parallel()
	url := testenv.Cluster(t).URL()
	store := newStore(t, open(t, url), 64<<20)
	for n := range 10 {
		owner, want := "run-"+strconv.Itoa(n), blobtest.Content(3*blob.Chunk+n)
		info, err := store.Put(t.Context(), owner, 0, bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		r, err := store.Open(t.Context(), owner, info.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := store.Delete(t.Context(), owner, info.ID); err != nil {
			t.Error(err)
		}
	}
}

func newStore(t *testing.T, client redis.UniversalClient, total int64) *blob.Store {
	t.Helper()
	store, err := blob.New(blob.Config{Backend: redisblob.New(client, total), MaxSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// All blobs together stay within the total, and what is deleted makes room; at the end no key is left.
func TestTotalIsBounded(t *testing.T) {
	t.Parallel()
	client := open(t, testenv.Redis(t).URL())
	store := newStore(t, client, 4*blob.Chunk)
	put := func(owner string, size int) (blob.Info, error) {
		return store.Put(t.Context(), owner, 0, bytes.NewReader(blobtest.Content(size)))
	}
	first, err := put("a", 2*blob.Chunk)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("b", 2*blob.Chunk+1); !errors.Is(err, blob.ErrFull) {
		t.Errorf("above the total: %v", err)
	}
	second, err := put("a", 2*blob.Chunk)
	if err != nil {
		t.Errorf("a Put that failed took room: %v", err)
	}
	if _, err := put("a", 1); !errors.Is(err, blob.ErrFull) {
		t.Errorf("above the total: %v", err)
	}
	if err := store.Delete(t.Context(), "a", first.ID); err != nil {
		t.Error(err)
	}
	third, err := put("b", 2*blob.Chunk)
	if err != nil {
		t.Errorf("what was deleted made no room: %v", err)
	}
	for owner, id := range map[string]string{"a": second.ID, "b": third.ID} {
		if err := store.Delete(t.Context(), owner, id); err != nil {
			t.Error(err)
		}
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 || client.HGet(t.Context(), keys[0], "*").Val() != "0" {
		t.Errorf("%q are left, with %v (%v)", keys, client.HGetAll(t.Context(), keys[0]).Val(), err)
	}
}

// Each chunk is a key of its own that ends by itself, and sweeping renews the time of a living owner's keys.
// The bytes of an owner may have been given back already, by a deletion of the owner at the same time.
func TestDeleteWithoutReservedBytes(t *testing.T) {
	t.Parallel()
	client := open(t, testenv.Redis(t).URL())
	store := newStore(t, client, 64<<20)
	var info blob.Info
	for n := range 2 {
		var err error
		if info, err = store.Put(t.Context(), "run", 0, bytes.NewReader(blobtest.Content(100+n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Del(t.Context(), "penstock:{blobs}:bytes").Err(); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(t.Context(), "run", info.ID); err != nil {
		t.Error(err)
	}
}

func TestKeysExpire(t *testing.T) {
	t.Parallel()
	client := open(t, testenv.Redis(t).URL())
	store := newStore(t, client, 64<<20)
	if _, err := store.Put(t.Context(), "run", 0, bytes.NewReader(blobtest.Content(5*blob.Chunk/2))); err != nil {
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), "penstock:blob:*").Result()
	if err != nil || len(keys) != 4 {
		t.Fatalf("%q, %v", keys, err)
	}
	week := 7 * 24 * time.Hour
	for _, key := range keys {
		if ttl := client.TTL(t.Context(), key).Val(); ttl < week {
			t.Errorf("%s ends in %v", key, ttl)
		}
		if n := client.StrLen(t.Context(), key).Val(); n > blob.Chunk {
			t.Errorf("%s has %d bytes", key, n)
		}
		client.Expire(t.Context(), key, week)
	}
	alive := func(context.Context, string) (bool, error) { return true, nil }
	if _, err := store.Sweep(t.Context(), time.Now(), alive); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= week {
			t.Errorf("%s was not renewed: %v", key, ttl)
		}
	}
}

// A process that was killed while it wrote leaves chunks that are deleted with their owner.
func TestAbandonedChunksAreSwept(t *testing.T) {
	t.Parallel()
	client := open(t, testenv.Redis(t).URL())
	store := newStore(t, client, 64<<20)
	content, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = store.Put(context.WithoutCancel(t.Context()), "run", 0, content)
	}()
	if _, err := w.Write(blobtest.Content(20*blob.Chunk + 1)); err != nil {
		t.Fatal(err)
	}
	none := func(context.Context, string) (bool, error) { return false, nil }
	if n, err := store.Sweep(t.Context(), time.Now().Add(2*blob.Grace), none); n != 1 || err != nil {
		t.Errorf("%d owners, %v", n, err)
	}
	if keys := client.Keys(t.Context(), "penstock:blob:*").Val(); len(keys) != 0 {
		t.Errorf("%q are left", keys)
	}
	_ = w.CloseWithError(errors.New("killed"))
	<-ended
}

// A Put waits for a Redis that is away, and stores all bytes.
func TestPutWaitsForRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	proxy := testenv.NewProxy(t, server.Addr)
	client := open(t, "redis://"+proxy.Addr)
	store := newStore(t, client, 64<<20)
	content, w := io.Pipe()
	want := blobtest.Content(4*blob.Chunk + 1)
	type result struct {
		info blob.Info
		err  error
	}
	ended := make(chan result, 1) // buffered: the test may have failed
	go func() {
		info, err := store.Put(t.Context(), "run", 0, content)
		ended <- result{info, err}
	}()
	if _, err := w.Write(want[:2*blob.Chunk]); err != nil {
		t.Fatal(err)
	}
	proxy.Refuse(true)
	go func() {
		_, _ = w.Write(want[2*blob.Chunk:]) // the blob shows an error
		_ = w.Close()                       // of a pipe: never fails
	}()
	if client.Ping(t.Context()).Err() == nil {
		t.Error("Redis is not away")
	}
	proxy.Refuse(false)
	r := <-ended
	if r.err != nil {
		t.Fatal(r.err)
	}
	reader, err := store.Open(t.Context(), "run", r.info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
