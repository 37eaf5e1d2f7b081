package history

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// After an erasure none of the files of a SQLite history has what was erased, in the words of runs that were written again neither.
func TestErasedBytesAreGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openTest(t, "sqlite:"+filepath.Join(dir, "runs.db"))
	secret := ended(noon, func(r *queue.Record) {
		r.State, r.Output, r.Error = queue.Failed, nil, &flows.Error{Code: "http", Message: "zoesecret is wrong"}
	})
	secret.Labels = map[string]string{"who": "zoesecret"}
	write(t, h, secret)
	for range 20 { // segments of words
		write(t, h, ended(noon, func(r *queue.Record) { r.Event = json.RawMessage(`"others"`) }))
	}
	write(t, h, secret)
	files := func() (with int) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, []byte("zoesecret")) {
				with++
			}
		}
		return with
	}
	if files() == 0 {
		t.Fatal("no file has the word before the erasure")
	}
	if erased, err := h.Erase(t.Context(), []string{secret.ID}); len(erased) != 1 || err != nil {
		t.Fatalf("erased %v, %v", erased, err)
	}
	if n := files(); n != 0 {
		t.Errorf("%d files have the word after the erasure", n)
	}
	if got := list(t, h, queue.List{Search: "others"}); len(got) != 20 {
		t.Errorf("found by their words are %d other runs, want 20", len(got))
	}
}

// A copy that is made again after an erasure erases the runs in the target, and takes over that they are erased.
func TestCopyErases(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, to *DB) {
		from := openTest(t, "sqlite:"+filepath.Join(t.TempDir(), "runs.db"))
		run := ended(noon, func(r *queue.Record) { r.Event = json.RawMessage(`"zoesecret"`) })
		run.Labels = map[string]string{"who": "zoesecret"}
		write(t, from, run)
		if _, err := from.Hold(t.Context(), []string{run.ID}, true); err != nil {
			t.Fatal(err)
		}
		copyAll := func() {
			t.Helper()
			if err := from.Copy(t.Context(), to, func(int) {}); err != nil {
				t.Fatal(err)
			}
		}
		copyAll()
		if err := to.Write(t.Context(), []Run{run}); err != nil { // with its labels, as an archiver does
			t.Fatal(err)
		}
		if _, err := from.Hold(t.Context(), []string{run.ID}, false); err != nil {
			t.Fatal(err)
		}
		if erased, err := from.Erase(t.Context(), []string{run.ID}); len(erased) != 1 || err != nil {
			t.Fatalf("erased %v, %v", erased, err)
		}
		copyAll()
		write(t, to, run) // by an archiver that had read it before
		if n := count(t, to, "SELECT count(*) FROM labels"); n != 0 {
			t.Errorf("%d labels are left", n)
		}
		if got := list(t, to, queue.List{Search: "zoesecret"}); len(got) != 0 {
			t.Errorf("found are %v", got)
		}
		if a, err := to.Read(t.Context(), run.ID); err != nil || a.Values != nil {
			t.Errorf("read %+v, %v", a, err)
		}
	})
}

// Numbers that a column cannot have are compared, too.
func TestNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		run := ended(noon, nil)
		write(t, h, run)
		for _, field := range []string{"attempt", "crashes", "duration_ms"} {
			for _, least := range []bool{false, true} {
				for _, n := range []int64{math.MinInt64, math.MinInt32 - 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt64} {
					c, want := queue.Condition{Field: field, Most: &n}, n > 0
					if least {
						c, want = queue.Condition{Field: field, Least: &n}, n < 0
					}
					if got := list(t, h, queue.List{Where: []queue.Condition{c}}); slices.Contains(got, run.ID) != want {
						t.Errorf("%s, least %v, %d: found %v", field, least, n, got)
					}
				}
			}
		}
	})
}
