package payload_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/payload"
)

// Every file of csv-spectrum is the list that the suite says.
func TestCSVSuite(t *testing.T) {
	t.Parallel()
	const dir = "../../../shared/data/suites/csv"
	haveSuites(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "csvs", "*.csv"))
	if err != nil || len(files) != 12 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := os.ReadFile(filepath.Join(dir, "json", strings.TrimSuffix(filepath.Base(file), ".csv")+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal(expected, &want); err != nil {
			t.Fatal(err)
		}
		got, err := payload.ParseCSV(nil, text)
		if filepath.Base(file) == "location_coordinates.csv" { // the suite's JSON is no list, and has another phone number
			want.(map[string]any)["Contact Phone Number"] = "2095257564"
			want = []any{want}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", file, err, diff)
		}
	}
}

// Rows are written as Python's csv module writes them, but for leading blanks, which are in quotes.
func TestWriteCSVRow(t *testing.T) {
	t.Parallel()
	for want, row := range map[string][]string{
		"\"l1\nl2\",\"l1\rl2\",\"l1\r\nl2\"\r\n": {"l1\nl2", "l1\rl2", "l1\r\nl2"},
		"\"\"\r\n":                               {""},
		",\r\n":                                  {"", ""},
		"\" a\",a \r\n":                          {" a", "a "},
		"\"q\"\"q\",\"a,b\"\r\n":                 {`q"q`, "a,b"},
		"é,x\r\n":                                {"é", "x"},
	} {
		var b bytes.Buffer
		if err := (payload.CSVDialect{}).WriteRow(&b, row); err != nil || b.String() != want {
			t.Errorf("%q is written as %q, want %q", row, b.String(), want)
		}
	}
}

// What is written is read as it was.
func FuzzCSVRow(f *testing.F) {
	f.Add("a", "b")
	f.Add("", "\r\n\"")
	f.Fuzz(func(t *testing.T, a, b string) {
		var text bytes.Buffer
		_ = payload.CSVDialect{}.WriteRow(&text, []string{"a", "b"})
		_ = payload.CSVDialect{}.WriteRow(&text, []string{a, b})
		got, err := payload.ParseCSV(nil, text.Bytes())
		if diff := cmp.Diff(any([]any{map[string]any{"a": a, "b": b}}), got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got)\n%s", text.String(), err, diff)
		}
	})
}
