// Package samples writes requests that run a flow, in the languages of those
// who call it.
package samples

import (
	"embed"
	"encoding/json"
	"strconv"
	"strings"
)

//go:embed text
var files embed.FS

// Request is what the samples call.
type Request struct {
	Base string // URL of the front door
	Flow int64
	Key  string // API key; its secret is never in a sample
	Body string // JSON on one line; empty: none
}

// Sample is one program, or command.
type Sample struct {
	ID    string // for links and tests
	Title string
	Note  string // what it needs; empty: nothing
	Text  string
}

// list is all samples in the order in which readers see them.
func list() []Sample {
	return []Sample{
		{ID: "curl", Title: "curl", Note: "For sh, bash and zsh. PENSTOCK_SECRET holds the secret of the key."},
		{ID: "php", Title: "PHP", Note: "PHP 7.1 or later, with curl."},
		{ID: "node", Title: "Node", Note: "Node 18 or later."},
		{ID: "python", Title: "Python", Note: "Python 3.8 or later, nothing to install."},
		{ID: "csharp", Title: "C#", Note: ".NET 6 or later."},
		{ID: "apex", Title: "Apex", Note: "Add the address to the remote site settings."},
		{ID: "signed", Title: "Signed", Note: "The native API, with Penstock-Signature of version 2; curl and openssl. PENSTOCK_SECRET holds the secret of the key."},
		{ID: "native", Title: "Native API", Note: "For users with the role api_user, or with Authorization: Bearer and an access token."},
	}
}

// All writes every sample.
func All(r Request) []Sample {
	all := list()
	for i := range all {
		name := "text/" + all[i].ID + ".txt"
		if r.Body == "" {
			name = "text/" + all[i].ID + ".get.txt"
		}
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the list and the files are of one commit
		}
		all[i].Text = r.fill(string(text))
	}
	return all
}

// fill puts the request in the places of a sample, each as its language
// writes text.
func (r Request) fill(text string) string {
	return strings.NewReplacer(
		"@BASE@", r.Base,
		"@FLOW@", strconv.FormatInt(r.Flow, 10),
		"@KEY@", r.Key,
		"@SH@", "'"+strings.ReplaceAll(r.Body, "'", `'\''`)+"'",
		"@SINGLE@", "'"+strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(r.Body)+"'",
		"@DOUBLE@", double(r.Body),
	).Replace(text)
}

// double is a text in double quotes, as JSON, JavaScript, Python and C# read it.
func double(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
