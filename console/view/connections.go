package view

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/store"
)

// ConnectionList is all connections and secrets without their secret values.
type ConnectionList struct {
	Types    []connect.Type
	Products []Product // with a preset
	Items    []store.Connection
	Secrets  []store.Secret
	Vars     []*store.Var
	Secret   string // name of the secret that is to be stored; empty: none
	Back     string // page to which storing it leads; empty: this one

	ConnectionUsers, SecretUsers, VarUsers map[string][]int64 // numbers of the flows that name them
	ConnectionUses, SecretUses             LastUses
}

// ConnectionForm is the form for a new or an existing connection.
type ConnectionForm struct {
	Type       connect.Type
	Connection store.Connection // without secret values
	UsedBy     []int64          // numbers of the flows that name it
	New        bool
	Product    *Product // whose preset filled in the form; nil: none
	Testable   bool
	Redirect   string // redirect URI for the authorization; empty: the connection cannot be authorized
	Authorised bool   // it has a refresh token
}

func connectionPath(name string) string { return Root + "/connections/" + url.PathEscape(name) }

// unchanged says what an empty secret setting of an existing connection means.
func unchanged(ctx context.Context, f ConnectionForm, s connect.Field) string {
	if f.Connection.From[s.Name] != "" {
		return language.T(ctx, "kept elsewhere")
	}
	return language.T(ctx, "kept as it is")
}

// settingTitle returns the label of a setting.
func settingTitle(f connect.Field) string {
	words := strings.Split(f.Name, "_")
	for i, w := range words {
		switch w {
		case "url", "id", "tls", "ca":
			words[i] = strings.ToUpper(w)
		}
	}
	text := strings.Join(words, " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// settingHint returns the summary of a setting unless it only repeats the label.
func settingHint(f connect.Field) string {
	bare := func(text string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", ".", "", "_", "").Replace(text))
	}
	if bare(f.Summary) == bare(f.Name) {
		return ""
	}
	return about(f.Summary)
}

// hostOf returns the host of a valid URL.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Host
}

// markdownLink matches a link of a summary. Read only.
var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// about returns a summary without its Markdown.
func about(text string) string {
	return strings.ReplaceAll(markdownLink.ReplaceAllString(text, "$1"), "`", "")
}

// shownSettings summarizes the settings of a connection in one line.
func shownSettings(c store.Connection) string {
	if len(c.Hosts) > 0 {
		return strings.Join(c.Hosts, ", ")
	}
	return strings.Trim(c.Settings["host"]+" "+c.Settings["database"], " ")
}

// varText shows the value of a variable: a text as it is, other values as JSON.
func varText(v *store.Var) string {
	var text string
	if json.Unmarshal(v.Value, &text) == nil {
		return text
	}
	return string(v.Value)
}

// numbers formats flow numbers for a form.
// storePath is the page on which a secret is stored, which then leads back to a page.
func storePath(name, back string) string {
	return Root + "/connections?" + url.Values{"secret": {name}, "to": {back}}.Encode() + "#secrets"
}

// backPath is the page to which storing the secret leads.
func (l ConnectionList) backPath() string {
	if strings.HasPrefix(l.Back, Root+"/") {
		return l.Back
	}
	return Root + "/connections"
}

// Numbers lists the numbers of flows.
func Numbers(list []int64) string { return numbers(list) }

func numbers(list []int64) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ", ")
}
