package password

import (
	"strings"
	"testing"
)

func TestPasswordsOfPeople(t *testing.T) {
	t.Parallel()
	names := []string{"olaf.berg", "Olaf Berg", "olaf@example.org", "Penstock"}
	for secret, want := range map[string]string{
		"":                              "at least 15",
		"fourteen chars":                "at least 15",
		"äöüäöüäöüäöüäö":                "at least 15", // characters, not bytes
		"four words are enough":         "",
		"äöü blumen und ein fahrrad":    "",
		"correct-horse-battery":         "",
		"olaf-has-a-password":           "", // a common word does no harm
		"               ":               "one character",
		"----------------":              "one character",
		"aaaaaaaaaaaaaaaa":              "again and again",
		"ababababababababa":             "again and again",
		"123456-123456-123456":          "again and again",
		"qwertyuiopasdfgh":              "row of the keyboard",
		"abcdefghijklmnop":              "row of the keyboard",
		"fdsapoiuytrewq1":               "", // no row
		"9876543210987654":              "row of the keyboard",
		"1qaz2wsx3edc4rfv":              "row of the keyboard",
		"Password-Password!":            "common passwords",
		"password20242025":              "common passwords",
		"Welcome, Penstock 2026":        "common passwords",
		"Olaf Berg 1987!!!":             "common passwords",
		"olaf.berg@example.org":         "common passwords",
		"olaf.berg.olaf.berg":           "common passwords",
		"Correct horse battery staple!": "common passwords",
		"this is my password":           "common passwords",
		"this is my 3rd long password":  "",
		strings.Repeat("ab c", 256):     "again and again",
		strings.Repeat("x", 1025):       "at most 1024",
		"four words are \xff enough":    "UTF-8",
	} {
		got := Refuse(secret, names...)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", secret, got, want)
		}
	}
}

// The words are folded as what they are compared with, and each is there once.
func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(commonText), "\n")[1:]
	for i, line := range lines {
		if fold(line) != line || i > 0 && lines[i-1] >= line {
			t.Errorf("line %d, %q: not in small letters, or out of order", i+2, line)
		}
	}
	if len(common()) != len(lines) {
		t.Errorf("%d words in %d lines", len(common()), len(lines))
	}
}
