package remote

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// SFTP lists, reads and writes the files of an SFTP server.
func SFTP() flows.Kind {
	o := flows.Operations{Names: sftpOperations(), Options: sftpOptions()}
	return flows.Kind{
		Name:       "sftp",
		Summary:    "Lists, gets, puts, moves or deletes files of an SFTP server.",
		Doc:        sftpDoc,
		Params:     params("Name of the server's connection.", o),
		Example:    "sftp: {connection: bank, get: /outgoing/statement.csv}\ntimeout: 5m",
		Effect:     flows.Idempotent,
		ThroughEnv: true,
		New: func(args *flows.Args) (flows.Runner, error) {
			name, err := o.Chosen(args)
			if err != nil {
				return nil, err
			}
			s := &step{connection: args.String("connection")}
			s.open = func(ctx context.Context, _ *flows.Input, connections flows.Connections) (flows.RemoteFiles, error) {
				return connections.SFTP(ctx, s.connection)
			}
			s.do, err = newSFTP(name, args)
			return s, err
		},
	}
}

func sftpOperations() []flows.Param {
	return []flows.Param{
		{Name: "list", Summary: "Directory whose files to list, `.` for that of the login."},
		{Name: "get", Summary: "Path of the file that becomes a file of the run."},
		{Name: "put", Summary: "Path of the file to write."},
		{Name: "move", Summary: "Path of the file to rename to `to`."},
		{Name: "delete", Summary: "Path of the file to delete."},
	}
}

func sftpOptions() []flows.Option {
	all := append(append(listOptions(), getOptions()...), putOptions()...)
	return append(all,
		flows.Option{Param: flows.Param{Name: "to", Type: flows.TypeTemplate, Summary: "With move: the new path; one that ends with / is the directory for the file."}, Of: []string{"move"}},
		flows.Option{Param: flows.Param{Name: "overwrite", Type: flows.TypeBool, Default: "true for put, false for move", Summary: "Whether a file that has the path already is replaced."}, Of: []string{"put", "move"}},
		flows.Option{Param: flows.Param{Name: "parents", Type: flows.TypeBool, Default: "false", Summary: "Creates the directories that are missing."}, Of: []string{"put", "move"}},
	)
}

func newSFTP(name string, args *flows.Args) (operation, error) {
	o := flows.MoveOptions{Keep: args.Has("overwrite") && !args.Bool("overwrite"), Parents: args.Bool("parents")}
	switch name {
	case "get":
		return newGet(args)
	case "put":
		p, err := newPut(args)
		if err != nil {
			return nil, err
		}
		p.options, p.part = o, sftpPart
		return p, nil
	case "move":
		if !args.Has("to") {
			return nil, args.Refuse(problem.RequiredKey, "move", "to is missing: the new path")
		}
		o.Keep = !args.Bool("overwrite")
		return &move{args.Template("move"), args.Template("to"), o}, nil
	case "delete":
		return remove{args.Template("delete")}, nil
	}
	return newList(args)
}

// move renames a file.
type move struct {
	from, to *flows.Template
	options  flows.MoveOptions
}

// Effect implements operation.
func (*move) Effect() flows.Effect { return flows.Idempotent }

func (m *move) run(ctx context.Context, in *flows.Input, files flows.RemoteFiles) ([]any, error) {
	from, to, err := renderBoth(ctx, in, "move", m.from, m.to)
	if err != nil {
		return nil, err
	}
	if err := files.(flows.SFTPServer).Move(ctx, from, to, m.options); err != nil {
		return nil, err
	}
	return []any{map[string]any{"path": to}}, nil
}

const sftpDoc = `| | puts out |
|---|---|
| ` + "`list`" + ` | an item for each file, by path: ` + "`{path, name, size, modified}`" + `, none without files. Directories, links and what ` + "`put`" + ` has not completed are left out |
| ` + "`get`" + ` | the file as [a file of the run](files.md), which ` + "`read_file`" + ` and other steps take |
| ` + "`put`" + ` | ` + "`{path, size}`" + ` |
| ` + "`move`, `delete`" + ` | ` + "`{path}`" + `, of ` + "`move`" + ` the new one |

` + "`as`" + ` keeps the item beside it.

**Put** writes under a temporary name in the same directory, ` + "`.NAME.….part`" + `, and renames the file when it is complete, so that
no reader gets a part of it. After a loss of the server's connection such a file may stay; ` + "`list`" + ` leaves it out, and the next attempt of the run replaces it. A server without ` + "`posix-rename@openssh.com`" + ` (OpenSSH has it) cannot replace a file in one step: the old one is
deleted first. Paths have no ` + "`..`" + `, so that a name that comes from outside leads into no other directory. In names that are not UTF-8 a character from U+F780 to U+F7FF stands for each odd byte, so that they can be passed on and got.

**Again.** An operation may be repeated, by ` + "`retry`" + ` or after the loss of a worker: ` + "`put`" + ` writes the same file, a file that is not
there is deleted, and a file that is gone while its new path is there has been moved. Only ` + "`put`" + ` with ` + "`overwrite: false`" + ` happens once: after the loss of a worker the run is
uncertain. ` + "`retry: 3`" + ` tries again when the server cannot be reached
or the connection breaks; not when it refuses the login, has another host key, or has no such file.

**Time.** Connecting and logging in have 10 s; a transfer may take as long as the step's ` + "`timeout`" + `. Up to ` + "`max_connections`" + ` of a worker
are open at once, and kept for 5 minutes.

**New files, each once**: [a poll](triggers.md#new-files) lists with ` + "`settle`" + `, finds with ` + "`changes`" + ` what is new, and starts a run for each.

` + "```yaml" + `
- sftp: {connection: bank, list: /outgoing, match: "*.csv", settle: 10s}
- sftp: {connection: bank, get: "${ .path }"}
  as: csv
- sftp: {connection: bank, put: "/incoming/${ .name }", file: "${ .csv }"}
  as: sent
- sftp: {connection: bank, move: "${ .path }", to: /outgoing/done/, parents: true}
` + "```" + `
`
