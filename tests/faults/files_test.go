//go:build faults || soak

package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

const (
	fileSize   = 100_000_000
	fileMemory = 30 << 20 // by which a process may grow
)

// fileContent returns bytes that differ everywhere, and are the same in each call.
func fileContent() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), fileSize)
}

// hashOf reads everything and returns its length and hash.
func hashOf(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d %s %v", n, hex.EncodeToString(h.Sum(nil)), err)
}

// archive is an API that takes files and gives the same content back.
type archive struct {
	*httptest.Server
	puts chan string   // the hash of each file that has arrived
	hold chan struct{} // nil: it reads at once; else it waits before it reads
	at   chan struct{} // receives a value when a file begins to arrive
}

func newArchive(t *testing.T, hold chan struct{}) *archive {
	a := &archive{puts: make(chan string, 16), hold: hold, at: make(chan struct{}, 16)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, fileContent())
			return
		}
		a.at <- struct{}{}
		if a.hold != nil {
			select {
			case <-a.hold:
			case <-r.Context().Done():
				return
			}
		}
		a.puts <- hashOf(r.Body)
	}))
	t.Cleanup(a.Close)
	return a
}

// echo sends the content through the flow and returns the hash of the answer.
func echo(ctx context.Context, door string, a *archive, content io.Reader) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, door+"/echo", content)
	if err != nil {
		return "", err
	}
	r.ContentLength = fileSize
	r.Header.Set("Content-Type", "application/x-thing")
	r.Header.Set("X-Target", a.URL)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return "", fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return hashOf(resp.Body), nil
}

func filesFlows(t *testing.T) string {
	flows, err := filepath.Abs("testdata/files")
	if err != nil {
		t.Fatal(err)
	}
	return flows
}

// TestFilesNeedNoMemory sends 100 MB through the front door to a step, back into a file of the run and to the caller, and
// measures the memory of both processes and the slowest PING of Redis meanwhile.
func TestFilesNeedNoMemory(t *testing.T) {
	for _, place := range []string{"redis", "dir"} {
		t.Run(place, func(t *testing.T) {
			server := testenv.Redis(t)
			where := place
			if place == "dir" {
				where = "dir:" + t.TempDir()
			}
			f := newFleetWith(t, server.URL(), filesFlows(t), 1, 1, "PENSTOCK_FILES="+where)
			a := newArchive(t, nil)
			want := hashOf(fileContent())
			api, worker := f.apis[0], f.workers[0]
			before := [2]usage{memory(t, api.Pid()), memory(t, worker.Pid())}
			slowest := pingUntil(t, server.Addr)
			begin := time.Now()
			got, err := echo(t.Context(), api.url, a, fileContent())
			took := time.Since(begin)
			ping := slowest()
			if err != nil || got != want {
				t.Fatalf("got %s, %v, want %s", got, err, want)
			}
			if put := <-a.puts; put != want {
				t.Errorf("the step sent %s, want %s", put, want)
			}
			after := [2]usage{memory(t, api.Pid()), memory(t, worker.Pid())}
			for i, name := range []string{"api", "worker"} {
				grown := after[i].peak - before[i].rss
				t.Logf("%s: %s grew by %d MiB, from %d MiB to %d MiB", place, name, grown>>20, before[i].rss>>20, after[i].peak>>20)
				if grown > fileMemory {
					t.Errorf("%s grew by %d MiB", name, grown>>20)
				}
			}
			t.Logf("%s: 100 MB in, to an API, from it, and out took %v; the slowest PING took %v", place, took.Round(time.Millisecond), ping)
		})
	}
}

// pingUntil pings Redis until the returned function is called, which returns the longest time of a PING.
func pingUntil(t *testing.T, addr string) func() time.Duration {
	client := redis.NewClient(&redis.Options{Addr: addr})
	ctx, cancel := context.WithCancel(t.Context())
	slowest := make(chan time.Duration, 1) // buffered: the test may have failed
	go func() {
		defer client.Close()
		most := time.Duration(0)
		for ctx.Err() == nil {
			begin := time.Now()
			if client.Ping(ctx).Err() == nil {
				most = max(most, time.Since(begin))
			}
		}
		slowest <- most
	}()
	return func() time.Duration { cancel(); return <-slowest }
}

// A worker that is killed while a step sends a file costs time: another one sends the whole file.
func TestFilesSurviveAKilledWorker(t *testing.T) {
	f := newFleetWith(t, testenv.Redis(t).URL(), filesFlows(t), 1, 2)
	hold := make(chan struct{})
	a := newArchive(t, hold)
	want := hashOf(fileContent())
	type result struct {
		hash string
		err  error
	}
	ended := make(chan result, 1) // buffered: the test may have failed
	go func() {
		hash, err := echo(context.WithoutCancel(t.Context()), f.apis[0].url, a, fileContent())
		ended <- result{hash, err}
	}()
	<-a.at
	f.workers[0].Kill() // one of the two has the run: kill each until the archive is called again
	select {
	case <-a.at:
	case <-time.After(2 * lease):
		f.workers = append(f.workers, f.spawn("worker", "worker 3"))
		f.workers[1].Kill()
		<-a.at
	}
	close(hold)
	if r := <-ended; r.err != nil || r.hash != want {
		t.Errorf("got %s, %v, want %s", r.hash, r.err, want)
	}
}

// A front door that is killed during an upload accepts nothing, and another one goes on.
func TestFilesOfAKilledAPI(t *testing.T) {
	server := testenv.Redis(t)
	f := newFleetWith(t, server.URL(), filesFlows(t), 2, 1)
	a := newArchive(t, nil)
	content, w := io.Pipe()
	ended := make(chan error, 1) // buffered: the test may have failed
	go func() {
		_, err := echo(context.WithoutCancel(t.Context()), f.apis[0].url, a, content)
		ended <- err
	}()
	if _, err := io.CopyN(w, fileContent(), fileSize/2); err != nil {
		t.Fatal(err)
	}
	f.apis[0].Kill()
	_ = w.CloseWithError(errors.New("killed"))
	if err := <-ended; err == nil {
		t.Error("an upload was answered whose front door was killed")
	}
	want := hashOf(fileContent())
	if got, err := echo(t.Context(), f.apis[1].url, a, fileContent()); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if n := len(a.puts); n != 1 {
		t.Errorf("%d runs sent a file", n)
	}
}
