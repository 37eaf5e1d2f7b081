package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
)

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// faulty is a Backend that fails while it is opened or read.
type faulty struct {
	blob.Memory
	openings int
	away     int  // openings that fail
	cut      bool // each opening gives 1,000 bytes, and then an early end
}

func (f *faulty) Open(ctx context.Context, owner, id string, from int64) (io.ReadCloser, int64, error) {
	if f.openings++; f.openings <= f.away {
		return nil, 0, errors.New("away")
	}
	r, size, err := f.Memory.Open(ctx, owner, id, from)
	if err != nil {
		return nil, 0, err
	}
	content := io.LimitReader(r, 1000)
	if !f.cut {
		content = io.MultiReader(content, iotest.ErrReader(errors.New("lost")))
	}
	return io.NopCloser(content), size, nil
}

// A store that is away for a moment, or loses a connection, costs a reader time and no byte.
func TestReaderGoesOn(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			backend := &faulty{away: 5, cut: cut}
			store, err := blob.New(blob.Config{Backend: backend, MaxSize: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			want := blobtest.Content(10_500)
			info, err := store.Put(t.Context(), "run", 0, bytes.NewReader(want))
			if err != nil {
				t.Fatal(err)
			}
			r, err := store.Open(t.Context(), "run", info.ID)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) || backend.openings < 15 {
				t.Errorf("%d bytes of %d after %d openings, %v", len(got), len(want), backend.openings, err)
			}
		})
	}
}

func TestReaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := blob.New(blob.Config{Backend: &faulty{away: 1 << 30}, MaxSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := store.Open(t.Context(), "run", "a"); err == nil || time.Since(begin) < blob.Patience || time.Since(begin) > 2*blob.Patience {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if _, err := store.Open(ctx, "run", "a"); err == nil || time.Since(begin) != time.Second {
			t.Errorf("with a second, after %v: %v", time.Since(begin), err)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	store, err := blob.New(blob.Config{Backend: &blob.Memory{MaxTotal: 10}, MaxSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "run", 0, strings.NewReader("123456")); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), "run", 0, strings.NewReader("12345")); !errors.Is(err, blob.ErrFull) {
		t.Error(err)
	}
}

// A reader that seeks reads from there, and knows the size.
func TestReaderSeeks(t *testing.T) {
	t.Parallel()
	store, err := blob.New(blob.Config{Backend: new(blob.Memory), MaxSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	content := blobtest.Content(5000)
	info, err := store.Put(t.Context(), "run", 0, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(t.Context(), "run", info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(r, content); err != nil { // seeks as well
		t.Error(err)
	}
	if at, err := r.Seek(5001, io.SeekStart); err == nil {
		t.Errorf("beyond the end: %d", at)
	}
}
