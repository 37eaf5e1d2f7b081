package samples

import (
	"os/exec"
	"strings"
	"testing"
)

func TestSamplesAreFilledIn(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", `{"name":"O'Hara \\ \"Zoë\""}`} {
		for _, s := range All(Request{Base: "https://penstock.example.org", Flow: 69, Key: "crm", Body: body}) {
			if strings.Contains(s.Text, "@") || s.Text == "" {
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
