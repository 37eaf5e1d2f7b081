package steps_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/blob/blobtest"
	"github.com/penstock/penstock/internal/testenv"
)

// newSFTPWorld returns a world with the connection "bank", and a file of its run.
func newSFTPWorld(t *testing.T, server *testenv.SFTPServer, content []byte) (*world, map[string]any) {
	t.Helper()
	w := newWorld(t)
	w.connect("bank", "sftp", server.Settings())
	files, file := newFiles(t, content)
	w.env.Files = files
	return w, file
}

// onServers runs a test with the server in this process and with OpenSSH's, if it is installed.
func onServers(t *testing.T, test func(t *testing.T, server *testenv.SFTPServer)) {
	t.Helper()
	for name, start := range map[string]func(t *testing.T) *testenv.SFTPServer{
		"in process": func(t *testing.T) *testenv.SFTPServer { return testenv.SFTP(t, nil) },
		"OpenSSH":    func(t *testing.T) *testenv.SFTPServer { return testenv.OpenSSH(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func TestSFTP(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, server *testenv.SFTPServer) {
		content := blobtest.Content(3*blob.Chunk + 7)
		w, file := newSFTPWorld(t, server, content)
		data := map[string]any{"dir": server.Dir, "doc": file}
		step := func(text string) string { return w.must("sftp: {connection: bank, "+text+"}", data) }

		if got := step(`list: "${ .dir }"`); got != `[]` {
			t.Errorf("an empty directory: %s", got)
		}
		want := fmt.Sprintf(`[{"path":"%s/in/new/a.bin","size":%d}]`, server.Dir, len(content))
		if got := step(`put: "${ .dir }/in/new/a.bin", file: "${ .doc }", parents: true`); got != want {
			t.Errorf("put: %s", got)
		}
		if got, err := os.ReadFile(filepath.Join(server.Dir, "in/new/a.bin")); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes were written, %v", len(got), err)
		}
		step(`put: "${ .dir }/in/b.csv", content: "id\n1\n"`)
		step(`put: "${ .dir }/in/b.csv", content: "id\n2\n"`)
		step(`put: "${ .dir }/in/c.json", content: {a: 1}`)
		step(`put: "${ .dir }/in/d", base64: AAE=`)
		for name, want := range map[string]string{"b.csv": "id\n2\n", "c.json": `{"a":1}`, "d": "\x00\x01"} {
			if got, err := os.ReadFile(filepath.Join(server.Dir, "in", name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		listed := func(text string) string {
			t.Helper()
			v, _ := flows.DecodeJSON([]byte(step(text)))
			var names []string
			for _, item := range v.([]any) {
				object := item.(map[string]any)
				if object["path"] == "" || object["modified"] == "" || object["size"] == nil {
					t.Errorf("an incomplete item: %v", object)
				}
				names = append(names, object["name"].(string))
			}
			return strings.Join(names, " ")
		}
		if got := listed(`list: "${ .dir }/in"`); got != "b.csv c.json d" { // and nothing temporary
			t.Errorf("list: %s", got)
		}
		if got := listed(`list: "${ .dir }/in", recursive: true, match: "[ab].*"`); got != "b.csv a.bin" {
			t.Errorf("list of all: %s", got)
		}
		got := w.must(`sftp: {connection: bank, get: "${ .dir }/in/new/a.bin"}`, data)
		if !strings.Contains(got, fmt.Sprintf(`"size":%d`, len(content))) || !strings.Contains(got, `"name":"a.bin"`) || !strings.Contains(got, file["sha256"].(string)) {
			t.Errorf("get: %s", got)
		}
		if got := step(`move: "${ .dir }/in/b.csv", to: "${ .dir }/done/2026/", parents: true`); !strings.Contains(got, `/done/2026/b.csv`) {
			t.Errorf("move: %s", got)
		}
		step(`move: "${ .dir }/in/b.csv", to: "${ .dir }/done/2026/b.csv"`) // again, after the loss of a worker
		step(`move: "${ .dir }/in/d", to: "${ .dir }/done/2026/b.csv", overwrite: true`)
		if got, err := os.ReadFile(filepath.Join(server.Dir, "done/2026/b.csv")); err != nil || string(got) != "\x00\x01" {
			t.Errorf("after a move over it: %q, %v", got, err)
		}
		step(`delete: "${ .dir }/in/c.json"`)
		step(`delete: "${ .dir }/in/c.json"`)

		for _, name := range []string{"M\xfcller.csv", ".a.0123456789abcdef.part"} {
			if err := os.WriteFile(filepath.Join(server.Dir, "in", name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := listed(`list: "${ .dir }/in"`); !strings.HasSuffix(got, "M\uf7fcller.csv") || strings.Contains(got, ".part") {
			t.Errorf("names that are not UTF-8, and parts: %q", got)
		}
		long := strings.Repeat("n", 250)
		step(`move: "${ .dir + \"/in/M\uf7fcller.csv\" }", to: "${ .dir }/in/` + long + `"`)
		step(`put: "${ .dir }/in/` + long + `", content: x`)
		step(`delete: "${ .dir }/in/` + long + `"`)
		if got := listed(`list: "${ .dir }/in"`); got != "" {
			t.Errorf("in the end: %s", got)
		}
	})
}

func TestSFTPFailures(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, server *testenv.SFTPServer) {
		w, _ := newSFTPWorld(t, server, nil)
		for name, text := range map[string]string{"a": "1", "b": "2"} {
			if err := os.WriteFile(filepath.Join(server.Dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(filepath.Join(server.Dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]string{
			`get: "${ . }/pipe"`:                             `/pipe": it is no file, but a pipe`,
			`put: "${ . }/a/b/c", content: x, parents: true`: `a part of the path is a file, not a directory`,
			`put: "${ . }/a/c", content: x, parents: true`:   `a part of the path is a file, not a directory`,
			`get: "${ . }/none"`:                             `/none": there is no such file or directory`,
			`list: "${ . }/none"`:                            `/none": there is no such file or directory`,
			`move: "${ . }/none", to: "${ . }/other"`:        `/none": there is no such file or directory`,
			`put: "${ . }/none/a", content: x`:               `/none/a": there is no such file or directory`,
			`put: "${ . }/a", content: x, overwrite: false`:  `/a": a file of this name is there already`,
			`move: "${ . }/a", to: "${ . }/b"`:               `/b": a file of this name is there already`,
			`get: "${ . }"`:                                  `it is a directory`,
			`delete: "${ . }"`:                               `it is a directory`,
			`get: "${ . }/"`:                                 `get names a directory`,
			`put: "${ . }/x/../../a", content: x`:            `put has .. in it`,
			`get: "${ \"\" }"`:                               `get has 0 bytes`,
			`list: "${ . }", max_files: 1`:                   `there are more than 1 files`,
		} {
			_, err := w.run(t.Context(), "sftp: {connection: bank, "+text+"}", server.Dir)
			var failure *flows.Error
			if !errors.As(err, &failure) || !strings.Contains(failure.Message, want) || failure.Class != "" {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}
		left, err := filepath.Glob(filepath.Join(server.Dir, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// A file that is too large leaves no file of the run and a session that works.
func TestSFTPGetsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	server := testenv.SFTP(t, nil)
	w, _ := newSFTPWorld(t, server, nil)
	if err := os.WriteFile(filepath.Join(server.Dir, "a"), blobtest.Content(9<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"": "the file is larger than 8388608 bytes", ", max_size: 1MB": "the file is larger than 1 MB"} {
		_, err := w.run(t.Context(), `sftp: {connection: bank, get: "${ . }/a"`+text+`}`, server.Dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	w.must(`sftp: {connection: bank, list: "${ . }"}`, server.Dir)
	if n := server.Logins.Load(); n > 2 {
		t.Errorf("%d logins", n)
	}
}

// What may happen again, and what may not.
func TestSFTPEffects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"get: a": false, "put: a, content: x": false, "put: a, content: x, overwrite: false": true, "move: a, to: b": false, "delete: a": false} {
		flow, err := oneStep("sftp: {connection: bank, " + text + "}")
		if err != nil {
			t.Fatal(err)
		}
		_, err = flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 2}, flows.Env{Journal: begun{}})
		var failure *flows.Error
		if uncertain := errors.As(err, &failure) && failure.Code == flows.CodeUncertain; uncertain != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// begun is the journal of a run whose worker was lost within the step.
type begun struct{}

func (begun) Start(context.Context, string, flows.Effect) (flows.Recorded, error) {
	return flows.Recorded{Started: true}, nil
}

func (begun) Finish(context.Context, string, []byte) error { return nil }
