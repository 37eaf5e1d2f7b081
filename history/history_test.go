package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, h *DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, openTest(t, "sqlite:"+filepath.Join(t.TempDir(), "history", "runs.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, openTest(t, postgresURL(t)))
	})
}

// postgresURL returns the URL of a new database.
func postgresURL(t *testing.T) string {
	t.Helper()
	d := testenv.Postgres(t)
	return (&url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.Address(), Path: d.Name, RawQuery: "sslmode=disable"}).String()
}

func openTest(t *testing.T, place string) *DB {
	t.Helper()
	h, err := Open(t.Context(), place, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// noon is the time of the latest run of a test.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// ended makes a run that ended at a time, see queue.ExampleArchived.
func ended(at time.Time, change func(*queue.Record)) Run {
	r := queue.Record{Spec: queue.Spec{Flow: 7, Version: "v1", Queue: "default", Principal: "key:crm", Accepted: at}, Attempt: 1, Worker: "w1"}
	r.State, r.Output = queue.Succeeded, json.RawMessage(`[1]`)
	r.Times = queue.Times{Accepted: at, Started: at.Add(time.Millisecond), Finished: at.Add(5 * time.Millisecond)}
	if change != nil {
		change(&r)
	}
	run := Run{Archived: queue.Archive(r)}
	run.KeepFor(Keep{Runs: 90 * 24 * time.Hour}, r.Times.Finished)
	return run
}

func write(t *testing.T, h *DB, runs ...Run) {
	t.Helper()
	if err := h.Write(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
}

// list returns the ids of the runs that a list selects, through all its pages.
func list(t *testing.T, h *DB, l queue.List) (ids []string) {
	t.Helper()
	if l.Most == 0 {
		l.Most = 3
	}
	for range 100 {
		runs, reached, err := h.List(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		for i := range runs {
			ids = append(ids, runs[i].ID)
		}
		if reached == nil {
			return ids
		}
		l.After = *reached
	}
	t.Fatal("the list does not end")
	return nil
}

// Many runs are read in one statement, without their values, whatever else the ids are.
func TestManyRunsAreRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		runs := []Run{ended(noon, nil), ended(noon.Add(-40*24*time.Hour), nil), ended(noon, nil)}
		write(t, h, runs...)
		got, err := h.ReadAll(t.Context(), []string{runs[0].ID, runs[1].ID, queue.NewRunID("default"), "no id", runs[0].ID})
		if err != nil || len(got) != 2 {
			t.Fatalf("read %d runs, %v", len(got), err)
		}
		for _, a := range got {
			i := slices.IndexFunc(runs[:2], func(r Run) bool { return r.ID == a.ID })
			if i < 0 || a.Values != nil || fmt.Sprint(a.Record) != fmt.Sprint(runs[i].Record) || a.Queue != runs[i].Queue {
				t.Errorf("read %+v", a)
			}
		}
		if got, err := h.ReadAll(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("no id: %v, %v", got, err)
		}
	})
}

func TestARunIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		run := ended(noon, func(r *queue.Record) {
			r.Event, r.Headers = json.RawMessage(`{"name":"Zoë","n":1e3}`), map[string]string{"x-a": "b"}
			r.State, r.Output = queue.Failed, nil
		})
		run.Journal = map[string]string{"a": "s", "b": "r1"}
		write(t, h, run, run)
		got, err := h.Read(t.Context(), run.ID)
		if err != nil || fmt.Sprint(got.Record, got.Values, got.Journal) != fmt.Sprint(run.Record, run.Values, run.Journal) {
			t.Fatalf("read %+v, %v", got, err)
		}
		for _, id := range []string{queue.NewRunID("default"), "x", ""} {
			if _, err := h.Read(t.Context(), id); !errors.Is(err, queue.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

func TestListsAreInOrderAndComplete(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		var want []string
		var runs []Run
		for i := range 40 { // over ten days, some at the same time
			at := noon.Add(-time.Duration(i/2) * 12 * time.Hour)
			run := ended(at, func(r *queue.Record) { r.Flow = int64(7 + i%2) })
			runs = append(runs, run)
		}
		slices.SortFunc(runs, func(a, b Run) int {
			p, o := placeOf(&a.Archived), placeOf(&b.Archived)
			if p.At != o.At {
				return int(o.At - p.At)
			}
			return strings.Compare(o.ID, p.ID)
		})
		for i := range runs {
			want = append(want, runs[i].ID)
		}
		shuffled := slices.Clone(runs)
		slices.SortFunc(shuffled, func(a, b Run) int { return strings.Compare(a.ID[30:]+a.ID, b.ID[30:]+b.ID) })
		write(t, h, shuffled...)
		if got := list(t, h, queue.List{}); !slices.Equal(got, want) {
			t.Errorf("newest first:\n%v\nwant\n%v", got, want)
		}
		oldest := list(t, h, queue.List{Oldest: true, Most: 7})
		slices.Reverse(oldest)
		if !slices.Equal(oldest, want) {
			t.Errorf("oldest first, reversed:\n%v\nwant\n%v", oldest, want)
		}
		from, to := noon.Add(-36*time.Hour), noon.Add(-12*time.Hour)
		if got := list(t, h, queue.List{From: from, To: to}); !slices.Equal(got, want[2:8]) {
			t.Errorf("from %v to %v:\n%v\nwant\n%v", from, to, got, want[2:8])
		}
		if got := list(t, h, queue.List{Where: queue.OfFlow(8), Most: 2}); len(got) != 20 {
			t.Errorf("%d runs of flow 8", len(got))
		}
	})
}

func TestRunsAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		add := func(change func(*queue.Record)) Run {
			run := ended(noon, change)
			write(t, h, run)
			return run
		}
		zoe := add(func(r *queue.Record) {
			r.Event = json.RawMessage(`{"customer":{"name":"Zoë O'Neill","mail":"zoe@example.org"},"order":17,"note":["a\u0000b"]}`)
		})
		items := add(func(r *queue.Record) {
			r.Steps = json.RawMessage(`{"steps":[{"step":"stepname","us":4177,"items":["itemword"],"each":[{"us":4178,"error":"outcomeword"}]}],"log":[{"message":"logword"}]}`)
		})
		long := add(func(r *queue.Record) {
			r.Event = json.RawMessage(`"beginningword ` + strings.Repeat("x ", 150_000) + `"`)
			r.State, r.Output, r.Error = queue.Cancelled, nil, errorOf("cancelled", "a\x00b", "NUL \x00 here")
		})
		out := add(func(r *queue.Record) { r.Output, r.Flow = json.RawMessage(`[{"id":"INV-2026/0042"}]`), 9 })
		failed := add(func(r *queue.Record) {
			r.State, r.Output = queue.Failed, nil
			r.Error, r.Worker, r.Version, r.Principal, r.Queue = errorOf("http", "crm", "the CRM answered 503 to Übermut"), "w2", "v2", "user:ada", "slow"
		})
		slow := add(func(r *queue.Record) {
			r.Times.Finished, r.Attempt, r.Crashes = noon.Add(1500*time.Millisecond), 3, 1
			r.ReplayOf, r.State, r.Output = out.ID, queue.TimedOut, nil
			r.Error = errorOf("timeout", "", strings.Repeat("ü", maxMessage)+"the end of a long message")
		})
		labelled := ended(noon, nil)
		labelled.Labels = map[string]string{"order": "17", "customer": "x y"}
		write(t, h, labelled)
		where := func(field string, values ...string) queue.List {
			return queue.List{Where: []queue.Condition{{Field: field, Values: values}}}
		}
		between := func(field string, least, most int64) queue.List {
			c := queue.Condition{Field: field, Least: &least}
			if most >= 0 {
				c.Most = &most
			}
			return queue.List{Where: append(queue.OfFlow(7), c)}
		}
		for name, c := range map[string]struct {
			list queue.List
			want []string
		}{
			"a name":              {queue.List{Search: "zoë"}, []string{zoe.ID}},
			"two words":           {queue.List{Search: "O'Neill 17"}, []string{zoe.ID}},
			"one of two":          {queue.List{Search: "zoë 18"}, nil},
			"an address":          {queue.List{Search: "zoe@example.org"}, []string{zoe.ID}},
			"a beginning":         {queue.List{Search: "exam*"}, []string{zoe.ID}},
			"a name of a member":  {queue.List{Search: "customer"}, nil},
			"an output":           {queue.List{Search: "INV-2026/0042"}, []string{out.ID}},
			"items and log":       {queue.List{Search: "itemword logword outcomeword"}, []string{items.ID}},
			"the time of a step":  {queue.List{Search: "4177"}, nil},
			"an error":            {queue.List{Search: "übermut"}, []string{failed.ID}},
			"an id":               {queue.List{Search: failed.ID}, []string{failed.ID}},
			"most of an id":       {queue.List{Search: failed.ID[:35]}, []string{failed.ID}},
			"an id cut in a part": {queue.List{Search: failed.ID[:26]}, []string{failed.ID}},
			"an id cut at a dash": {queue.List{Search: failed.ID[:24]}, []string{failed.ID}},
			"an id and a letter":  {queue.List{Search: failed.ID[:25] + "g"}, nil},
			"a long text":         {queue.List{Search: "beginningword"}, []string{long.ID}},
			"NUL":                 {queue.List{Where: []queue.Condition{{Field: "code", Values: []string{"a\x00"}}}, Labels: map[string]string{"a": "\x00"}}, nil},
			"nothing":             {queue.List{Search: "' \" * & | :"}, nil},
			"a word and a flow":   {queue.List{Search: "0042", Where: queue.OfFlow(7)}, nil},
			"a flow":              {queue.List{Where: queue.OfFlow(9)}, []string{out.ID}},
			"no flow":             {where("flow", "x"), nil},
			"none of no values":   {where("flow"), nil},
			"a state":             {where("state", "failed"), []string{failed.ID}},
			"a relation":          {where("replay_of", out.ID), []string{slow.ID}},
			"a message":           {where("message", "503 to Ü"), []string{slow.ID, failed.ID}}, // of one the column has only the beginning
			"a duration":          {between("duration_ms", 1500, -1), []string{slow.ID}},
			"a longer duration":   {between("duration_ms", 1501, -1), nil},
			"a short duration":    {queue.List{Where: append(between("duration_ms", 5, 5).Where, where("version", "v2").Where...)}, []string{failed.ID}},
			"slow":                {queue.List{Where: between("duration_ms", 1000, -1).Where[1:]}, []string{slow.ID}},
			"repeated":            {queue.List{Where: between("attempt", 2, -1).Where[1:]}, []string{slow.ID}},
			"crashed":             {queue.List{Where: between("crashes", 1, -1).Where[1:]}, []string{slow.ID}},
			"an attempt":          {between("attempt", 2, 3), []string{slow.ID}},
			"crashes":             {between("crashes", 1, 1), []string{slow.ID}},
			"more crashes":        {between("crashes", 2, -1), nil},
			"a code":              {where("code", "http"), []string{failed.ID}},
			"a step":              {where("step", "crm"), []string{failed.ID}},
			"a worker":            {where("worker", "w2"), []string{failed.ID}},
			"a version":           {where("version", "v2"), []string{failed.ID}},
			"a principal":         {where("principal", "user:ada"), []string{failed.ID}},
			"a queue":             {queue.List{Queues: []string{"slow"}}, []string{failed.ID}},
			"a run":               {where("run_id", out.ID, "x"), []string{out.ID}},
			"a label":             {queue.List{Labels: map[string]string{"order": "17", "customer": "x y"}}, []string{labelled.ID}},
			"another label":       {queue.List{Labels: map[string]string{"order": "x y"}}, nil},
			"triage":              {where("triage", "open"), []string{slow.ID, failed.ID}},
			"triage, not":         {where("triage", "resolved"), nil},
			"a field it does not": {queue.List{Where: []queue.Condition{{Field: "queue", Values: []string{"9"}}, {Field: "flow", Values: []string{"9"}}}}, []string{out.ID}},
		} {
			got := list(t, h, c.list)
			if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(c.want))) {
				t.Errorf("%s: found %v, want %v", name, got, c.want)
			}
		}
	})
}

// A run that is written again is the same run, with what is new of it.
func TestARunIsReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		run := ended(noon, func(r *queue.Record) {
			r.State, r.Output, r.Error = queue.Failed, nil, errorOf("http", "crm", "was so before")
		})
		write(t, h, run)
		run.Record["resumed_by"] = queue.NewRunID("default")
		run.Record["error"] = `{"code":"http","message":"is so after"}`
		write(t, h, run)
		if got := list(t, h, queue.List{}); len(got) != 1 {
			t.Errorf("the run is there %d times", len(got))
		}
		if got := list(t, h, queue.List{Where: []queue.Condition{{Field: "resumed_by", Values: []string{run.Record["resumed_by"]}}}}); len(got) != 1 {
			t.Errorf("it is not found by what is new of it")
		}
		if before, after := list(t, h, queue.List{Search: "before"}), list(t, h, queue.List{Search: "after"}); len(before) != 0 || len(after) != 1 {
			t.Errorf("found by its words before: %v, after: %v", before, after)
		}
	})
}

func TestWhatExpiresIsDeleted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		old := noon.Add(-10 * 24 * time.Hour)
		keep := func(at time.Time, k Keep) Run {
			run := ended(at, func(r *queue.Record) { r.Event = json.RawMessage(`"secretword"`) })
			run.Labels = map[string]string{"a": "b"}
			run.KeepFor(k, at)
			write(t, h, run)
			return run
		}
		gone := keep(old, Keep{Runs: 24 * time.Hour})
		held := keep(old.Add(time.Minute), Keep{Runs: 24 * time.Hour})
		month := keep(old.Add(2*time.Minute), Keep{Runs: 30 * 24 * time.Hour, Values: 24 * time.Hour})
		alone := keep(old.Add(-5*24*time.Hour), Keep{Runs: 24 * time.Hour}) // of its day, which is dropped as a whole
		fresh := keep(noon, Keep{Runs: 24 * time.Hour})
		if n, err := h.Hold(t.Context(), []string{held.ID}, true); n != 1 || err != nil {
			t.Fatalf("held %d, %v", n, err)
		}
		expire := func(want Expired) {
			t.Helper()
			if got, err := h.Expire(t.Context(), noon); err != nil || got != want {
				t.Errorf("deleted %+v, %v; want %+v", got, err, want)
			}
		}
		expire(Expired{Runs: 2, Values: 1})
		if got, want := list(t, h, queue.List{}), []string{fresh.ID, month.ID, held.ID}; !slices.Equal(got, want) {
			t.Errorf("left are %v, want %v (deleted were to be %v)", got, want, []string{gone.ID, alone.ID})
		}
		if got, want := list(t, h, queue.List{Search: "secretword"}), []string{fresh.ID, held.ID}; !slices.Equal(got, want) {
			t.Errorf("found by their words are %v, want %v", got, want)
		}
		if a, err := h.Read(t.Context(), month.ID); err != nil || a.Values != nil {
			t.Errorf("of the run whose values have expired there is %+v, %v", a, err)
		}
		if _, err := h.Hold(t.Context(), []string{held.ID}, false); err != nil {
			t.Error(err)
		}
		expire(Expired{Runs: 1})
		if n := count(t, h, "SELECT count(*) FROM labels"); n != 2 {
			t.Errorf("%d labels are left, want those of 2 runs", n)
		}
	})
}

func count(t *testing.T, h *DB, query string) (n int) {
	t.Helper()
	if err := h.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Nothing of what people have sent is left of an erased run, but the fact that it ran.
func TestErase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		change := func(r *queue.Record) {
			r.Event, r.Headers, r.Params = json.RawMessage(`"secretword"`), map[string]string{"x": "secretword"}, map[string]string{"p": "secretword"}
			r.State, r.Output, r.Error = queue.Failed, nil, errorOf("http", "crm", "secretword is wrong")
			r.Steps = json.RawMessage(`{"steps":[{"items":["secretword"]}]}`)
		}
		run, held := ended(noon, change), ended(noon, change)
		for _, r := range []*Run{&run, &held} {
			r.Labels = map[string]string{"who": "secretword"}
			r.Journal = map[string]string{"a": `r"secretword"`}
			write(t, h, *r)
		}
		if _, err := h.Hold(t.Context(), []string{held.ID}, true); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Erase(t.Context(), []string{run.ID, held.ID, queue.NewRunID("default")}); !slices.Equal(n, []string{run.ID}) || err != nil {
			t.Fatalf("erased %v, %v", n, err)
		}
		a, err := h.Read(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		record, err := a.Decode()
		if err != nil || record.State != queue.Failed || record.Error.Code != "http" || record.Error.Step != "crm" {
			t.Errorf("what is left is %+v, %v", record, err)
		}
		if record.TriageState() != queue.Ignored {
			t.Errorf("its triage state is %s", record.TriageState())
		}
		if got := list(t, h, queue.List{Where: []queue.Condition{{Field: "triage", Values: []string{"open"}}}}); !slices.Equal(got, []string{held.ID}) {
			t.Errorf("open are %v, want the one that is held", got)
		}
		if text := fmt.Sprint(a); strings.Contains(text, "secretword") {
			t.Errorf("the word is in %s", text)
		}
		write(t, h, run) // by an archiver that had read it before
		if got := list(t, h, queue.List{Search: "secretword"}); !slices.Equal(got, []string{held.ID}) {
			t.Errorf("found are %v, want the one that is held", got)
		}
		if n := count(t, h, "SELECT count(*) FROM labels"); n != 1 {
			t.Errorf("%d labels are left", n)
		}
	})
}

// A change of the schema of a database that is in use is logged, since it may take long.
func TestALaterMigrationIsLogged(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, place string) {
		t.Parallel()
		h, err := open(place)
		if err != nil {
			t.Fatal(err)
		}
		all, err := readMigrations(h.dialect.migrations())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{all[0].text, all[1].text, "CREATE TABLE schema_version (number INTEGER NOT NULL)", "INSERT INTO schema_version VALUES (1), (2)"} {
			if _, err := h.writer.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{2, 0} { // lines of the first and the second Open
			var log bytes.Buffer
			h, err := Open(t.Context(), place, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(log.String(), "\n"); n != want || want > 0 && !strings.Contains(log.String(), fmt.Sprintf("from=2 to=%d", len(all))) {
				t.Errorf("logged:\n%s", &log)
			}
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "runs.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresURL(t)) })
}

// Processes that open a database at once migrate it once, and a newer schema is refused.
func TestMigrations(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, place string) {
		t.Parallel()
		errs := make(chan error)
		for range 4 {
			go func() {
				h, err := Open(context.Background(), place, slog.New(slog.DiscardHandler))
				if err == nil {
					err = h.Close()
				}
				errs <- err
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		h := openTest(t, place)
		if err := h.inTransaction(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "INSERT INTO schema_version (number) VALUES (999)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), place, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "999") {
			t.Errorf("a newer schema: %v", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "runs.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresURL(t)) })
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"", "sqlite:", "mysql://a:secret@b/c", "postgres://", "/tmp/x", "postgres://a:secret@%zz/c"} {
		_, err := Open(t.Context(), place, slog.New(slog.DiscardHandler))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", place, err)
		}
	}
}

func errorOf(code, step, message string) *flows.Error {
	return &flows.Error{Code: flows.Code(code), Step: step, Message: message}
}
