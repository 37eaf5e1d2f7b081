// Package docs has the pages of the documentation that are of use to a model that writes flows.
package docs

import (
	"embed"
	"regexp"
	"strings"
)

// pages are those of the language, in the order in which they are read, and the index.
//
//go:embed index.md flow-language.md flow-file.md triggers.md http-triggers.md webhooks.md outgoing-webhooks.md topics.md files.md functions.md steps.md
//go:embed connections.md connectors.md concurrency.md failed-runs.md flow-problems.md
var pages embed.FS

// Full are the pages of llms-full.txt in their order. Read only.
var Full = []string{
	"flow-language.md", "flow-file.md", "triggers.md", "http-triggers.md", "webhooks.md", "outgoing-webhooks.md", "topics.md", "files.md", "functions.md", "steps.md",
	"connections.md", "connectors.md", "concurrency.md", "failed-runs.md", "flow-problems.md",
}

// LLMs returns llms.txt, by the proposal of llmstxt.org: what there is to read, with one line about each page. It is computed anew at each call.
func LLMs() string {
	var b strings.Builder
	b.WriteString("# Penstock\n\n> A self-hosted engine that runs data flows in real time. A flow is one YAML file: what starts a run, the steps that items pass through, and tests.\n\n" +
		"To write flows, read llms-full.txt. `penstock flow init --agents DIRECTORY` writes the same on one page, and `penstock flow validate --json` and\n`penstock flow test` check what was written.\n\n" +
		"## To write flows\n\n- [llms-full.txt](/llms-full.txt): the language, every field, step kind and function, and what each mistake means\n" +
		"- [openapi.json](/openapi.json): the server's HTTP API\n- [The API](/docs): the same for people\n\n## Pages\n\n")
	var rest []string
	for _, row := range indexRow.FindAllStringSubmatch(page("index.md"), -1) {
		line := "- [" + row[1] + "](docs/" + row[2] + "): " + plain(row[3])
		if strings.Contains(strings.Join(Full, " "), row[2]) {
			b.WriteString(line + "\n")
		} else {
			rest = append(rest, line)
		}
	}
	b.WriteString("\n## Optional\n\n" + strings.Join(rest, "\n") + "\n")
	return b.String()
}

var (
	indexRow = regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([\w-]+\.md)\) \| (.+) \|$`)
	link     = regexp.MustCompile(`\[([^\]]+)\]\([^)]*\)`)
	comment  = regexp.MustCompile(`(?s)<!--.*?-->\n*`)
)

// plain returns a text without its links.
func plain(s string) string { return link.ReplaceAllString(s, "$1") }

// LLMsFull returns llms-full.txt: all pages of the language, one behind the other. It is computed anew at each call.
func LLMsFull() string {
	var b strings.Builder
	for _, name := range Full {
		b.WriteString("<!-- docs/" + name + " -->\n\n" + strings.TrimSpace(comment.ReplaceAllString(page(name), "")) + "\n\n")
	}
	return b.String()
}

func page(name string) string {
	text, err := pages.ReadFile(name)
	if err != nil {
		panic(err) // its name is in the program
	}
	return string(text)
}
