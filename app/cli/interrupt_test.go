package cli

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

// Ctrl-C while waiting for a run reports that the run goes on, with or without --follow.
func TestCtrlCSaysThatTheRunGoesOn(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}, 8), make(chan struct{})
	world := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-release
	}))
	defer world.Close()
	dir := t.TempDir()
	source := "flow: 5\nslug: held\nsteps: [{http: {get: '" + world.URL + "'}}]\n"
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	dev := startDev(t, app.Settings{Data: app.NoData, Flows: dir})
	defer close(release)
	e := command.Env{app.EnvURL: dev.url, app.EnvUser: greetingValue(t, dev.said, "user"), app.EnvPassword: greetingValue(t, dev.said, "password")}
	for _, args := range [][]string{{"run", "held", "--follow"}, {"run", "held"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		root := newRoot(e, steps.Catalogue())
		root.SetArgs(args)
		root.SetOut(new(bytes.Buffer))
		root.SetErr(new(bytes.Buffer))
		ended := make(chan error, 1) // one value, read below
		go func() { ended <- root.ExecuteContext(ctx) }()
		<-begun
		interrupt()
		if err := <-ended; !errors.Is(err, errRunGoesOn) || exitCode(err) != exitRunning || !strings.Contains(err.Error(), "penstock runs ") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// The same applies to a wait for an existing run.
func TestCtrlCWhileARunIsShown(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 1) // one call is made
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	root := newRoot(command.Env{app.EnvURL: server.URL, app.EnvUser: "u", app.EnvPassword: "p"}, steps.Catalogue())
	root.SetArgs([]string{"runs", "show", "r1", "--wait", "30s"})
	go func() {
		<-begun
		interrupt()
	}()
	if err := root.ExecuteContext(ctx); exitCode(err) != exitRunning || !strings.Contains(err.Error(), "penstock runs watch r1") {
		t.Errorf("%v", err)
	}
}

// Waiting times that servers do not support are rejected.
func TestWaitsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"run", "f", "--wait", "0s"}, {"run", "f", "--wait", "-1s"}, {"runs", "show", "r1", "--wait", "1500ms"}} {
		root := newRoot(command.Env{app.EnvURL: "http://127.0.0.1:1", app.EnvUser: "u", app.EnvPassword: "p"}, steps.Catalogue())
		root.SetArgs(args)
		root.SetErr(new(bytes.Buffer))
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "whole seconds") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// --watch shows a list until Ctrl-C and then succeeds.
func TestWatchingEndsWithCtrlC(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	shows := 0
	err := repeatUntilDone(ctx, func() error {
		if shows++; shows == 2 {
			interrupt()
			return ctx.Err()
		}
		return nil
	})
	if err != nil || shows != 2 {
		t.Errorf("shown %d times, %v", shows, err)
	}
	if err := repeatUntilDone(t.Context(), func() error { return command.ErrNoCredentials }); !errors.Is(err, command.ErrNoCredentials) {
		t.Errorf("a failure is told as %v", err)
	}
}
