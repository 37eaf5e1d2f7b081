package history

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/queue"
)

// logged returns an entry that was written at a time after noon.
func logged(log string, after time.Duration, seq int64, run string) entrylog.Entry {
	return entrylog.Entry{Log: log, Place: entrylog.Place{At: noon.Add(after).UnixMilli(), Seq: seq}, Run: run, Text: fmt.Appendf(nil, `{"n":%d}`, seq)}
}

func writeEntries(t *testing.T, h *DB, keep time.Duration, entries ...entrylog.Entry) {
	t.Helper()
	if err := h.WriteEntries(t.Context(), entries, keep); err != nil {
		t.Fatal(err)
	}
}

// seqs returns the numbers of the entries of a range, in pages of two.
func seqs(t *testing.T, h *DB, log string, r entrylog.Range) (found []int64) {
	t.Helper()
	for {
		entries, err := h.Entries(t.Context(), log, r, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			found, r.After = append(found, e.Seq), e.Place
		}
		if len(entries) < 2 {
			return found
		}
	}
}

func TestEntriesAreInOrderAndOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		run := queue.NewRunID("default")
		all := []entrylog.Entry{logged("a", 2*time.Second, 1, ""), logged("a", time.Second, 5, run), logged("a", time.Second, 4, ""), logged("b", 0, 9, "")}
		writeEntries(t, h, time.Hour, all...)
		writeEntries(t, h, time.Hour, append(all, logged("a", 3*time.Second, 2, ""))...)
		at := func(after time.Duration) int64 { return noon.Add(after).UnixMilli() }
		for name, c := range map[string]struct {
			within entrylog.Range
			want   []int64
		}{
			"the newest first": {entrylog.Range{}, []int64{2, 1, 5, 4}},
			"the oldest first": {entrylog.Range{Oldest: true}, []int64{4, 5, 1, 2}},
			"from":             {entrylog.Range{From: at(2 * time.Second)}, []int64{2, 1}},
			"to":               {entrylog.Range{To: at(time.Second), Oldest: true}, []int64{4, 5}},
			"after":            {entrylog.Range{After: entrylog.Place{At: at(time.Second), Seq: 5}}, []int64{4}},
		} {
			if got := seqs(t, h, "a", c.within); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
		e, found, err := h.Entry(t.Context(), "a", 5)
		if err != nil || !found || e.Run != run || string(e.Text) != `{"n":5}` {
			t.Errorf("read %+v, %v, %v", e, found, err)
		}
		if _, found, err := h.Entry(t.Context(), "b", 5); found || err != nil {
			t.Errorf("of another log: %v, %v", found, err)
		}
		if n, err := h.CountEntries(t.Context(), "a", entrylog.Place{At: at(time.Second), Seq: 5}); n != 1 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
	})
}

func TestEntriesExpireAndAreErasedWithTheirRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		run := ended(noon, nil)
		write(t, h, run)
		old := logged("a", -48*time.Hour, 1, "")
		about := logged("a", 0, 2, run.ID)
		writeEntries(t, h, 24*time.Hour, old, about, logged("a", 0, 3, ""))
		if e, err := h.Expire(t.Context(), noon); err != nil || e != (Expired{Entries: 1}) {
			t.Errorf("deleted %+v, %v", e, err)
		}
		if _, err := h.Erase(t.Context(), []string{run.ID}); err != nil {
			t.Fatal(err)
		}
		writeEntries(t, h, 24*time.Hour, about) // by an archiver that had read it before
		if got := seqs(t, h, "a", entrylog.Range{}); !slices.Equal(got, []int64{3}) {
			t.Errorf("left are %v", got)
		}
	})
}

func TestEntriesAreCopied(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		writeEntries(t, h, time.Hour, logged("a", 0, 1, queue.NewRunID("default")), logged("b", 0, 2, ""))
		to := openTest(t, "sqlite:"+t.TempDir()+"/to.db")
		if err := h.Copy(t.Context(), to, func(int) {}); err != nil {
			t.Fatal(err)
		}
		var from, copied [2]entrylog.Entry
		for i, log := range []string{"a", "b"} {
			from[i], _, _ = h.Entry(t.Context(), log, int64(i+1))
			copied[i], _, _ = to.Entry(t.Context(), log, int64(i+1))
		}
		if fmt.Sprint(from) != fmt.Sprint(copied) || from[0].Run == "" {
			t.Errorf("copied %v, want %v", copied, from)
		}
		if a, b := expiry(t, h), expiry(t, to); a != b {
			t.Errorf("expire at %d, want %d", b, a)
		}
	})
}

func expiry(t *testing.T, h *DB) (at int64) {
	t.Helper()
	if err := h.db.QueryRowContext(t.Context(), "SELECT min(expires) FROM entries").Scan(&at); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return at
}
