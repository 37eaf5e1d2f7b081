package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/flows"
)

func TestFind(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	deploy(t, s, parse(t, 69, "upsert", "first"))
	for _, ref := range []string{"69", "upsert"} {
		if flow, ok := s.Flows().Find(ref); !ok || flow.Number != 69 {
			t.Errorf("find %q = %v, %v", ref, flow, ok)
		}
	}
	for _, ref := range []string{"", "6", "Upsert", "69 ", "0x45", "99999999999999999999"} {
		if _, ok := s.Flows().Find(ref); ok {
			t.Errorf("find %q: found", ref)
		}
	}
}

func TestDeployAgainThenRollBack(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	first, second := parse(t, 69, "upsert", "first"), parse(t, 69, "renamed", "second")
	deploy(t, s, first)
	deploy(t, s, second)
	deploy(t, s, second) // changes nothing

	if flow, _ := s.Flows().Find("69"); flow.Name != "second" {
		t.Errorf("the current version is %q", flow.Name)
	}
	if _, ok := s.Flows().Find("upsert"); ok {
		t.Error("the old slug still finds the flow")
	}
	want := Deployment{
		Number: 69, Slug: "renamed", Name: "second", Version: second.Version, Enabled: true,
		History: []VersionEntry{{Version: second.Version}, {Version: first.Version}},
	}
	ignoreTimes := cmpopts.IgnoreFields(VersionEntry{}, "DeployedAt")
	ignoreTime := cmpopts.IgnoreFields(Deployment{}, "DeployedAt", "Checked")
	head, err := f.openIdle(t).Flows().Deployment("renamed")
	if diff := cmp.Diff(want, head, ignoreTimes, ignoreTime); diff != "" || err != nil {
		t.Errorf("head (%v) (-want +got):\n%s", err, diff)
	}

	// A run keeps the version with which it was accepted.
	if flow, err := f.openIdle(t).Flows().Version(ctx, 69, first.Version); err != nil || flow.Name != "first" {
		t.Errorf("the earlier version = %v, %v", flow, err)
	}
	if err := s.Flows().Rollback(ctx, 69, first.Version); err != nil {
		t.Fatal(err)
	}
	if flow, ok := s.Flows().Find("upsert"); !ok || flow.Name != "first" {
		t.Errorf("after rolling back = %v, %v", flow, ok)
	}
	if err := s.Flows().Rollback(ctx, 69, strings.Repeat("0", 64)); !errors.Is(err, ErrNotFound) {
		t.Errorf("roll back to what never was: %v", err)
	}
}

func TestASlugBelongsToOneFlow(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	deploy(t, s, parse(t, 1, "taken", "first"))
	_, err := s.Flows().Deploy(t.Context(), parse(t, 2, "taken", "second"))
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Owner != 1 || !strings.Contains(err.Error(), `"taken" belongs to flow 1`) {
		t.Errorf("deploy with a taken slug: %v", err)
	}
	if _, ok := s.Flows().Find("2"); ok {
		t.Error("the refused flow is there")
	}
}

func TestEnableAndDelete(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	flow := parse(t, 1, "one", "first")
	deploy(t, s, flow)
	for _, enabled := range []bool{false, true} {
		if err := s.Flows().Enable(ctx, 1, enabled); err != nil {
			t.Fatal(err)
		}
		if head, _ := s.Flows().Deployment("1"); head.Enabled != enabled {
			t.Errorf("enabled = %v, want %v", head.Enabled, enabled)
		}
	}
	if err := s.Flows().Delete(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Flows().Deployment("one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after deleting: %v", err)
	}
	// Its accepted runs still need the version, for a limited time.
	if _, err := f.openIdle(t).Flows().Version(ctx, 1, flow.Version); err != nil {
		t.Errorf("the version of a deleted flow: %v", err)
	}
	client := f.server.Client()
	if left, err := client.TTL(ctx, keySource(1, flow.Version)).Result(); err != nil || left <= 0 || left > sourceAfterlife {
		t.Errorf("the source of a deleted flow is kept for %v, %v", left, err)
	}
	deploy(t, s, flow)
	if left, err := client.TTL(ctx, keySource(1, flow.Version)).Result(); err != nil || left != -1 {
		t.Errorf("the source of a flow deployed again is kept for %v, %v; want for ever", left, err)
	}
	for what, err := range map[string]error{
		"delete": s.Flows().Delete(ctx, 9), "enable": s.Flows().Enable(ctx, 9, true), "roll back": s.Flows().Rollback(ctx, 9, "x"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s an unknown flow: %v", what, err)
		}
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.openIdle(t)
	ctx := t.Context()
	var all []*flows.Flow
	for i := range historyLength + 2 {
		all = append(all, parse(t, 1, "", "v"+strconv.Itoa(i)))
		deploy(t, s, all[i])
	}
	head, err := s.Flows().Deployment("1")
	if err != nil || len(head.History) != historyLength || head.History[historyLength-1].Version != all[2].Version {
		t.Errorf("the history has %d versions, %v", len(head.History), err)
	}
	client := f.server.Client()
	for i, ends := range []bool{true, true, false} {
		left, err := client.TTL(ctx, keySource(1, all[i].Version)).Result()
		if err != nil || (left > 0) != ends {
			t.Errorf("version %d is kept for %v, %v", i, left, err)
		}
	}
}

// A newer binary deployed a kind of step that this one does not know.
func TestAVersionThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	deploy(t, s, parse(t, 1, "good", "good"))
	deploy(t, s, parse(t, 2, "bad", "bad"))

	var logged strings.Builder
	config := f.config(t)
	config.Catalogue, config.Log = flows.NewCatalogue(), slog.New(slog.NewTextHandler(&logged, nil))
	old, err := Open(ctx, config)
	if err != nil {
		t.Fatalf("one flow takes the others down: %v", err)
	}
	if _, ok := old.Flows().Find("bad"); ok {
		t.Error("a flow that does not compile is found")
	}
	head, err := old.Flows().Deployment("bad")
	if err != nil || !strings.Contains(head.Problem, "echo") {
		t.Errorf("head = %+v, %v; want the problem to name the kind", head, err)
	}
	if !strings.Contains(logged.String(), "cannot run in this binary") {
		t.Errorf("nothing was logged: %s", logged.String())
	}
	if all := old.Flows().List(); len(all) != 2 || all[1].Problem != head.Problem {
		t.Errorf("the list does not say the problem: %+v", all)
	}
	if _, err := old.Flows().Version(ctx, 2, head.Version); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("version = %v, want why it does not compile", err)
	}
}

func TestAVersionIsCompiledOnce(t *testing.T) {
	t.Parallel()
	var compiled atomic.Int32
	begin := make(chan struct{})
	vs := newVersions()
	compile := func(context.Context) (*flows.Flow, error) {
		<-begin
		compiled.Add(1)
		return &flows.Flow{}, nil
	}
	const askers = 20
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			if _, err := vs.find(t.Context(), versionID{1, "v"}, compile); err != nil {
				t.Errorf("find: %v", err)
			}
		})
	}
	// A caller who gives up does not fail the others.
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vs.find(impatient, versionID{1, "v"}, compile); !errors.Is(err, context.Canceled) {
		t.Errorf("find with an ended context: %v", err)
	}
	close(begin)
	all.Wait()
	if n := compiled.Load(); n != 1 {
		t.Errorf("compiled %d times for %d askers, want once", n, askers)
	}
}

func TestVersionsInMemoryAreBounded(t *testing.T) {
	t.Parallel()
	compiled := map[string]int{}
	vs := newVersions()
	find := func(i int) {
		compile := func(context.Context) (*flows.Flow, error) {
			compiled[fmt.Sprint(i)]++
			return &flows.Flow{}, nil
		}
		if _, err := vs.find(t.Context(), versionID{1, fmt.Sprint(i)}, compile); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxCachedVersions {
		find(i)
	}
	find(0)                 // used last: kept
	find(maxCachedVersions) // one too many: 1 goes
	find(0)
	find(1)
	if compiled["0"] != 1 || compiled["1"] != 2 || len(vs.byID) != maxCachedVersions {
		t.Errorf("0 was compiled %d times, 1 %d times, %d are kept", compiled["0"], compiled["1"], len(vs.byID))
	}
}
