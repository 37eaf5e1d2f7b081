package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

// Rights are given and taken one by one, on a server.
func TestFolderGrants(t *testing.T) {
	t.Parallel()
	dev := startDev(t, app.Settings{Data: app.NoData, Flows: t.TempDir()})
	e := command.Env{app.EnvURL: dev.url, app.EnvUser: greetingValue(t, dev.said, "user"), app.EnvPassword: greetingValue(t, dev.said, "password")}
	call := func(args string) (string, error) {
		t.Helper()
		var out bytes.Buffer
		cmd := newRoot(e, steps.Catalogue())
		cmd.SetArgs(strings.Fields(args))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	for _, step := range []struct{ args, want string }{
		{"folder grant crm/contacts group:team see run", `group:team`},
		{"folder grant crm/contacts group:team edit", "edit"},
		{"folder grant / group:others see", "group:others"},
		{"folder list", "crm/contacts"},
		{"folder revoke crm/contacts group:team run", "see"},
		{"folder show crm/contacts --json", `"edit"`},
		{"folder revoke crm/contacts group:team", "none"},
	} {
		out, err := call(step.args)
		if err != nil || !strings.Contains(out, step.want) {
			t.Errorf("%s: %v: %s", step.args, err, out)
		}
		if strings.HasPrefix(step.args, "folder show") && (strings.Contains(strings.Split(out, `"grants"`)[1], `"run"`) || !strings.Contains(out, `"see"`)) {
			t.Errorf("the rights that are left: %s", out)
		}
	}
	for _, args := range []string{"folder revoke crm/contacts group:team", "folder grant crm user:nobody see", "folder grant crm group:x fly", "folder grant CRM group:x see", "folder grant crm group:x"} {
		if out, err := call(args); err == nil {
			t.Errorf("%s: %s", args, out)
		}
	}
}
