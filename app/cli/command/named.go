package command

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
)

// NamedHelp says what the names of environments are, for commands that call several servers.
const NamedHelp = "An environment is a context of `penstock login --name NAME`, or the variables " + app.NamedPrefix + "NAME_URL\n" +
	"and " + app.NamedPrefix + "NAME_TOKEN (or _USER and _PASSWORD, or _API_KEY and _API_SECRET, each also _FILE), with\n" +
	"the name in capital letters."

var environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$`)

// RemoteNamed returns the client of the environment with that name, and its URL. The credentials of other environments, and those of commands
// with one server, are not sent to it.
func (e Env) RemoteNamed(name string) (*client.Client, string, error) {
	if !environmentName.MatchString(name) {
		return nil, "", Invalid(fmt.Errorf("%.40q is no name of an environment", name))
	}
	prefix := app.NamedPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_", ":", "_").Replace(name)) + "_"
	if url := e[prefix+"URL"]; url != "" {
		c, err := e.connect(url, prefix, nil, nil)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		return c, url, nil
	}
	known, err := ReadContexts()
	if err != nil {
		return nil, "", err
	}
	kept := known.All[name]
	if kept == nil {
		return nil, "", Invalid(fmt.Errorf("there is no environment %q: `penstock login URL --name %s`, or set %sURL and %sTOKEN", name, name, prefix, prefix))
	}
	c, err := Env{}.connect(kept.URL, app.EnvPrefix, kept, nil)
	return c, kept.URL, err
}
