package samples

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/client"
)

func TestSamplesAreFilledIn(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile("@[A-Z]+@")
	for _, body := range []string{"", `{"name":"O'Hara \\ \"Zoë\""}`} {
		for _, s := range All(Request{Base: "https://penstock.example.org", Flow: 69, Key: "crm", Body: body}) {
			if place.MatchString(s.Text) || s.Text == "" {
				t.Errorf("%s with the body %q is not filled in:\n%s", s.ID, body, s.Text)
			}
			if !strings.Contains(s.Text, "https://penstock.example.org") || !strings.Contains(s.Text, "69") {
				t.Errorf("%s does not call the flow:\n%s", s.ID, s.Text)
			}
		}
	}
}

// TestBodiesSurviveTheirLanguage has the shell and Python print the body that
// their samples send.
func TestBodiesSurviveTheirLanguage(t *testing.T) {
	t.Parallel()
	body := `{"name":"O'Hara \\ \"Zoë\" $HOME ` + "`id`" + `"}`
	all := map[string]string{}
	for _, s := range All(Request{Base: "http://localhost", Flow: 1, Key: "k", Body: body}) {
		all[s.ID] = s.Text
	}
	line := func(id, prefix string) string {
		for text := range strings.Lines(all[id]) {
			if strings.HasPrefix(text, prefix) {
				return strings.TrimSpace(text)
			}
		}
		t.Fatalf("%s has no line %q", id, prefix)
		return ""
	}
	got, err := exec.CommandContext(t.Context(), "sh", "-c", line("curl", "body=")+"; printf %s \"$body\"").Output()
	if err != nil || string(got) != body {
		t.Errorf("the shell sends %q, want %q (%v)", got, body, err)
	}
	if want := "body = " + double(body); line("python", "body = ") != want {
		t.Errorf("Python sends %s, want %s", line("python", "body = "), want)
	}
	if want := `$body = '{"name":"O\'Hara \\\\ \\"Zoë\\" $HOME ` + "`id`" + `"}';`; line("php", "$body") != want {
		t.Errorf("PHP sends %s, want %s", line("php", "$body"), want)
	}
}

// TestSignedSampleSigns runs the sample with a curl that prints what it would
// send.
func TestSignedSampleSigns(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	const curl = `curl() { printf '%s\n' "$@"; }; PENSTOCK_SECRET='a secret; of "tests"'` + "\n"
	for _, body := range []string{"", `{"name":"O'Hara \\ \"Zoë\" $HOME"}`} {
		for _, s := range All(Request{Base: "http://localhost", Flow: 69, Key: "crm", Body: body}) {
			if s.ID != "signed" {
				continue
			}
			out, err := exec.CommandContext(t.Context(), "sh", "-c", curl+s.Text).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, signature, _ := strings.Cut(string(out), "Penstock-Signature: ")
			signature, _, _ = strings.Cut(signature, "\n")
			var ts, nonce string
			for part := range strings.SplitSeq(signature, ",") {
				switch name, value, _ := strings.Cut(part, "="); name {
				case "t":
					ts = value
				case "n":
					nonce = value
				}
			}
			want := client.Signature("POST", "/v1/flows/69/runs", "crm", ts, nonce, []byte(body), `a secret; of "tests"`)
			if signature != want || nonce == "" {
				t.Errorf("with the body %q: %s, want %s", body, signature, want)
			}
		}
	}
}
