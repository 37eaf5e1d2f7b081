package importer

import (
	"encoding/json"
	"slices"
	"strings"
)

// paging is how an operation gives its records page after page, found by the conventions of names.
type paging struct {
	kind   string   // next, next_url, cursor, page or offset, as in paginate
	how    any      // value of that member
	path   string   // of the list of records in the body
	member string   // its name; "": the body is the list
	items  string   // program that gives the records of a page
	sent   []string // query parameters and members of the body that paging sends or makes meaningless
	stop   []string // path in the body of the response whose absence ends; for examples
	inBody string   // member of the body that takes the cursor; "": none
	size   int      // records of a full page, for page and offset
	absent bool     // the schema allows a response without the list, which is a page without records
	why    string   // the pages cannot be read, although there are some; "": they can
	list   node     // schema of a record
}

func (p *paging) write() mapping {
	m := mapping{{p.kind, p.how}}
	m.add("items", p.items)
	return m
}

func (p *paging) name() string {
	if p == nil {
		return ""
	}
	return p.kind
}

// sends reports whether a query parameter is left to the paging.
func (p *paging) sends(param string) bool { return p != nil && slices.Contains(p.sent, param) }

// Names by convention.
var (
	nextURLs = [][]string{
		{"next_url"}, {"nextUrl"}, {"nextURL"}, {"nextLink"}, {"@odata.nextLink"}, {"odata.nextLink"}, {"next_link"}, {"next_page_uri"}, {"next_page_url"}, {"nextPageUrl"},
		{"next_page"}, {"nextPage"}, {"next"}, {"links", "next"}, {"_links", "next"}, {"_links", "next", "href"}, {"links", "pages", "next"}, {"meta", "next_page_url"},
		{"pagination", "next_url"}, {"paging", "next"}, {"_metadata", "next"},
	}
	cursors = [][]string{
		{"next_cursor"}, {"nextCursor"}, {"next_page_token"}, {"nextPageToken"}, {"next_token"}, {"nextToken"}, {"NextToken"}, {"next_marker"}, {"nextMarker"}, {"end_cursor"},
		{"response_metadata", "next_cursor"}, {"paging", "next", "after"}, {"paging", "cursors", "after"}, {"cursors", "after"}, {"meta", "next_cursor"}, {"meta", "cursor"}, {"metadata", "continue"},
		{"pagination", "next_cursor"}, {"pagination", "cursor"}, {"next_page", "offset"}, {"cursor"}, {"offset"},
	}
	cursorParams = []string{
		"cursor", "page_token", "pageToken", "after", "next_token", "nextToken", "NextToken", "starting_after", "start_cursor", "page_cursor", "continue", "marker", "next_cursor",
		"page[after]", "page[cursor]", "pagination_token", "nextPageToken", "offset",
	}
	backwards  = []string{"before", "ending_before", "end_cursor", "previous_token", "page[before]"}
	pageParams = []string{"page", "page_number", "pageNumber", "Page", "PageNumber", "page[number]"}
	pageSizes  = []string{"per_page", "page_size", "pageSize", "PageSize", "perPage", "limit", "size", "count", "page[size]", "results_per_page", "max_results"}
	offsets    = []string{"offset", "skip", "$skip", "startAt", "start_position", "start"}
	limits     = []string{"limit", "$top", "top", "maxResults", "max_results", "count", "page_size", "take", "size"}
	listNames  = []string{"data", "items", "results", "value", "values", "records", "entries", "list", "objects", "rows", "elements"}
)

// findPaging returns how the records of an operation are paged; nil for one request. One with why is for the note only.
func findPaging(op *operation) *paging {
	if op.method != "get" && !readsByPost(op) {
		return nil
	}
	p := &paging{}
	if !isJSON(op.success.media) {
		return p.unread(op, nil)
	}
	members, itself := recordsOf(op, p)
	if p.items == "" {
		return p.unread(op, members)
	}
	for _, find := range []func(*operation, map[string]node) bool{p.byLink, p.byURL, p.byCursor, p.byCount} {
		if find(op, members) {
			if p.why == "" && p.kind != "next" && p.kind != "page" && p.kind != "offset" && itself {
				break
			}
			return p
		}
	}
	return p.unread(op, members)
}

// recordsOf finds the list of records in the response. itself: the response is the list.
func recordsOf(op *operation, p *paging) (members map[string]node, itself bool) {
	schema := op.success.schema.resolve()
	if items := schema.get("items"); items.exists() && slices.Contains(typesOf(schema), "array") {
		p.items, p.list = ".body[]", schema.member("items")
		return nil, true
	}
	members = membersOf(schema)
	lists := listsOf(members)
	name := ""
	for _, want := range listNames {
		if slices.Contains(lists, want) {
			name = want
			break
		}
	}
	if name == "" && len(lists) == 1 {
		name = lists[0]
	}
	if name != "" {
		p.member, p.path, p.list = name, pathOf(name), members[name].resolve().member("items")
		p.items = ".body" + p.path + "[]"
		if p.absent = mayBeAbsent(schema, name, members[name]); p.absent {
			p.items = "(.body" + p.path + " // [])[]"
		}
	}
	return members, false
}

// mayBeAbsent reports whether a schema says that a list is optional: it is nullable, or not among the members that are
// required. A schema that requires nothing says nothing about it.
func mayBeAbsent(schema node, name string, list node) bool {
	required := requiredOf(schema)
	return len(required) > 0 && !required[name] || slices.Contains(typesOf(list.resolve()), "null")
}

// listed reports whether a response is a list or holds one under a usual name.
func listed(schema node) bool {
	schema = schema.resolve()
	if slices.Contains(typesOf(schema), "array") {
		return true
	}
	members := membersOf(schema)
	return slices.ContainsFunc(listNames, func(name string) bool {
		return slices.Contains(typesOf(members[name].resolve()), "array")
	})
}

// pathOf writes a member in a jq program.
func pathOf(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		if plainName.MatchString(name) {
			b.WriteString("." + name)
		} else {
			b.WriteString("[" + quoted(name) + "]")
		}
	}
	return b.String()
}

// lookup finds a property of the response by its path.
func lookup(members map[string]node, names []string) node {
	n := members[names[0]].resolve()
	for _, name := range names[1:] {
		n = membersOf(n)[name].resolve()
	}
	return n
}

func (p *paging) byLink(op *operation, _ map[string]node) bool {
	for _, name := range op.success.node.get("headers").names() {
		if strings.EqualFold(name, "Link") {
			p.kind, p.how = "next", "link"
			p.sent = append(p.sent, pageParams...)
			return true
		}
	}
	return false
}

func (p *paging) byURL(_ *operation, members map[string]node) bool {
	for _, names := range nextURLs {
		n := lookup(members, names)
		if !n.exists() || !slices.Contains(typesOf(n), "string") || !isLink(n, names) {
			continue
		}
		p.kind, p.how, p.stop = "next_url", ".body"+pathOf(names...), names
		p.sent = append(append(p.sent, pageParams...), "PageToken", "page_token")
		return true
	}
	return false
}

// isLink reports whether a property holds a URL.
func isLink(n node, names []string) bool {
	said := strings.ToLower(strings.Join(names, " ") + " " + n.str("format") + " " + n.str("description") + " " + n.str("example"))
	return slices.ContainsFunc([]string{"url", "uri", "link", "href"}, func(word string) bool { return strings.Contains(said, word) })
}

func (p *paging) byCursor(op *operation, members map[string]node) bool {
	place, name := "param", ""
	for _, want := range cursorParams {
		if param := op.query(want); param != nil && !slices.Contains(typesOf(param.schema.resolve()), "integer") {
			name = want
			break
		}
	}
	if name == "" && op.body != nil && op.body.json() {
		inBody := membersOf(op.body.schema)
		for _, want := range cursorParams {
			if inBody[want].exists() && want != "offset" {
				place, name = "body", want
				break
			}
		}
	}
	if name == "" {
		return false
	}
	from := ""
	for _, names := range cursors {
		n, ofOffset := lookup(members, names), names[0] == "next_page" || names[0] == "offset"
		if n.exists() && (!ofOffset || name == "offset" && (len(names) > 1 || slices.Contains(typesOf(n), "string"))) {
			p.stop = names
			from = ".body" + pathOf(names...) + ` // "" | select(. != "")`
			break
		}
	}
	if from == "" && members["has_more"].exists() && name == "starting_after" {
		if _, ok := membersOf(p.list)["id"]; ok {
			p.stop = []string{"has_more"}
			from = ".body | select(.has_more) | " + p.path + "[-1].id"
		}
	}
	if from == "" {
		return false
	}
	value := name
	if place == "body" {
		value, p.inBody = pathOf(name), name
	}
	p.kind, p.how = "cursor", mapping{{"from", from}, {place, value}}
	p.sent = append(append(p.sent, name), backwards...)
	return true
}

// byCount counts pages or records: the parameters are whole numbers.
func (p *paging) byCount(op *operation, _ map[string]node) bool {
	if page := op.count(pageParams); page != nil {
		how := mapping{{"param", page.name}}
		first, ok := firstPage(page)
		if !ok {
			p.why = "the document does not say whether the first " + shorten(page.name, 60) + " is 0 or 1: the pages are not read"
			return true
		}
		if first == "0" {
			how = append(how, entry{"start", json.Number("0")})
		}
		p.sent = append(p.sent, page.name)
		if size := op.count(pageSizes); size != nil {
			p.size = pageSize(size)
			how = append(how, entry{"size", json.Number(itoa(p.size))}, entry{"size_param", size.name})
			p.sent = append(p.sent, size.name)
		}
		p.kind, p.how = "page", how
		return true
	}
	offset, limit := op.count(offsets), op.count(limits)
	if offset == nil || limit == nil {
		return false
	}
	if first, ok := firstPage(offset); ok && first == "1" {
		p.why = "the parameter " + shorten(offset.name, 60) + " counts from 1: the pages are not read"
		return true
	}
	p.size = pageSize(limit)
	p.kind, p.how = "offset", mapping{{"limit", json.Number(itoa(p.size))}, {"param", offset.name}, {"limit_param", limit.name}}
	p.sent = append(p.sent, offset.name, limit.name)
	return true
}

// query returns a query parameter by its name.
func (op *operation) query(name string) *parameter {
	for _, p := range op.params {
		if p.in == "query" && p.name == name {
			return p
		}
	}
	return nil
}

// count returns the first of the query parameters that is a whole number.
func (op *operation) count(names []string) *parameter {
	for _, name := range names {
		if p := op.query(name); p != nil {
			if types := typesOf(p.schema.resolve()); slices.Contains(types, "integer") || slices.Contains(types, "number") {
				return p
			}
		}
	}
	return nil
}

// pageSize is the greatest page that a parameter allows, of at most 200.
func pageSize(p *parameter) int {
	for _, key := range []string{"maximum", "default"} {
		if n, ok := p.schema.get(key).v.(json.Number); ok {
			if size, err := n.Int64(); err == nil && size > 1 {
				return int(min(size, 200))
			}
		}
	}
	return 50
}
