package view

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/store"
)

// ConnectionList is all connections and secrets, without what is secret.
type ConnectionList struct {
	Types   []connect.Type
	Items   []store.Connection
	Secrets []store.Secret
}

// ConnectionForm is a connection to be made or changed.
type ConnectionForm struct {
	Type       connect.Type
	Connection store.Connection // without what is secret
	New        bool
	Testable   bool
	Redirect   string // where authorising comes back to; empty: it cannot be authorised
	Authorised bool   // it has a refresh token
}

func connectionPath(name string) string { return Root + "/connections/" + url.PathEscape(name) }

// settingTitle is the name of a setting as people write it.
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

// settingHint is what the title does not say already.
func settingHint(f connect.Field) string {
	bare := func(text string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", ".", "", "_", "").Replace(text))
	}
	if bare(f.Summary) == bare(f.Name) {
		return ""
	}
	return about(f.Summary)
}

// hostOf is the host of a URL that was checked.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Host
}

// about is a summary without its Markdown.
func about(text string) string { return strings.ReplaceAll(text, "`", "") }

// shownSettings are the settings of a connection in one line.
func shownSettings(c store.Connection) string {
	if len(c.Hosts) > 0 {
		return strings.Join(c.Hosts, ", ")
	}
	return strings.Trim(c.Settings["host"]+" "+c.Settings["database"], " ")
}

// numbers are flow numbers as a form has them.
func numbers(list []int64) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ", ")
}
