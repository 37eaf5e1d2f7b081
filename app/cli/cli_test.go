package cli

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// The scripts run against a server as an administrator.
func TestRemoteScripts(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction")
	dev := startDev(t, app.Settings{
		Data: app.NoData, Redis: redis.URL(), Flows: "testdata/flows", AdminUser: "ann", AdminPassword: "correct horse battery staple",
		APIKey: "k", APISecret: "s3cret",
	})
	testscript.Run(t, testscript.Params{
		Dir: "testdata/remote",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PENSTOCK_URL", dev.url)
			e.Setenv("PENSTOCK_USER", "ann")
			e.Setenv("PENSTOCK_PASSWORD", "correct horse battery staple")
			e.Setenv("REDIS", redis.URL())
			e.Setenv("SERVER", dev.url)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits implements the script command `exits CODE COMMAND…`, which fails for another exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var ended interface{ ExitCode() int }
	if errors.As(err, &ended) {
		code = ended.ExitCode()
	}
	if want := args[0]; want != string(rune('0'+code)) {
		ts.Fatalf("%q ended with %d, not with %s", args[1:], code, want)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), exitFailed},
		{command.Invalid(errors.New("x")), exitUsage},
		{fmt.Errorf("x: %w", app.SettingsError{Err: errors.New("x")}), exitUsage},
		{client.ErrUnreachable, exitAway},
		{command.ErrNoCredentials, exitDenied},
		{errRunFailed, exitRun},
		{&client.Error{Status: http.StatusUnauthorized}, exitDenied},
		{&client.Error{Status: http.StatusForbidden}, exitDenied},
		{&client.Error{Status: http.StatusNotFound}, exitMissing},
		{&client.Error{Status: http.StatusBadRequest}, exitUsage},
		{&client.Error{Status: http.StatusServiceUnavailable, Run: "r"}, exitAway},
		{&client.Error{Status: http.StatusUnprocessableEntity, Run: "r"}, exitRun},
		{&client.Error{Status: http.StatusGatewayTimeout, Run: "r"}, exitRun},
		{&client.Error{Status: http.StatusTooManyRequests}, exitAway},
		{&client.Error{Status: http.StatusInternalServerError}, exitFailed},
	}
	for _, c := range cases {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
