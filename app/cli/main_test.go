package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows/script"
	"github.com/penstock/penstock/flows/steps"
)

// The test binary runs as the program when it is called penstock, and as a script child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == app.ScriptChild {
		if err := script.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	testscript.Main(m, map[string]func(){"penstock": func() { Main(steps.Catalogue()) }})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// Each script that needs a server gets its own, with the password of an administrator.
func TestServerScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/server",
		Setup: func(e *testscript.Env) error {
			_, plain := os.Stat(e.WorkDir + "/second-approval") // the script is about it
			dev := startDev(t, app.Settings{
				Data: app.NoData, Flows: e.WorkDir + "/server", AdminUser: "ann", AdminPassword: "correct horse battery", SecondApproval: plain == nil,
			})
			e.Setenv("PENSTOCK_URL", dev.url)
			e.Setenv("PENSTOCK_USER", "ann")
			e.Setenv("PENSTOCK_PASSWORD", "correct horse battery")
			if _, err := os.Stat(e.WorkDir + "/production"); err == nil { // the script needs a second one
				second := startDev(t, app.Settings{Data: app.NoData, Flows: e.WorkDir + "/production", AdminUser: "bob", AdminPassword: "staple battery horse"})
				e.Setenv("PENSTOCK_AT_STAGING_URL", dev.url)
				e.Setenv("PENSTOCK_AT_STAGING_USER", "ann")
				e.Setenv("PENSTOCK_AT_STAGING_PASSWORD", "correct horse battery")
				e.Setenv("PENSTOCK_AT_PRODUCTION_URL", second.url)
				e.Setenv("PENSTOCK_AT_PRODUCTION_USER", "bob")
				e.Setenv("PENSTOCK_AT_PRODUCTION_PASSWORD", "staple battery horse")
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
