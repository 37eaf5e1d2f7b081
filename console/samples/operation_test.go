package samples

import (
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// hostile has what ends, begins or means something in a literal of some language.
const hostile = "@file 'a' \"b\" \\ \\' \\u0041 $HOME ${x} `c` #{d} %0a {e} */ ?> </script> <!-- \r\n\tü \U0001F600 \u2028 \x01 end'"

func hostileCall(base string) Call {
	return Call{
		Method: "PUT", URL: base + "/people/%27%22%24%28a%29?q=%27+%22%5B1%5D", Type: "application/json; x='\"$HOME`",
		Header: [][2]string{{"X-Note", `it's "$HOME" \ ` + "`id`"}}, Body: hostile, Bearer: true,
	}
}

// TestSamplesSendTheCall runs the samples of the languages that this machine has, against a server.
func TestSamplesSendTheCall(t *testing.T) {
	t.Parallel()
	type got struct{ method, url, note, kind, authorization, body string }
	requests := make(chan got, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r.Method, r.RequestURI, r.Header.Get("X-Note"), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)}
		_, _ = io.WriteString(w, "it arrived")
	}))
	t.Cleanup(server.Close)
	call := hostileCall(server.URL)
	want := got{"PUT", strings.TrimPrefix(call.URL, server.URL), call.Header[0][1], call.Type, "Bearer the-token", hostile}
	ofFile := call
	ofFile.Body, ofFile.File = "", filepath.Join(t.TempDir(), "it's a file")
	if err := os.WriteFile(ofFile.File, []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range append(Of(call), Of(ofFile)...) {
		run := map[string][]string{"curl": {"sh"}, "php": {"php"}, "node": {"node"}, "python": {"python3"}, "java": {"java"}}[s.ID]
		if run == nil {
			continue
		}
		if _, err := exec.LookPath(run[0]); err != nil || run[0] == "java" && testing.Short() { // it compiles first
			continue
		}
		file := filepath.Join(t.TempDir(), "call."+map[string]string{"node": "mjs", "python": "py", "java": "java"}[s.ID])
		if err := os.WriteFile(file, []byte(s.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), run[0], file)
		cmd.Env = append(os.Environ(), "ACCESS_TOKEN=the-token", "NO_PROXY=*", "no_proxy=*")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "it arrived") {
			t.Errorf("%s: %v\n%s\n%s", s.ID, err, out, s.Text)
			continue
		}
		if sent := <-requests; sent != want {
			t.Errorf("%s sent\n%q, want\n%q", s.ID, sent, want)
		}
	}
}

// TestSamplesOfForms sends forms with files, and reads them as a server does.
func TestSamplesOfForms(t *testing.T) {
	t.Parallel()
	type got struct{ text, typed, kind, file string }
	requests := make(chan got, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, err := r.MultipartReader()
		var sent got
		for err == nil {
			var part *multipart.Part
			if part, err = form.NextPart(); err != nil {
				break
			}
			content, _ := io.ReadAll(part)
			switch part.FormName() {
			case "text":
				sent.text = string(content)
			case "typed":
				sent.typed, sent.kind = string(content), part.Header.Get("Content-Type")
			case "it's a file":
				sent.file = part.FileName() + ":" + string(content)
			}
		}
		requests <- sent
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.bin"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	const value = "@x; \"a\" \\ 'b'"
	for _, typed := range []string{"", "application/json"} {
		call := Call{Method: "POST", URL: server.URL, Form: []Field{{Name: "text", Value: value}, {Name: "it's a file", Value: "a.bin", IsFile: true}}}
		want := got{text: value, file: "a.bin:content"}
		if typed != "" {
			call.Form = append(call.Form, Field{Name: "typed", Value: value, Type: typed})
			want.typed, want.kind = value, typed
		}
		for _, s := range Of(call) {
			run := map[string]string{"curl": "sh", "php": "php", "node": "node"}[s.ID]
			if _, err := exec.LookPath(run); run == "" || err != nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, "call.mjs"), []byte(s.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), run, "call.mjs")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "NO_PROXY=*", "no_proxy=*")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", s.ID, err, out, s.Text)
				continue
			}
			if sent := <-requests; sent != want {
				t.Errorf("%s sent\n%q, want\n%q", s.ID, sent, want)
			}
		}
	}
}

// TestLiterals reads the literals of the languages that are not run here by their own rules.
func TestLiterals(t *testing.T) {
	t.Parallel()
	for _, s := range Of(hostileCall("https://penstock.example.org")) {
		var pattern *regexp.Regexp
		switch s.ID {
		case "csharp", "java":
			pattern = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
		case "apex":
			pattern = regexp.MustCompile(`'(?:[^'\\\n]|\\.)*'`)
		default:
			continue
		}
		found := false
		for _, literal := range pattern.FindAllString(s.Text, -1) {
			found = found || read(t, literal) == hostile
		}
		if !found || s.ID != "csharp" && strings.ContainsFunc(s.Text, func(r rune) bool { return r > '~' }) {
			t.Errorf("%s does not have the body:\n%s", s.ID, s.Text)
		}
		if rest := pattern.ReplaceAllString(s.Text, ""); strings.Contains(rest, "HOME") || strings.Contains(rest, "script") {
			t.Errorf("%s: a text is outside of its literal:\n%s", s.ID, rest)
		}
	}
}

// read returns the text of a literal with the escapes that JSON, C#, Java and Apex share.
func read(t *testing.T, literal string) string {
	t.Helper()
	inner := literal[1 : len(literal)-1]
	if literal[0] == '\'' {
		inner = strings.ReplaceAll(inner, `\'`, "'")
	}
	var text string
	if err := json.Unmarshal([]byte(`"`+inner+`"`), &text); err != nil {
		t.Errorf("%s is no literal: %v", strconv.Quote(literal), err)
	}
	return text
}

func TestSamplesHaveNoToken(t *testing.T) {
	t.Parallel()
	for _, bearer := range []bool{true, false} {
		for _, s := range Of(Call{Method: "GET", URL: "https://penstock.example.org/a", Bearer: bearer}) {
			if strings.Contains(s.Text, "Bearer") != bearer || strings.Contains(s.Text, "pst_") {
				t.Errorf("%s, with a token: %t:\n%s", s.ID, bearer, s.Text)
			}
		}
	}
}
