package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"penstock/flows"
)

// Problem is why the file of a flow was not deployed.
type Problem struct {
	File string
	Err  error // flows.Problems when the file is at fault; ErrNoFlow when it is something else
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %v", p.File, p.Err) }

// Deployed is a file whose flow is now the current version.
type Deployed struct {
	File    string
	Flow    *flows.Flow
	Changed bool // it was another version before, or none
}

// LoadFS deploys every flow file at the top of a directory: *.yaml, *.yml and
// *.json but not *.schema.json. A broken file takes nothing down: it is in the
// problems, and what was deployed from it before stays. The flows of files
// that are gone stay deployed, too. The error is that of Redis or of reading
// the directory.
func (f *Flows) LoadFS(ctx context.Context, dir fs.FS) (deployed []Deployed, problems []Problem, err error) {
	files, err := flowFiles(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("load flows: %w", err)
	}
	parsed, problems := f.parseAll(dir, files)
	for _, d := range parsed {
		head, _ := f.Head(fmt.Sprint(d.Flow.Number))
		d.Changed = head.Version != d.Flow.Version
		_, err := f.Deploy(ctx, d.Flow)
		var conflict *ConflictError
		switch {
		case errors.As(err, &conflict):
			problems = append(problems, Problem{d.File, err})
		case err != nil:
			return deployed, problems, fmt.Errorf("load flows: %w", err)
		default:
			deployed = append(deployed, d)
		}
	}
	return deployed, problems, nil
}

func flowFiles(dir fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && IsFlowFile(e.Name()) {
			files = append(files, e.Name())
		}
	}
	return files, nil
}

// IsFlowFile reports whether a file of this name is taken for a flow.
func IsFlowFile(name string) bool {
	name = path.Base(name)
	hidden := strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".schema.json")
	return !hidden && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name))
}

// ErrNoFlow is the problem of a file in a directory of flows that is something
// else: a package.json, a docker-compose.yml.
var ErrNoFlow = errors.New("it is no flow, as it has neither `flow` nor `steps` at its top")

var flowKey = regexp.MustCompile(`(?m)^(\s*\{)?["']?(flow|steps)["']?\s*:|"(flow|steps)"\s*:`)

// IsFlow reports whether the content of a file looks as if a flow was meant,
// with or without mistakes.
func IsFlow(source []byte) bool { return flowKey.Match(source) }

// parseAll parses the files. Two files with one number are both refused:
// whichever came last would win, differently at each start.
func (f *Flows) parseAll(dir fs.FS, files []string) (parsed []Deployed, problems []Problem) {
	owners := map[int64][]string{}
	for _, file := range files {
		flow, err := f.parseFile(dir, file)
		if err != nil {
			problems = append(problems, Problem{file, err})
			continue
		}
		parsed = append(parsed, Deployed{File: file, Flow: flow})
		owners[flow.Number] = append(owners[flow.Number], file)
	}
	parsed = slices.DeleteFunc(parsed, func(d Deployed) bool {
		same := owners[d.Flow.Number]
		if len(same) > 1 {
			problems = append(problems, Problem{d.File, fmt.Errorf("flow %d is in several files: %s", d.Flow.Number, strings.Join(same, ", "))})
		}
		return len(same) > 1
	})
	return parsed, problems
}

func (f *Flows) parseFile(dir fs.FS, file string) (*flows.Flow, error) {
	source, err := fs.ReadFile(dir, file)
	if err != nil {
		return nil, err
	}
	if !IsFlow(source) {
		return nil, ErrNoFlow
	}
	return flows.Parse(file, source, f.store.config.Catalogue)
}
