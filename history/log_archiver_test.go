package history

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// outage is a history that does not answer while away is true.
type outage struct {
	*DB
	away bool
}

func (o *outage) Entries(ctx context.Context, log string, r entrylog.Range, most int) ([]entrylog.Entry, error) {
	if o.away {
		return nil, ErrUnavailable
	}
	return o.DB.Entries(ctx, log, r, most)
}

// logs are the logs of an installation with a history.
type logs struct {
	t          *testing.T
	redis      *redis.Client
	history    *outage
	audit      *audit.Log
	deliveries *deliveries.Log
	archiver   *LogArchiver
}

func newLogs(t *testing.T, h *DB) *logs {
	t.Helper()
	l := &logs{t: t, redis: testenv.Redis(t).Client(), history: &outage{DB: h}}
	sealer, err := store.NewSealer(store.NewMasterKey())
	l.check(err)
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), store.Config{Redis: l.redis, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: quiet, History: l.history})
	l.check(err)
	l.audit = s.Audit()
	l.deliveries, err = deliveries.New(deliveries.Config{Redis: l.redis, Log: quiet, History: l.history})
	l.check(err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.deliveries.Run(ctx) }()
	t.Cleanup(func() { cancel(); l.check(<-done) })
	l.archiver = NewLogArchiver(LogArchiverConfig{
		History: h, Redis: l.redis, Process: "p", Log: quiet, Logs: []KeptLog{{l.audit, time.Hour}, {l.deliveries, time.Hour}},
	})
	return l
}

func (l *logs) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// acts returns what the audit log has, and whether the history answered.
func (l *logs) acts(oldest bool) (acts []string, whole bool) {
	l.t.Helper()
	err := l.audit.Scan(l.t.Context(), audit.Range{Oldest: oldest}, func(e *audit.Entry) bool {
		acts = append(acts, e.Act)
		return true
	})
	if err != nil && !errors.Is(err, entrylog.ErrHistory) {
		l.t.Fatal(err)
	}
	return acts, err == nil
}

func (l *logs) add(acts ...string) {
	l.t.Helper()
	for _, act := range acts {
		l.check(l.audit.Add(l.t.Context(), audit.Entry{Act: act}))
	}
}

// The audit log is one list of what Redis has and what the history has, without a gap and without repetition.
func TestTheAuditLogIsReadAsOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		l := newLogs(t, h)
		l.add("a", "b")
		l.check(l.archiver.round(t.Context()))
		l.check(l.archiver.round(t.Context()))
		l.add("c")
		l.check(l.redis.XTrimMaxLen(t.Context(), "penstock:{store}:audit", 2).Err()) // Redis has b and c, the history a and b
		for oldest, want := range map[bool][]string{false: {"c", "b", "a"}, true: {"a", "b", "c"}} {
			if got, whole := l.acts(oldest); !slices.Equal(got, want) || !whole {
				t.Errorf("oldest first %v: %v, %v", oldest, got, whole)
			}
		}
		if n, err := l.audit.Len(t.Context()); n != 3 || err != nil {
			t.Errorf("it has %d entries, %v", n, err)
		}
		l.history.away = true
		for oldest, want := range map[bool][]string{false: {"c", "b"}, true: {"b", "c"}} {
			if got, whole := l.acts(oldest); !slices.Equal(got, want) || whole {
				t.Errorf("without the history, oldest first %v: %v, %v", oldest, got, whole)
			}
		}
	})
}

// Entries of the audit log expire from its beginning on, in Redis, too, and what is left is still a chain.
func TestTheAuditLogExpiresFromItsBeginning(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		l := newLogs(t, h)
		l.add("a", "b")
		l.check(l.archiver.round(t.Context()))
		l.archiver.config.Logs[0].Keep = 1000 * time.Hour
		l.add("c")
		l.check(l.archiver.round(t.Context()))
		l.archiver.config.Logs[0].Keep = time.Hour
		l.add("d")
		l.check(l.archiver.round(t.Context()))
		if n, err := h.expireChain(t.Context(), time.Now().Add(24*time.Hour), l.audit); n != 2 || err != nil {
			t.Errorf("%d entries are deleted, %v", n, err) // not d, which is behind c
		}
		if got, whole := l.acts(true); !slices.Equal(got, []string{"c", "d"}) || !whole {
			t.Errorf("left are %v", got)
		}
		if got, _ := l.acts(false); !slices.Equal(got, []string{"d", "c"}) {
			t.Errorf("left are, the newest first, %v", got)
		}
		if r, err := l.audit.Verify(t.Context()); err != nil || !r.OK || r.From != 3 || r.To != 4 || r.Start == nil {
			t.Errorf("the chain: %+v %v, %v", r, r.Fault, err)
		}
	})
}

// What the history has not got is not removed from Redis, however long it takes.
func TestLogsWaitForTheHistory(t *testing.T) {
	t.Parallel()
	h := openTest(t, "sqlite:"+t.TempDir()+"/h.db")
	l := newLogs(t, h)
	l.add("a")
	broken := openTest(t, "sqlite:"+t.TempDir()+"/broken.db")
	l.check(broken.Close())
	l.archiver.config.History = broken
	if err := l.archiver.round(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("copied to a closed history: %v", err)
	}
	l.archiver.config.History = h
	l.check(l.archiver.round(t.Context()))
	if got := seqs(t, h, "audit", entrylog.Range{}); len(got) != 1 {
		t.Errorf("the history has %d entries", len(got))
	}
}

// numbers returns the deliveries of flow 7.
func (l *logs) numbers(most int) (numbers []int64, more bool) {
	l.t.Helper()
	all, more, err := l.deliveries.List(l.t.Context(), 7, deliveries.Range{Most: most})
	if err != nil && !errors.Is(err, entrylog.ErrHistory) {
		l.t.Fatal(err)
	}
	for i := range all {
		numbers = append(numbers, all[i].Number)
	}
	return numbers, more
}

// A flood of accepted deliveries leaves a gap in Redis, not in the list.
func TestDeliveriesAreReadAsOne(t *testing.T) {
	t.Parallel()
	h := openTest(t, "sqlite:"+t.TempDir()+"/h.db")
	l := newLogs(t, h)
	count := 0
	add := func(v deliveries.Verdict, n int) {
		t.Helper()
		for range n {
			testenv.Eventually(t, func() string {
				if l.deliveries.Busy(v) {
					return "deliveries are not written"
				}
				return ""
			})
			l.deliveries.Add(deliveries.Delivery{Flow: 7, Verdict: v})
		}
		count += n
		testenv.Eventually(t, func() string {
			if last, err := l.deliveries.Last(t.Context(), 7); err != nil || last != int64(count) {
				return "deliveries are not written"
			}
			return ""
		})
	}
	add(deliveries.Accepted, 1)
	add(deliveries.Rejected, 1)
	add(deliveries.Accepted, 110)
	l.check(l.archiver.round(t.Context()))
	if n := l.redis.XLen(t.Context(), "penstock:{hooks}:outbox").Val(); n != 0 {
		t.Errorf("%d deliveries wait", n)
	}
	add(deliveries.Rejected, 1)
	got, more := l.numbers(1000)
	if len(got) != 113 || more || !slices.IsSortedFunc(got, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("listed %v, more %v", got, more)
	}
	if got, more := l.numbers(105); len(got) != 105 || got[104] != 9 || !more {
		t.Errorf("listed %v, more %v", got, more)
	}
	if d, content, err := l.deliveries.Find(t.Context(), 7, 3); err != nil || d.Number != 3 || content != nil {
		t.Errorf("found %+v, %v", d, err)
	}
	l.history.away = true
	if got, _ := l.numbers(1000); len(got) != 102 {
		t.Errorf("without the history %d are listed", len(got))
	}
}
