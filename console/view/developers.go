package view

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/auth/clientusage"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/samples"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/store"
)

// API is a flow as a developer sees it.
type API struct {
	Number     int64
	Slug, Name string
	Deployed   time.Time
	Enabled    bool // false: its paths answer 503
	Paused     bool
	Limit      time.Duration  // of a run
	Operations []APIOperation // that the developer may call
}

// APIOperation is a line about an operation.
type APIOperation struct {
	ID, Method, Path, Summary string
	Scopes                    []string
	Deprecated                bool
}

// Title returns the name of an API.
func (a API) Title() string {
	if a.Name != "" {
		return a.Name
	}
	return "Flow " + strconv.FormatInt(a.Number, 10)
}

// Path returns the path of the page of an API.
func (a API) Path() string {
	ref := a.Slug
	if ref == "" {
		ref = strconv.FormatInt(a.Number, 10)
	}
	return Developers + "/apis/" + url.PathEscape(ref)
}

func (a API) operationPath(id string) string { return a.Path() + "/" + url.PathEscape(id) }

// Matches reports whether a search finds the API: each of its words is in the name or in an operation.
func (a API) Matches(query string) bool {
	text := strings.ToLower(a.Title() + " " + a.Slug)
	for _, o := range a.Operations {
		text += strings.ToLower(" " + o.Method + " " + o.Path + " " + o.Summary + " " + strings.Join(o.Scopes, " "))
	}
	return !slices.ContainsFunc(strings.Fields(strings.ToLower(query)), func(word string) bool { return !strings.Contains(text, word) })
}

// APIList is the first page of the portal.
type APIList struct {
	APIs    []API
	Query   string
	More    bool          // there are more than are listed
	Scopes  []ScopeChoice // that the developer was granted
	Clients int           // that the developer has
}

// Operation is an operation of an API in full.
type Operation struct {
	API   API
	Sheet *flowdoc.Sheet
	Base  string        // URL of the API
	Needs []ScopeChoice // scopes that a caller must hold

	RateIP, RateClient limits.Rate // of calls per address and per client; zero: not limited

	Callable bool              // the page offers to call it
	Values   map[string]string // of parameters on the form, by place and name: "query.since"
	Media    string            // chosen media type of the body
	Body     string            // on the form
	Trouble  string            // what is wrong with the form; empty: nothing
	Answer   *Answer           // to the call of the form; nil: none was made
	Samples  []samples.Sample  // of the call on the form
}

// Content returns the body in the chosen media type; nil: the operation takes none.
func (o Operation) Content() *flowdoc.Content {
	if i := slices.IndexFunc(o.Sheet.Bodies, func(c *flowdoc.Content) bool { return c.MediaType == o.Media }); i >= 0 {
		return o.Sheet.Bodies[i]
	}
	return nil
}

// textual reports whether some body of the operation is written, and not a file.
func (o Operation) textual() bool {
	return slices.ContainsFunc(o.Sheet.Bodies, func(c *flowdoc.Content) bool { return !c.Binary })
}

// fileFields are the names of the files that a body may have, and the empty name of a body that is a file.
func (o Operation) fileFields() []string {
	var all []string
	for _, c := range o.Sheet.Bodies {
		if c.Binary {
			all = append(all, "")
		} else if c.MediaType == "multipart/form-data" {
			all = append(all, c.FileFields()...)
		}
	}
	return all
}

func fileLabel(ctx context.Context, name string) string {
	if name == "" {
		return language.T(ctx, "The body, a file")
	}
	return language.T(ctx, "File %s", name)
}

// Answer is the request that was made to an API, and its response.
type Answer struct {
	Method, Target string
	Sent           []string // lines of the request's header
	Status         int
	Header         []string // lines of the response's header
	Body           string   // its beginning, indented if it is JSON
	Size           int      // of the body, in bytes
	Took           time.Duration
}

func (a *Answer) cut() bool { return a.Size > 64<<10 }

// Title returns the summary of an operation, or its method and path.
func (o Operation) Title() string {
	if o.Sheet.Summary != "" {
		return o.Sheet.Summary
	}
	return strings.ToUpper(o.Sheet.Method) + " " + o.Sheet.Path
}

// VersionChanges is a version of an API in its changelog.
type VersionChanges struct {
	Version    string
	DeployedAt time.Time
	First      bool // of the flow, as far as is known
	Unreadable bool // it, or the one before, cannot be read any more
	Changes    []flowdoc.Change
}

// breaking returns the number of breaking changes.
func (v VersionChanges) breaking() int {
	n := 0
	for _, c := range v.Changes {
		if c.Breaking {
			n++
		}
	}
	return n
}

// ClientSheet is an API client as its owner sees it.
type ClientSheet struct {
	*store.Client
	Choices  []ScopeChoice // that the owner was granted
	Lost     []string      // scopes of the client that the owner was not granted, or no longer
	Narrower []string      // scopes of the client that have no checkbox: parts of what was granted
	Secret   string        // shown once; empty: none
	Trouble  string        // what is wrong with the form; empty: nothing
	Base     string        // URL of the API

	Counted    bool // the calls of the client are counted
	Use, Today clientusage.Use
}

// rateText describes a rate.
func rateText(ctx context.Context, r limits.Rate) string {
	if r.Limit == 0 {
		return language.T(ctx, "not limited")
	}
	return language.T(ctx, "%d calls in %s", r.Limit, length(ctx, r.Window))
}

// OwnClientPath returns the path of the page of a developer's client.
func OwnClientPath(c *store.Client) string {
	return Developers + "/clients/" + url.PathEscape(c.Identifier)
}

// lostScopes returns the scopes of a client that its owner was not granted, or no longer.
func lostScopes(c *store.Client, granted []auth.Scope) []string {
	var lost []string
	for _, s := range c.Scopes {
		if len(auth.Intersect(granted, []auth.Scope{auth.Scope(s)})) == 0 {
			lost = append(lost, s)
		}
	}
	return lost
}

// daysLeft returns the days until the assertion of a client expires; false: it has none, or is over.
func daysLeft(c *store.Client, now time.Time) (int, bool) {
	end := c.Deadline()
	if end.IsZero() || c.Assertion == "" || !now.Before(end) {
		return 0, false
	}
	return int(end.Sub(now).Hours() / 24), true
}

// soon is the number of days before the end of an assertion from which pages warn.
const soon = 30

// span is a part of a text.
type span struct {
	text string
	mark string // "code", "strong" or "em"; empty: plain
	href string // of a link; empty: it is none
}

var (
	// marked are the parts of a line of Markdown that pages show as such.
	marked = regexp.MustCompile("`([^`]+)`|\\*\\*([^*]+)\\*\\*|\\*([^*\\s][^*]*)\\*|\\[([^\\]]+)\\]\\((https?://[^)\\s]+)\\)")
	// blockMark begins an element of a list, or a heading.
	blockMark = regexp.MustCompile(`^(?:([-*+]|[0-9]{1,3}[.)])|#{1,6})\s+`)
)

// paragraphs reads a description in Markdown: paragraphs with code, emphasis and links. Each element of a list is a paragraph
// with a bullet, and a heading one in bold. Everything else is text.
func paragraphs(text string) [][]span {
	var all [][]span
	for part := range strings.SplitSeq(text, "\n\n") {
		var line []span
		for text := range strings.SplitSeq(strings.TrimSpace(part), "\n") {
			text = strings.TrimSpace(text)
			begin := blockMark.FindStringSubmatch(text)
			if begin == nil {
				if line != nil {
					text = " " + text
				}
				line = append(line, spansOf(text)...)
				continue
			}
			if line != nil {
				all = append(all, line)
			}
			rest := text[len(begin[0]):]
			if begin[1] == "" {
				all, line = append(all, []span{{text: rest, mark: "strong"}}), nil
				continue
			}
			line = append([]span{{text: "• "}}, spansOf(rest)...)
		}
		if line != nil {
			all = append(all, line)
		}
	}
	return all
}

// spansOf reads the marks of a line.
func spansOf(text string) (all []span) {
	at := 0
	for _, m := range marked.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > at {
			all = append(all, span{text: text[at:m[0]]})
		}
		for group, mark := range []string{1: "code", 2: "strong", 3: "em", 4: ""} {
			if from := m[2*group]; group > 0 && from >= 0 {
				all = append(all, span{text: text[from:m[2*group+1]], mark: mark})
			}
		}
		if m[10] >= 0 {
			all[len(all)-1].href = text[m[10]:m[11]]
		}
		at = m[1]
	}
	if at < len(text) {
		all = append(all, span{text: text[at:]})
	}
	return all
}

// indent returns the name of a member without those that it is in, and the level of its indentation.
func indent(path string) (name string, level int) {
	cut := strings.LastIndexByte(path, '.')
	level = strings.Count(path, ".")
	if cut >= 0 {
		path = path[cut+1:]
	}
	return path, min(level, 5)
}

// wayNames are the ways to authenticate, as pages name them. Read only.
var wayNames = map[string]string{"bearer": "an access token (Bearer)", "basic": "name and password of a user (Basic)", "key": "the signature of an API key"}

func waysText(ctx context.Context, ways []string) string {
	if len(ways) == 0 {
		return language.T(ctx, "none: anybody may call")
	}
	var names []string
	for _, w := range ways {
		names = append(names, wayNames[w])
	}
	return strings.Join(names, ", or ")
}

func hasScope(c *store.Client, name string) bool { return slices.Contains(c.Scopes, name) }

// tokenSample is a command that gets an access token. The base URL is quoted for the shell; the identifier is letters,
// digits and dashes.
func (s ClientSheet) tokenSample() string {
	return "curl -sS --user " + s.Identifier + ":\"$CLIENT_SECRET\" -d grant_type=client_credentials '" + strings.ReplaceAll(s.Base, "'", `'\''`) + "/oauth2/token'"
}
