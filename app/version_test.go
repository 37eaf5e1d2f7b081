package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// A program built from a checkout has its revision; two different builds without one have different versions.
func TestTheVersionIsTheRevision(t *testing.T) {
	t.Parallel()
	const revision = "244a7549d802a9766112e5777f1dbfdda22945ea"
	clean := []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "false"}}
	dirty := []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "true"}}
	for _, c := range []struct {
		name, module string
		settings     []debug.BuildSetting
		want         string
	}{
		{"a checkout", "v0.0.0-20261128132321-244a7549d802", clean, "244a7549d802"},
		{"a checkout with changes", "v0.0.0-20261128132321-244a7549d802+dirty", dirty, "244a7549d802+dirty"},
		{"an older Go", "(devel)", dirty, "244a7549d802+dirty"},
		{"a tag", "v1.2.3", clean, "v1.2.3"},
		{"a tag with changes", "v1.2.3+dirty", dirty, "v1.2.3+dirty"},
		{"go install", "v0.0.0-20261128132321-244a7549d802", nil, "v0.0.0-20261128132321-244a7549d802"},
		{"nothing", "(devel)", nil, ""},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.module}, Settings: c.settings}
		if got := recordedVersion(info); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A program that was built from a checkout names its revision, and two that
// were built without one can be told apart.
func TestBuildsHaveVersions(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the id of a build is read on Linux")
	}
	dir := t.TempDir()
	source, err := os.ReadFile("version.go")
	if err != nil {
		t.Fatal(err)
	}
	// version.go alone, with a main that prints what it says.
	text := strings.Replace(string(source), "package app", "package main", 1)
	text += "\nfunc main() { os.Stdout.WriteString(BuildVersion()) }\n"
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module x\n\ngo 1.26\n")
	write("main.go", text)
	command := func(name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.org")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	build := func(flags ...string) string {
		t.Helper()
		command("go", append(append([]string{"build", "-o", "program"}, flags...), ".")...)
		return command("./program")
	}
	first := build("-trimpath", "-ldflags", "-s -w -X main.version=devel")
	write("other.go", "package main\n\nvar Other = len(version)\n")
	second := build("-trimpath", "-ldflags", "-s -w -X main.version=devel")
	if first == second || !strings.HasPrefix(first, "devel-") || !strings.HasPrefix(second, "devel-") {
		t.Errorf("two builds without a revision are %q and %q", first, second)
	}
	if got := build("-ldflags", "-X main.version=1.2.3"); got != "1.2.3" {
		t.Errorf("a release is %q", got)
	}
	write(".gitignore", "program\n")
	command("git", "init", "-q")
	command("git", "add", ".")
	command("git", "commit", "-qm", "x")
	revision := command("git", "rev-parse", "HEAD")[:12]
	if got := build("-buildvcs=auto"); got != revision {
		t.Errorf("of a checkout: %q, want %q", got, revision)
	}
	write("other.go", "package main\n\nvar Another = len(version)\n")
	if got := build("-buildvcs=auto"); got != revision+"+dirty" {
		t.Errorf("of a checkout with changes: %q, want %q", got, revision+"+dirty")
	}
}
