package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// commands are the commands that run processes, as named in the reference.
var commands = []struct {
	name string
	role Role
}{
	{"dev", Role{API: true, Worker: true, Dev: true}},
	{"api", Role{API: true}},
	{"worker", Role{Worker: true}},
	{"server", Role{API: true, Worker: true, Server: true}},
}

func flagsOf(r Role) *pflag.FlagSet {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Settings).AddFlags(flags, r)
	return flags
}

var settingRow = regexp.MustCompile("(?m)^\\| (?:`--([a-z-]+)`)? \\| (?:`([A-Z_]+)`)?[^|]*\\| ([^|]*?) ?\\| (.*) \\|$")

// The table of settings contains every flag with its variable, its default and its commands, and nothing else.
func TestTheConfigurationReferenceIsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, row := range settingRow.FindAllStringSubmatch(string(text), -1) {
		if row[1] == "" {
			continue // a variable without a flag
		}
		if rows[row[1]] != nil {
			t.Errorf("--%s has two rows", row[1])
		}
		rows[row[1]] = row
	}
	all := flagsOf(commands[0].role) // dev takes all that the others take
	all.VisitAll(func(f *pflag.Flag) {
		row := rows[f.Name]
		if row == nil {
			t.Errorf("--%s has no row", f.Name)
			return
		}
		if row[2] != Variable(f.Name) {
			t.Errorf("--%s is said to be %s, but is %s", f.Name, row[2], Variable(f.Name))
		}
		checkDefault(t, f, strings.Trim(row[3], "`"))
		if said, is := listedCommands(row[4]), commandsWithFlag(f.Name); !slices.Equal(said, is) && (len(said) > 0 || len(is) < len(commands)) {
			t.Errorf("--%s is said to be taken by %v, but is by %v", f.Name, said, is)
		}
		delete(rows, f.Name)
	})
	for name := range rows {
		t.Errorf("--%s has a row and does not exist", name)
	}
}

// checkDefault compares the documented default with that of the flag. An empty default is described in words.
func checkDefault(t *testing.T, f *pflag.Flag, said string) {
	t.Helper()
	switch is := f.DefValue; {
	case f.Name == "metrics-listen": // dev picks an address, the others have none
	case is == "" || is == "[]":
		if f.Value.Type() == "string" || said == "" || said == "none" {
			return
		}
		t.Errorf("--%s is said to be %q by default, but is empty", f.Name, said)
	case is == "false":
		if said != "off" {
			t.Errorf("--%s is said to be %q by default, but is off", f.Name, said)
		}
	default:
		if err := f.Value.Set(said); err != nil || f.Value.String() != is {
			t.Errorf("--%s is said to be %q by default, but is %q (%v)", f.Name, said, is, err)
		}
	}
}

var commandNames = regexp.MustCompile("^(`[a-z]+`(, )?)+:")

// listedCommands returns the commands before the colon of a description.
func listedCommands(text string) (names []string) {
	said := commandNames.FindString(text)
	for _, c := range commands {
		if strings.Contains(said, "`"+c.name+"`") {
			names = append(names, c.name)
		}
	}
	return names
}

func commandsWithFlag(flag string) (names []string) {
	for _, c := range commands {
		if flagsOf(c.role).Lookup(flag) != nil {
			names = append(names, c.name)
		}
	}
	return names
}
