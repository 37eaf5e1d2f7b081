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

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/connectors"
	"github.com/penstock/penstock/flows/problem"
)

// Problem is the reason for which the file of a flow was not deployed.
type Problem struct {
	File string
	Err  error // problem.List for errors in the file; ErrNoFlow for other files
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %v", p.File, p.Err) }

// Deployed is a file whose flow is now the current version.
type Deployed struct {
	File    string
	Number  int64
	Slug    string
	Version string // the previous version was another one, or there was none
	Changed bool   // it was another version before, or none

	Flow *flows.Flow // nil: deployed before and not compiled again
}

// LoadFS deploys all flow files at the top of a directory (*.yaml, *.yml and *.json but not *.schema.json) in one
// transaction. They may use the connectors in its directory "connectors". A file that is the current version of a flow is not compiled. An invalid file is reported in problems
// and changes nothing; its previous version stays deployed. Flows of removed files stay deployed. The error is that
// of Redis or of reading the directory.
func (f *Flows) LoadFS(ctx context.Context, dir fs.FS) (deployed []Deployed, problems []Problem, err error) {
	files, err := flowFiles(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("load flows: %w", err)
	}
	if _, err := f.store.fresh(ctx); err != nil {
		return nil, nil, fmt.Errorf("load flows: %w", err)
	}
	parsed, broken := f.parseAll(dir, files)
	err = f.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		var heads []pendingDeployment
		deployed, problems, heads = f.store.decideAll(v, parsed)
		if len(heads) == 0 {
			return nil, nil
		}
		return func(w *transactionWrites) {
			for _, h := range heads {
				w.deploy(ctx, v, h.Deployment, h.flow)
			}
		}, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load flows: %w", err)
	}
	return deployed, append(broken, problems...), nil
}

// pendingDeployment is the new head of a flow.
type pendingDeployment struct {
	Deployment
	flow *flows.Flow
}

// decideAll decides on the flows of a directory one after the other, each with the previous decisions applied. heads
// are the heads to write.
func (s *Store) decideAll(v *snapshot, parsed []Deployed) (deployed []Deployed, problems []Problem, heads []pendingDeployment) {
	after := v.clone()
	for _, d := range parsed {
		d.Changed = false
		if d.Flow == nil {
			deployed = append(deployed, d)
			continue
		}
		head, err := s.deployDecision(d.Flow, Change{})(after)
		if err != nil {
			problems = append(problems, Problem{d.File, inFile(err, d.File)})
			continue
		}
		if head != nil {
			d.Changed = after.version(head.Number, head.Version) == nil
			heads = append(heads, pendingDeployment{*head, d.Flow})
			after.add(&deployedFlow{Deployment: *head})
		}
		deployed = append(deployed, d)
	}
	return deployed, problems, heads
}

// inFile names the file in the problems of a flow.
func inFile(err error, file string) error {
	var problems problem.List
	if errors.As(err, &problems) {
		problems = slices.Clone(problems)
		for i := range problems {
			problems[i].File = file
		}
		return problems
	}
	return err
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

// IsFlowFile reports whether a file of this name is read as a flow.
func IsFlowFile(name string) bool {
	name = path.Base(name)
	hidden := strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".schema.json")
	return !hidden && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name))
}

// ErrNoFlow reports a file in a directory of flows that is not a flow, such as package.json or docker-compose.yml.
var ErrNoFlow = errors.New("it is no flow, as it has neither `flow` nor `steps` at its top")

var flowKey = regexp.MustCompile(`(?m)^(\s*\{)?["']?(flow|steps)["']?\s*:|"(flow|steps)"\s*:`)

// IsFlow reports whether the content of a file seems to be a flow, valid or not.
func IsFlow(source []byte) bool { return flowKey.Match(source) }

// parseAll reads the files and compiles those that are not deployed. Two files with the same number are both
// rejected, because the order of reading would decide which one applies.
func (f *Flows) parseAll(dir fs.FS, files []string) (parsed []Deployed, problems []Problem) {
	current := f.store.snapshot.Load().byVersion(f.store.fingerprint)
	kinds := f.store.config.Catalogue
	if own, err := fs.Sub(dir, connectors.Directory); err == nil {
		kinds = kinds.WithConnectors(connectors.In(own, connectors.Directory, kinds.Connectors()))
	}
	owners := map[int64][]string{}
	for _, file := range files {
		d, err := f.parseFile(dir, file, current, kinds)
		if err != nil {
			problems = append(problems, Problem{file, err})
			continue
		}
		parsed = append(parsed, d)
		owners[d.Number] = append(owners[d.Number], file)
	}
	parsed = slices.DeleteFunc(parsed, func(d Deployed) bool {
		same := owners[d.Number]
		if len(same) > 1 {
			problems = append(problems, Problem{d.File, fmt.Errorf("flow %d is in several files: %s", d.Number, strings.Join(same, ", "))})
		}
		return len(same) > 1
	})
	return parsed, problems
}

func (f *Flows) parseFile(dir fs.FS, file string, current map[string]Deployment, kinds *flows.Catalogue) (Deployed, error) {
	if info, err := fs.Stat(dir, file); err == nil && !info.Mode().IsRegular() { // opening a pipe waits for a writer
		return Deployed{}, errors.New("it is no file")
	}
	source, err := fs.ReadFile(dir, file)
	if err != nil {
		return Deployed{}, err
	}
	if !IsFlow(source) {
		return Deployed{}, ErrNoFlow
	}
	if head, there := current[flows.VersionOf(source)]; there {
		return Deployed{File: file, Number: head.Number, Slug: head.Slug, Version: head.Version}, nil
	}
	flow, err := flows.Parse(file, source, kinds)
	if err != nil {
		return Deployed{}, err
	}
	return Deployed{File: file, Number: flow.Number, Slug: flow.Slug, Version: flow.Version, Flow: flow}, nil
}
