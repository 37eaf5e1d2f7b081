package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/store"
)

func newAudit(e command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Show, export and verify the audit log", Long: "Show, export and verify the audit log.\n\n" + command.RemoteHelp}
	cmd.AddCommand(newAuditList(e), newAuditExport(e), newAuditVerify(e))
	return cmd
}

// auditChoice are the flags that choose entries.
type auditChoice map[string]*string

func addAuditChoice(cmd *cobra.Command) auditChoice {
	c := auditChoice{}
	for _, f := range [][2]string{
		{"who", "what this `person`, key or client did: part of the name, or user:ann"}, {"what", "`part` of the operation: changeUser, connections"},
		{"kind", "`kind` of what was acted on: flow, run, user, key, client, connection, secret, var, queue"}, {"object", "`id` of what was acted on"},
		{"outcome", "`outcome`: done, refused or failed"}, {"via", "through `what`: console, portal, token, password, signature, cli, mcp, system"},
		{"from", "from this `time` on: 2026-11-30 or 2026-11-30T18:00:00Z"}, {"to", "up to this `time`"}, {"q", "that contain this `text`"},
	} {
		c[f[0]] = cmd.Flags().String(f[0], "", f[1])
	}
	return c
}

func (c auditChoice) into(query url.Values) {
	for name, value := range c {
		if *value != "" {
			query.Set(name, *value)
		}
	}
}

func newAuditList(e command.Env) *cobra.Command {
	cmd := newListOf(e, "list", "List actions, the newest first", func([]string) string { return auditPath }, []command.Column{
		{"at", "at"}, {"actor", "actor"}, {"act", "act"}, {"object", "object"}, {"outcome", "outcome"}, {"status", "status"}, {"from", "ip"},
	})
	return cmd
}

// auditPath is the path of the audit log.
const auditPath = "/v1/audit"

func newAuditExport(e command.Env) *cobra.Command {
	var file, format string
	cmd := &cobra.Command{
		Use: "export", Short: "Write entries of the audit log, the oldest first", Args: command.ExactArgs(0),
		Long: "Write entries of the audit log, the oldest first, as lines of JSON or as CSV. Lines of JSON that were\n" +
			"chosen by time alone can be verified: penstock audit verify --file.",
		Example: "  penstock audit export --from 2026-11-01 -o audit.jsonl\n  penstock audit export --kind connection --format csv",
	}
	c, choice := newCall(e, cmd), addAuditChoice(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `file` instead of to standard output")
	cmd.Flags().StringVar(&format, "format", "jsonl", "`format`: jsonl or csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{"format": {format}}
		choice.into(query)
		server, err := c.client()
		if err != nil {
			return err
		}
		answer, err := server.Stream(cmd.Context(), auditPath+"/export?"+query.Encode(), "*/*")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		out := cmd.OutOrStdout()
		if file != "" {
			f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
			if err != nil {
				return fmt.Errorf("open export: %w", err)
			}
			defer f.Close()
			out = f
		}
		if _, err := io.Copy(out, answer.Body); err != nil {
			return fmt.Errorf("the export ended early: %w", err)
		}
		return nil
	}
	return cmd
}

// errUnverified is the error of an audit log that is not as it was written.
var errUnverified = errors.New("the audit log is not as it was written")

func newAuditVerify(e command.Env) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that the audit log is as it was written", Args: command.ExactArgs(0),
		Long: "Check that the audit log of a server is as it was written: no entry changed, missing, inserted or out of\n" +
			"order, and each signed. With --file an exported file is checked, without a server: with the signatures if\n" +
			app.EnvMasterKey + " is set, else only the chain of hashes, which whoever can write the file can make\n" +
			"anew. Several files are checked as one, in the order in which they are given.",
		Example: "  penstock audit verify\n  penstock audit verify --file audit.jsonl.1 --file audit.jsonl",
	}
	c := newCall(e, cmd)
	cmd.Flags().StringArrayVar(&files, "file", nil, "check this exported `file` of lines of JSON; - is the standard input")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		var r audit.Report
		if len(files) > 0 {
			r, err = verifyFiles(e, cmd, files)
		} else {
			r, err = verifyServer(cmd, c)
		}
		if err != nil {
			return err
		}
		if c.asJSON {
			text, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				return fmt.Errorf("encode report: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), string(text))
		} else {
			printAudit(cmd.OutOrStdout(), &r)
		}
		if !r.OK {
			return errUnverified
		}
		return nil
	}
	return cmd
}

func verifyServer(cmd *cobra.Command, c *remoteCall) (r audit.Report, err error) {
	server, err := c.client()
	if err != nil {
		return r, err
	}
	text, err := server.Raw(cmd.Context(), http.MethodGet, auditPath+"/verify", nil)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// maxLine is the maximum length of a line in bytes, far above that of an entry.
const maxLine = 4 << 20

func verifyFiles(e command.Env, cmd *cobra.Command, files []string) (r audit.Report, err error) {
	v := &audit.Verifier{Repeats: true}
	text, err := e.Secret(app.EnvMasterKey)
	if err != nil {
		return r, err
	}
	if text != "" {
		keys, err := store.ParseMasterKeys(text)
		if err != nil {
			return r, fmt.Errorf("%s: %w", app.EnvMasterKey, err)
		}
		sealer, err := store.NewSealer(keys...)
		if err != nil {
			return r, err
		}
		v.Keys = sealer.AuditKeys()
	}
	unreadable := 0
	for _, name := range files {
		more, n, err := verifyFile(cmd, v, name)
		if err != nil {
			return r, err
		}
		if unreadable += n; !more {
			break
		}
	}
	r = v.Report()
	if unreadable > 0 {
		r.Warning = fmt.Sprintf("%d lines are no entries.", unreadable)
	}
	if len(v.Keys) == 0 {
		r.Warning += " The signatures were not checked: " + app.EnvMasterKey + " is not set."
	}
	return r, nil
}

// verifyFile checks the entries of a file, and returns whether more may follow, and how many lines are none.
func verifyFile(cmd *cobra.Command, v *audit.Verifier, name string) (more bool, unreadable int, err error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return false, 0, fmt.Errorf("open audit file: %w", err)
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		entry, err := audit.ParseEntry(slices.Clone(lines.Bytes()))
		if err != nil {
			unreadable++
			continue
		}
		if !v.Add(entry) {
			return false, unreadable, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, unreadable, fmt.Errorf("read audit file: %w", err)
	}
	return true, unreadable, nil
}

func printAudit(w io.Writer, r *audit.Report) {
	if r.From != 0 {
		fmt.Fprintf(w, "entries %d to %d are as they were written\n", r.From, r.To)
	}
	switch {
	case r.SignedTo != 0:
		fmt.Fprintf(w, "signatures vouch for all up to entry %d\n", r.SignedTo)
	case r.Entries > 0:
		fmt.Fprintln(w, "no signature was checked")
	}
	if r.Start != nil {
		fmt.Fprintf(w, "entries up to %d were removed by age or number: a signed note says so\n", r.Start.Seq)
	}
	for _, c := range r.Cuts {
		fmt.Fprintf(w, "entries %d to %d were removed before the history had them: a signed note says so\n", c.From, c.Seq)
	}
	if r.Before > 0 {
		fmt.Fprintf(w, "%d entries before them are of a version without the chain\n", r.Before)
	}
	if r.UnknownKeys != nil {
		fmt.Fprintf(w, "entries are signed with master keys that are not configured any more: %v\n", r.UnknownKeys)
	}
	if r.Warning != "" {
		fmt.Fprintln(w, r.Warning)
	}
	if r.Fault != nil {
		fmt.Fprintf(w, "first that is wrong: %s\n", r.Fault)
	}
}
