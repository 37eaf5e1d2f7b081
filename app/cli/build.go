package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
)

// programPath is the path of Penstock's Go module.
const programPath = "github.com/penstock/penstock"

// moduleName is the form of the name of a module of Penstock's own, under modules/.
var moduleName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// builtModule is a module of a program to build.
type builtModule struct {
	path    string // of the Go package
	version string // empty: that of dir, or the newest
	dir     string // a checkout; empty: the module is downloaded
}

func newBuild() *cobra.Command {
	var with []string
	var out, source, version string
	cmd := &cobra.Command{
		Use:   "build --with MODULE[,MODULE…] -o FILE",
		Short: "Build a Penstock with modules",
		Long: "Build a Penstock with modules: step kinds, types of connections and triggers. Needs Go. MODULE is the name of one of\n" +
			"Penstock's own, such as kafka, or the path of a Go package with a function Module, with a version (@v1.2.3) or\n" +
			"the directory of its checkout (=DIRECTORY) after it.",
		Args: command.ExactArgs(0),
	}
	f := cmd.Flags()
	f.StringSliceVar(&with, "with", nil, "`module` of the program; several are separated by commas")
	f.StringVarP(&out, "output", "o", "", "`file` for the program")
	f.StringVar(&source, "source", "", "`directory` of a checkout of Penstock; default: the module of --version is downloaded")
	f.StringVar(&version, "version", "", "`version` of Penstock to download; default: that of this program")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case len(with) == 0:
			return command.Invalid(errors.New("--with is missing: name a module"))
		case out == "":
			return command.Invalid(errors.New("--output is missing: name a file"))
		case source != "" && version != "":
			return command.Invalid(errors.New("--source and --version exclude each other"))
		}
		if version = cmp.Or(version, app.BuildVersion()); source == "" && !strings.HasPrefix(version, "v") {
			return command.Invalid(fmt.Errorf("this program is no release (%s): name a checkout with --source, or a release with --version", version))
		}
		modules := make([]builtModule, len(with))
		for i, text := range with {
			m, err := readModule(text, source, version)
			if err != nil {
				return command.Invalid(err)
			}
			modules[i] = m
		}
		return buildProgram(cmd.Context(), cmd.ErrOrStderr(), modules, source, version, out)
	}
	return cmd
}

// readModule reads a value of --with.
func readModule(text, source, version string) (m builtModule, err error) {
	text, m.dir, _ = strings.Cut(text, "=")
	m.path, m.version, _ = strings.Cut(text, "@")
	if moduleName.MatchString(m.path) {
		name := m.path
		if m.path = programPath + "/modules/" + name; source == "" {
			m.version = cmp.Or(m.version, version)
		} else {
			m.dir = cmp.Or(m.dir, filepath.Join(source, "modules", name))
		}
	}
	switch {
	case m.path != path.Clean(m.path) || !strings.Contains(m.path, "/") || strings.ContainsAny(m.path, "\"'` \t\n"):
		return m, fmt.Errorf("--with: %q is neither the name of a module nor the path of a Go package", text)
	case m.dir == "":
		return m, nil
	}
	if _, err := os.Stat(filepath.Join(m.dir, "go.mod")); err != nil {
		return m, fmt.Errorf("--with: there is no module %s: %w", text, err)
	}
	m.dir, err = filepath.Abs(m.dir)
	return m, err
}

// buildProgram writes the program in a temporary directory and builds it.
func buildProgram(ctx context.Context, log io.Writer, modules []builtModule, source, version, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "penstock-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	main, err := format.Source(mainSource(modules))
	if err != nil {
		return fmt.Errorf("write main.go: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), main, 0o644); err != nil {
		return err
	}
	commands := [][]string{{"mod", "init", "penstock"}}
	edit, get := []string{"mod", "edit"}, []string{"get"}
	if source == "" {
		get = append(get, programPath+"@"+version)
	} else {
		if source, err = filepath.Abs(source); err != nil {
			return err
		}
		forks, err := forksOf(ctx, source, modules)
		if err != nil {
			return err
		}
		edit = append(append(edit, forks...), "-require="+programPath+"@v0.0.0", "-replace="+programPath+"="+source)
	}
	for _, m := range modules {
		switch {
		case m.dir != "":
			edit = append(edit, "-require="+m.path+"@v0.0.0", "-replace="+m.path+"="+m.dir)
		default:
			get = append(get, m.path+"@"+cmp.Or(m.version, "latest"))
		}
	}
	if len(edit) > 2 {
		commands = append(commands, edit)
	}
	if len(get) > 1 {
		commands = append(commands, get)
	}
	build := []string{"build", "-trimpath", "-ldflags", "-s -w -X " + programPath + "/app.version=" + version, "-o", out, "."}
	for _, args := range append(commands, []string{"mod", "tidy"}, build) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go %s: %w", args[0], err)
		}
	}
	return nil
}

// goMod is a part of a go.mod.
type goMod struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []struct{ Old, New struct{ Path string } }
}

func readGoMod(ctx context.Context, dir string) (file goMod, err error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json")
	cmd.Dir = dir
	text, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return file, fmt.Errorf("read go.mod of %s: %w", dir, err)
	}
	return file, nil
}

// forksOf returns the arguments of go mod edit for the changed modules of a checkout, which make the program smaller. A module of
// which another one imports packages itself is not among them: a fork may have names only.
func forksOf(ctx context.Context, source string, modules []builtModule) (args []string, err error) {
	whole := map[string]bool{}
	for _, m := range modules {
		if m.dir == "" {
			continue
		}
		file, err := readGoMod(ctx, m.dir)
		if err != nil {
			return nil, err
		}
		for _, r := range file.Require {
			whole[r.Path] = whole[r.Path] || !r.Indirect
		}
	}
	file, err := readGoMod(ctx, source)
	if err != nil {
		return nil, err
	}
	for _, r := range file.Replace {
		if strings.HasPrefix(r.New.Path, "./") && !whole[r.Old.Path] {
			args = append(args, "-replace="+r.Old.Path+"="+filepath.Join(source, r.New.Path))
		}
	}
	return args, nil
}

// mainSource returns the program's main.go.
func mainSource(modules []builtModule) []byte {
	var imports, calls bytes.Buffer
	for i, m := range modules {
		fmt.Fprintf(&imports, "\tm%d %q\n", i, m.path)
		fmt.Fprintf(&calls, "m%d.Module(),", i)
	}
	return fmt.Appendf(nil, "// Command penstock is Penstock with modules.\npackage main\n\nimport (\n\t%q\n\t%q\n%s)\n\nfunc main() { cli.Main(steps.Catalogue().Add(%s)) }\n",
		programPath+"/app/cli", programPath+"/flows/steps", &imports, &calls)
}
