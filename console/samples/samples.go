// Package samples generates example requests that run a flow, in several programming languages.
package samples

import (
	"embed"
	"encoding/json"
	"strconv"
	"strings"
)

//go:embed text
var files embed.FS

// Request is the request that the samples send.
type Request struct {
	Base string // URL of the front door
	Flow int64
	Key  string // API key; its secret is never in a sample
	Body string // JSON on one line; empty: none
}

// Sample is one program or command.
type Sample struct {
	ID    string // for links, tests and file names
	Title string
	Note  string // requirements; empty: none
	Text  string
}

// list returns all samples, without their texts, in the order of display.
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

// All returns every sample for a request.
func All(r Request) []Sample {
	all := list()
	for i := range all {
		name := "text/" + all[i].ID + ".txt"
		if r.Body == "" {
			name = "text/" + all[i].ID + ".get.txt"
		}
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // list and the embedded files do not fit together
		}
		all[i].Text = r.fill(string(text))
	}
	return all
}

// fill replaces the placeholders of a sample, each in the syntax of its language.
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

// double quotes a text in the syntax that JSON, JavaScript, Python and C# share.
func double(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
