package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/testenv"
)

func testKeys(t *testing.T, masters ...string) (keys Keys) {
	t.Helper()
	for _, m := range masters {
		key, err := DeriveKey(m, []byte("master "+m))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// newTestLog returns a log on a Redis of its own.
func newTestLog(t *testing.T, change ...func(*Config)) (*Log, *redis.Client) {
	t.Helper()
	client := testenv.Redis(t).Client()
	config := Config{Redis: client, Keys: testKeys(t, "k1")}
	for _, c := range change {
		c(&config)
	}
	return New(config), client
}

func (l *Log) mustAdd(t *testing.T, acts ...string) {
	t.Helper()
	for _, act := range acts {
		if err := l.Add(t.Context(), Entry{Actor: "user:ann", Act: act, Status: 200}); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *Log) all(t *testing.T, r Range) (entries []*Entry) {
	t.Helper()
	if err := l.Scan(t.Context(), r, func(e *Entry) bool { entries = append(entries, e); return true }); err != nil {
		t.Fatal(err)
	}
	return entries
}

func (l *Log) mustVerify(t *testing.T) Report {
	t.Helper()
	r, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLogIsReadInChunks(t *testing.T) {
	t.Parallel()
	l, _ := newTestLog(t)
	for i := range chunk + 5 {
		l.mustAdd(t, fmt.Sprint(i))
	}
	newest := l.all(t, Range{})
	if n, err := l.Len(t.Context()); len(newest) != chunk+5 || n != len(newest) || err != nil {
		t.Fatalf("%d entries of %d, %v", len(newest), n, err)
	}
	for i, e := range newest {
		if e.Act != fmt.Sprint(chunk+4-i) || e.At.IsZero() || e.ID == "" || e.Outcome != Done {
			t.Fatalf("entry %d is %+v", i, e)
		}
		if found, err := l.Find(t.Context(), e.ID); err != nil || found.Act != e.Act {
			t.Fatalf("found %+v, %v", found, err)
		}
	}
	oldest := l.all(t, Range{Oldest: true})
	slices.Reverse(oldest)
	if fmt.Sprint(ids(oldest)) != fmt.Sprint(ids(newest)) {
		t.Error("the oldest first are others")
	}
	at := newest[100].At
	for _, e := range l.all(t, Range{From: at, To: at}) {
		if !e.At.Equal(at) {
			t.Errorf("an entry of %v, not of %v", e.At, at)
		}
	}
	for _, id := range []string{"", "1-1", "x", "-1-1", newest[0].ID + "0"} {
		if e, err := l.Find(t.Context(), id); err != ErrNotFound {
			t.Errorf("found %q: %v, %v", id, e, err)
		}
	}
}

func ids(entries []*Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.ID)
	}
	return all
}

// Several processes that write at once make one chain, in which nothing is missing.
func TestProcessesThatWriteAtOnceMakeOneChain(t *testing.T) {
	t.Parallel()
	const rounds, processes, writers, each = 5, 4, 3, 6 // 60 * 72 appends in all
	server := testenv.Redis(t)
	keys := testKeys(t, "k1")
	for round := range rounds {
		client := server.Client()
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for p := range processes {
			l := New(Config{Redis: server.Client(), Keys: keys})
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						if err := l.Add(t.Context(), Entry{Actor: fmt.Sprint(p, w), Act: fmt.Sprint(i)}); err != nil {
							t.Errorf("round %d: %v", round, err)
						}
					}
				})
			}
		}
		wg.Wait()
		l := New(Config{Redis: client, Keys: keys})
		if r := l.mustVerify(t); !r.OK || r.From != 1 || r.To != processes*writers*each || r.SignedTo != r.To {
			t.Fatalf("round %d: %+v %v", round, r, r.Fault)
		}
		last := map[string]int{}
		for _, e := range l.all(t, Range{Oldest: true}) {
			if want := fmt.Sprint(last[e.Actor]); e.Act != want {
				t.Fatalf("round %d: %s wrote %s where %s was next", round, e.Actor, e.Act, want)
			}
			last[e.Actor]++
		}
	}
}

// Entries of a version without the chain stay, and the chain begins behind them.
func TestEntriesBeforeTheChainStay(t *testing.T) {
	t.Parallel()
	l, client := newTestLog(t)
	old := func(id, act string) error {
		return client.XAdd(t.Context(), &redis.XAddArgs{Stream: keyStream, ID: id, Values: []any{field, `{"actor":"user:ann","act":"` + act + `"}`}}).Err()
	}
	if err := old("*", "old"); err != nil {
		t.Fatal(err)
	}
	if err := old(fmt.Sprintf("%d-7", int64(math.MaxInt32)*10_000), "ahead"); err != nil { // its clock was wrong, and its number is higher
		t.Fatal(err)
	}
	l.mustAdd(t, "new", "newer")
	if r := l.mustVerify(t); !r.OK || r.Before != 2 || r.From != 1 || r.To != 2 {
		t.Errorf("%+v", r)
	}
	if all := l.all(t, Range{}); len(all) != 4 || all[2].Act != "ahead" || all[2].Seq != 0 || all[2].ID == "" || all[2].At.IsZero() {
		t.Errorf("%+v", all)
	}
	if err := old("*", "by an older process"); err != nil {
		t.Fatal(err)
	}
	l.mustAdd(t, "newest")
	if r := l.mustVerify(t); r.OK || r.Fault.Kind != Inserted {
		t.Errorf("an entry that no process of this version wrote: %+v", r)
	}
}

// What is removed because of its number leaves a signed note, and what is left verifies.
func TestWhatIsLeftOfTheChainVerifies(t *testing.T) {
	t.Parallel()
	l, client := newTestLog(t, func(c *Config) { c.Length = 50 })
	const added = 50 + 2*chunk
	for i := range added {
		l.mustAdd(t, fmt.Sprint(i))
	}
	r := l.mustVerify(t)
	if !r.OK || r.Start == nil || r.Start.Seq != r.From-1 {
		t.Fatalf("%+v %v", r, r.Fault)
	}
	n, err := client.XLen(t.Context(), keyStream).Result()
	if err != nil || n >= 50+chunk || n < 50 {
		t.Errorf("%d entries are left, %v", n, err)
	}
	// One more that goes without a note is missed, whatever note somebody without the key makes of it.
	first := l.all(t, Range{Oldest: true})[0]
	if err := client.XDel(t.Context(), keyStream, first.ID).Err(); err != nil {
		t.Fatal(err)
	}
	if r := l.mustVerify(t); r.OK || r.Fault.Kind != Missing {
		t.Errorf("without a note: %+v", r)
	}
	forgedCut := testKeys(t, "k2").cut(1, first)
	for _, id := range []string{"k1", "k2"} {
		forgedCut.Key = id
		text, _ := json.Marshal(forgedCut)
		if err := client.HSet(t.Context(), keyCuts, cutStart, text).Err(); err != nil {
			t.Fatal(err)
		}
		if r := l.mustVerify(t); r.OK || r.Fault.Kind != Missing {
			t.Errorf("with the note of another key: %+v", r)
		}
	}
}

func TestMasterKeysMayRotate(t *testing.T) {
	t.Parallel()
	l, client := newTestLog(t, func(c *Config) { c.Length = 10 })
	for range chunk + 20 {
		l.mustAdd(t, "old key")
	}
	both := New(Config{Redis: client, Keys: testKeys(t, "k2", "k1")})
	if err := both.SignCuts(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := New(Config{Redis: client, Keys: testKeys(t, "k2")})
	if r := late.mustVerify(t); r.OK || !strings.Contains(r.Fault.Reason, "nobody vouches") {
		t.Errorf("no entry is signed with the new key: %+v", r)
	}
	both.mustAdd(t, "new key")
	if r := late.mustVerify(t); !r.OK || r.SignedTo != r.To || !slices.Equal(r.UnknownKeys, []string{"k1"}) {
		t.Errorf("without the old key: %+v %v", r, r.Fault)
	}
	if r := both.mustVerify(t); !r.OK || len(r.UnknownKeys) > 0 {
		t.Errorf("with both: %+v", r)
	}
}

func TestTheEndOfTheChainIsMissed(t *testing.T) {
	t.Parallel()
	l, client := newTestLog(t)
	l.mustAdd(t, "a", "b", "c")
	last := l.all(t, Range{})[0]
	if err := client.XDel(t.Context(), keyStream, last.ID).Err(); err != nil {
		t.Fatal(err)
	}
	if r := l.mustVerify(t); r.OK || r.Fault.Kind != Missing || r.To != 2 {
		t.Errorf("%+v", r)
	}
	// The head is moved back, too: what was exported tells.
	kept := l.all(t, Range{})[0]
	if err := client.Set(t.Context(), keyHead, head{kept.Seq, kept.At.UnixMilli(), kept.Hash}.String(), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if r := l.mustVerify(t); !r.OK {
		t.Errorf("without an exporter nothing tells: %+v", r)
	}
	if err := client.HSet(t.Context(), keyExport(SinkFile), "seq", 3).Err(); err != nil {
		t.Fatal(err)
	}
	if r := l.mustVerify(t); r.OK || r.Fault.Kind != Missing {
		t.Errorf("entry 3 was exported: %+v", r)
	}
}

// A history that keeps entries, of which Redis removes some before it has them.
type memoryHistory struct{ entries []entrylog.Entry }

func (h *memoryHistory) Entries(_ context.Context, _ string, r entrylog.Range, most int) (found []entrylog.Entry, err error) {
	all := slices.Clone(h.entries)
	if !r.Oldest {
		slices.Reverse(all)
	}
	for _, e := range all {
		behind := r.After == entrylog.Place{} || r.Oldest && e.Compare(r.After) > 0 || !r.Oldest && e.Compare(r.After) < 0
		if behind && (r.From == 0 || e.At >= r.From) && (r.To == 0 || e.At <= r.To) && len(found) < most {
			found = append(found, e)
		}
	}
	return found, nil
}

func (h *memoryHistory) Entry(context.Context, string, int64) (e entrylog.Entry, found bool, err error) {
	return e, false, nil
}

func (h *memoryHistory) CountEntries(context.Context, string, entrylog.Place) (int, error) {
	return len(h.entries), nil
}

func TestAGapThatIsNotedVerifies(t *testing.T) {
	t.Parallel()
	h := new(memoryHistory)
	l, client := newTestLog(t, func(c *Config) { c.History, c.Waiting, c.Length = h, 10, 5 })
	l.mustAdd(t, "a", "b", "c")
	entries, mark, err := l.ReadEntries(t.Context(), 2)
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	h.entries = entries
	if err := l.MarkEntries(t.Context(), mark, false); err != nil {
		t.Fatal(err)
	}
	for range 3 * chunk {
		l.mustAdd(t, "more")
	}
	r := l.mustVerify(t)
	if !r.OK || len(r.Cuts) != 1 || r.Cuts[0].From != 3 || r.From != 1 || r.To != 3+3*chunk {
		t.Fatalf("%+v %v", r, r.Fault)
	}
	if err := l.BeforeExpiry(t.Context(), h.entries[0]); err != nil {
		t.Fatal(err)
	}
	h.entries = h.entries[1:]
	if r := l.mustVerify(t); !r.OK || r.Start == nil || r.From != 2 {
		t.Errorf("after the expiry of the first: %+v %v", r, r.Fault)
	}
	if err := client.HDel(t.Context(), keyCuts, fmt.Sprint(r.Cuts[0].Seq)).Err(); err != nil {
		t.Fatal(err)
	}
	if r := l.mustVerify(t); r.OK || r.Fault.Kind != Missing || r.Fault.Seq != 3 {
		t.Errorf("without the note of the gap: %+v", r)
	}
}
