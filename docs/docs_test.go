package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/docs"
)

// maxFull bounds llms-full.txt, in bytes: a model reads it as a whole.
const maxFull = 400 << 10

func TestTheFullTextHasEveryPage(t *testing.T) {
	t.Parallel()
	full := docs.LLMsFull()
	if full != docs.LLMsFull() || len(full) > maxFull {
		t.Errorf("%d bytes, or another text each time", len(full))
	}
	for _, name := range docs.Full {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(full, lines[0]+"\n") || !strings.Contains(full, last+"\n") {
			t.Errorf("%s is not in it as a whole", name)
		}
	}
}

// The short text has the form of llmstxt.org: a title, a quotation, lists of links. It names each page of the index.
func TestTheShortTextNamesEveryPage(t *testing.T) {
	t.Parallel()
	short := docs.LLMs()
	if !regexp.MustCompile(`^# \S+\n\n> [^\n]+\n\n`).MatchString(short) || len(short) > 32<<10 {
		t.Errorf("%d bytes: %.200s", len(short), short)
	}
	for _, m := range regexp.MustCompile(`(?m)^- \[[^\]]+\]\((/|docs/)([\w.-]+)\): \S`).FindAllStringSubmatch(short, -1) {
		if _, err := os.Stat(m[2]); m[1] == "docs/" && err != nil {
			t.Error(err)
		}
	}
	index, err := os.ReadFile("index.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\| \[[^\]]+\]\(([\w-]+\.md)\) \|`).FindAllStringSubmatch(string(index), -1) {
		if strings.Count(short, "(docs/"+m[1]+")") != 1 {
			t.Errorf("%s is not in it once", m[1])
		}
	}
}
