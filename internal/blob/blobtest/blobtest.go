// Package blobtest is the conformance test of blob.Backend.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/penstock/penstock/internal/blob"
)

// maxSize is the MaxSize of the stores under test in bytes.
const maxSize = 8 << 20

// Run tests backends created by open, each empty and with room for 64 MiB.
func Run(t *testing.T, open func(t *testing.T) blob.Backend) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *blob.Store, blob.Backend){
		"what is put is read":                      roundTrip,
		"reading begins anywhere":                  offsets,
		"an owner opens its own only":              owners,
		"names that are none":                      badNames,
		"a content above the limit leaves nothing": tooLarge,
		"a content that fails leaves nothing":      failing,
		"a blob is not seen before its end":        unfinished,
		"deleting":                                 deleting,
		"sweeping":                                 sweeping,
		"many at once":                             atOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := open(t)
			store, err := blob.New(blob.Config{Backend: backend, MaxSize: maxSize})
			if err != nil {
				t.Fatal(err)
			}
			test(t, store, backend)
		})
	}
}

// Content returns n bytes that differ everywhere.
func Content(n int) []byte {
	text := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(text) // never fails
	return text
}

func put(t *testing.T, s *blob.Store, owner string, content []byte) blob.Info {
	t.Helper()
	info, err := s.Put(t.Context(), owner, 0, iotest.HalfReader(bytes.NewReader(content)))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantContent(t *testing.T, s *blob.Store, owner, id string, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), owner, id)
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) || r.Size() != int64(len(want)) {
		t.Errorf("read %d bytes of %d, announced %d: %v", len(got), len(want), r.Size(), err)
	}
}

func wantNone(t *testing.T, s *blob.Store, owner, id string) {
	t.Helper()
	if r, err := s.Open(t.Context(), owner, id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("opened %s of %s: %v, %v", id, owner, r, err)
	}
}

// wantOwners checks which owners have blobs.
func wantOwners(t *testing.T, b blob.Backend, want ...string) {
	t.Helper()
	found := map[string]bool{}
	err := b.Owners(t.Context(), func(owner string, latest time.Time) error {
		if since := time.Since(latest).Abs(); since > time.Minute || found[owner] {
			return fmt.Errorf("%s comes twice, or its latest was %v ago", owner, since)
		}
		found[owner] = true
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, owner := range want {
		if !found[owner] {
			t.Errorf("owner %s is missing", owner)
		}
	}
	if len(found) != len(want) {
		t.Errorf("owners %v, want %v", found, want)
	}
}

func roundTrip(t *testing.T, s *blob.Store, _ blob.Backend) {
	ids := map[string]bool{}
	for _, size := range []int{0, 1, blob.Chunk - 1, blob.Chunk, blob.Chunk + 1, 3*blob.Chunk + 7, maxSize} {
		content := Content(size)
		info := put(t, s, "run-1", content)
		sum := sha256.Sum256(content)
		if info.Size != int64(size) || info.SHA256 != hex.EncodeToString(sum[:]) || len(info.ID) != 32 || ids[info.ID] {
			t.Errorf("%d bytes: %+v", size, info)
		}
		ids[info.ID] = true
		wantContent(t, s, "run-1", info.ID, content)
	}
}

func offsets(t *testing.T, s *blob.Store, b blob.Backend) {
	content := Content(3*blob.Chunk + 7)
	info := put(t, s, "run", content)
	for _, from := range []int{0, 1, blob.Chunk - 1, blob.Chunk, 2*blob.Chunk + 9, len(content) - 1, len(content)} {
		r, size, err := b.Open(t.Context(), "run", info.ID, int64(from))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content[from:]) || size != int64(len(content)) {
			t.Errorf("from %d: %d bytes, size %d, %v", from, len(got), size, err)
		}
		_ = r.Close() // it was read
	}
}

func owners(t *testing.T, s *blob.Store, b blob.Backend) {
	first, second := put(t, s, "run-a", []byte("a")), put(t, s, "run-b", []byte("b"))
	wantNone(t, s, "run-a", second.ID)
	wantNone(t, s, "run-b", first.ID)
	wantNone(t, s, "run", first.ID)
	wantContent(t, s, "run-a", first.ID, []byte("a"))
	wantOwners(t, b, "run-a", "run-b")
}

func badNames(t *testing.T, s *blob.Store, b blob.Backend) {
	info := put(t, s, "run", []byte("a"))
	for _, name := range []string{"", ".", "..", "../run", "run/" + info.ID, "*", "{run}", "run\x00", strings.Repeat("a", 65), "é"} {
		wantNone(t, s, name, info.ID)
		wantNone(t, s, "run", name)
		wantNone(t, s, "other", "../run/"+info.ID)
		if _, err := s.Put(t.Context(), name, 0, strings.NewReader("x")); err == nil {
			t.Errorf("put a blob of %q", name)
		}
		if err := s.Delete(t.Context(), "other", name); err != nil {
			t.Error(err)
		}
	}
	wantOwners(t, b, "run")
}

func tooLarge(t *testing.T, s *blob.Store, b blob.Backend) {
	for _, c := range []struct{ limit, size int64 }{{10, 11}, {blob.Chunk, blob.Chunk + 1}, {0, maxSize + 1}, {2 * maxSize, maxSize + 1}} {
		_, err := s.Put(t.Context(), "run", c.limit, bytes.NewReader(Content(int(c.size))))
		var large *blob.TooLargeError
		if !errors.As(err, &large) || large.Limit >= c.size {
			t.Errorf("%+v: %v", c, err)
		}
	}
	wantOwners(t, b)
	if _, err := s.Put(t.Context(), "run", 11, bytes.NewReader(Content(11))); err != nil {
		t.Error(err)
	}
}

func failing(t *testing.T, s *blob.Store, b blob.Backend) {
	lost := errors.New("lost")
	for _, before := range []int{0, 1, 2*blob.Chunk + 1} {
		content := io.MultiReader(bytes.NewReader(Content(before)), iotest.ErrReader(lost))
		if _, err := s.Put(t.Context(), "run", 0, content); !errors.Is(err, lost) {
			t.Errorf("after %d bytes: %v", before, err)
		}
		cut := io.MultiReader(bytes.NewReader(Content(before)), iotest.ErrReader(fmt.Errorf("part: %w", io.EOF)))
		if _, err := s.Put(t.Context(), "run", 0, cut); err == nil {
			t.Errorf("a content that was cut off after %d bytes was stored", before)
		}
	}
	wantOwners(t, b)
}

func unfinished(t *testing.T, s *blob.Store, b blob.Backend) {
	content, w := io.Pipe()
	ended := make(chan error, 1) // buffered: the test may have failed
	go func() { ended <- b.Put(context.WithoutCancel(t.Context()), "run", "first", content) }()
	if _, err := w.Write(Content(blob.Chunk + 1)); err != nil {
		t.Fatal(err)
	}
	wantNone(t, s, "run", "first")
	_ = w.Close() // of a pipe: never fails
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	wantContent(t, s, "run", "first", Content(blob.Chunk+1))
}

func deleting(t *testing.T, s *blob.Store, b blob.Backend) {
	content := Content(20*blob.Chunk + 1)
	first, second := put(t, s, "run", content), put(t, s, "run", content)
	other := put(t, s, "other", content)
	for range 2 { // what is not there is no error
		if err := s.Delete(t.Context(), "run", first.ID); err != nil {
			t.Error(err)
		}
	}
	wantNone(t, s, "run", first.ID)
	wantContent(t, s, "run", second.ID, content)
	if err := s.Delete(t.Context(), "other", second.ID); err != nil {
		t.Error(err)
	}
	wantContent(t, s, "run", second.ID, content)
	for range 2 {
		if err := b.DeleteOwner(t.Context(), "run"); err != nil {
			t.Error(err)
		}
	}
	wantNone(t, s, "run", second.ID)
	wantContent(t, s, "other", other.ID, content)
	wantOwners(t, b, "other")
	if err := s.Delete(t.Context(), "other", other.ID); err != nil {
		t.Error(err)
	}
	wantOwners(t, b)
}

func sweeping(t *testing.T, s *blob.Store, b blob.Backend) {
	live, dead, unknown := put(t, s, "live", []byte("1")), put(t, s, "dead", []byte("2")), put(t, s, "unknown", []byte("3"))
	away := errors.New("away")
	exists := func(_ context.Context, owner string) (bool, error) {
		if owner == "unknown" {
			return false, away
		}
		return owner == "live", nil
	}
	for _, c := range []struct {
		after   time.Duration
		deleted int
	}{{0, 0}, {blob.Grace - time.Minute, 0}, {blob.Grace + time.Minute, 1}, {1000 * time.Hour, 0}} {
		deleted, err := s.Sweep(t.Context(), time.Now().Add(c.after), exists)
		if deleted != c.deleted || !errors.Is(err, away) {
			t.Errorf("after %v: %d deleted, %v", c.after, deleted, err)
		}
	}
	wantContent(t, s, "live", live.ID, []byte("1"))
	wantContent(t, s, "unknown", unknown.ID, []byte("3"))
	wantNone(t, s, "dead", dead.ID)
	wantOwners(t, b, "live", "unknown")
}

func atOnce(t *testing.T, s *blob.Store, b blob.Backend) {
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			content := Content(blob.Chunk + n)
			info, err := s.Put(t.Context(), "run", 0, bytes.NewReader(content))
			if err != nil {
				t.Error(err)
				return
			}
			wantContent(t, s, "run", info.ID, content)
			if err := s.Delete(t.Context(), "run", info.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantOwners(t, b)
}
