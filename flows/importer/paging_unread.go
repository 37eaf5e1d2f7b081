package importer

import (
	"maps"
	"slices"
	"strings"
)

// pageWords are parameters of pages by their names alone; those of ambiguousWords are so beside one for the size of a page.
var (
	pageWords = append(slices.Clone(pageParams), "cursor", "page_token", "pageToken", "next_token", "nextToken", "NextToken", "start_cursor", "page_cursor", "next_cursor",
		"page[after]", "page[cursor]", "pagination_token", "nextPageToken", "page[offset]", "$skip")
	ambiguousWords = []string{"after", "starting_after", "continue", "marker", "offset", "skip", "startAt", "start_position", "startIndex", "start_index"}
)

// unread returns a paging that says why the pages are not read, although a parameter is one of pages; nil when there is none.
func (p *paging) unread(op *operation, members map[string]node) *paging {
	inBody := map[string]node{}
	if op.body != nil && op.body.json() {
		inBody = membersOf(op.body.schema)
	}
	find := func(names []string) string {
		for _, name := range names {
			if op.query(name) != nil || inBody[name].exists() {
				return name
			}
		}
		return ""
	}
	name := find(pageWords)
	if name == "" && (find(pageSizes) != "" || find(limits) != "") {
		name = find(ambiguousWords)
	}
	if name == "" {
		return nil
	}
	said := "the pages are not read: there is a parameter " + name
	switch lists := listsOf(members); {
	case !isJSON(op.success.media):
		said += ", and the response is not described as JSON"
	case p.items == "" && len(lists) == 0:
		said += ", and the response has no list"
	case p.items == "":
		said += ", and the response has several lists: " + shorten(strings.Join(lists, ", "), 100)
	case op.query(name) != nil && slices.Contains(pageParams, name) && op.count([]string{name}) == nil:
		said += ", which is no whole number"
	default:
		said += ", and how the next page is asked for is not known"
	}
	return &paging{why: said}
}

// listsOf are the members that are lists, sorted.
func listsOf(members map[string]node) []string {
	var lists []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if slices.Contains(typesOf(members[name].resolve()), "array") {
			lists = append(lists, name)
		}
	}
	return lists
}
