// Package remote is the step kinds sftp and s3: files of other systems.
package remote

import (
	"context"
	"path"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// step is one step of a flow.
type step struct {
	connection string
	open       opener
	do         operation
}

// opener returns the files of a connection.
type opener func(ctx context.Context, in *flows.Input, connections flows.Connections) (flows.RemoteFiles, error)

// operation is one thing that a step does with files.
type operation interface {
	Effect() flows.Effect
	run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error)
}

// params returns the parameters of a kind.
func params(connection string, o flows.Operations) []flows.Param {
	return append([]flows.Param{{Name: "connection", Type: flows.TypeString, Names: flows.ResourceConnection, Required: true, Summary: connection}}, o.Params()...)
}

// Effect implements flows.Effecter.
func (s *step) Effect() flows.Effect { return s.do.Effect() }

// Run executes the operation for one item.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	connections := in.Env().Connections
	if connections == nil {
		return nil, failure.Errorf("there is no connection %q: no connections are configured here", s.connection)
	}
	files, err := s.open(ctx, in, connections)
	if err != nil {
		return nil, err
	}
	return s.do.run(ctx, in, files)
}

// maxPath is the maximum length of a path or key in bytes.
const maxPath = 1024

// renderPath renders the path of a file. A value in it cannot lead out of a directory.
func renderPath(ctx context.Context, in *flows.Input, what string, t *flows.Template) (string, error) {
	path, err := t.Text(ctx, in)
	switch {
	case err != nil:
		return "", err
	case path == "" || len(path) > maxPath:
		return "", failure.Errorf("%s has %d bytes, 1 to %d are allowed", what, len(path), maxPath)
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", failure.Errorf("%s has a control character in it", what)
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == ".." {
			return "", failure.Errorf("%s has .. in it: %.200q", what, path)
		}
	}
	return path, nil
}

// renderFile renders the path of a file, which is no directory.
func renderFile(ctx context.Context, in *flows.Input, what string, t *flows.Template) (string, error) {
	path, err := renderPath(ctx, in, what, t)
	if err == nil && strings.HasSuffix(path, "/") {
		err = failure.Errorf("%s names a directory: %.200q", what, path)
	}
	return path, err
}

// renderBoth renders the paths of an operation with two. A target that ends with / is the directory for the file.
func renderBoth(ctx context.Context, in *flows.Input, what string, from, to *flows.Template) (source, target string, err error) {
	if source, err = renderFile(ctx, in, what, from); err != nil {
		return "", "", err
	}
	if target, err = renderPath(ctx, in, "to", to); err == nil && strings.HasSuffix(target, "/") {
		target += path.Base(source)
	}
	return source, target, err
}
