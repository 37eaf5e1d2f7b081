package resources

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/flows"
)

// row is one item of an output while it is filtered and ordered.
type row struct {
	text    json.RawMessage
	members map[string]any // those by which it is filtered and ordered; nil: they are not needed
}

// readListing reads the parameters of a listing.
func readListing(f *flows.Flow, o *flows.Operation, query url.Values) (*listing.Query[row], error) {
	l := o.Listing
	schema := listing.Schema[row]{Order: l.Default, MaxOrder: l.MaxOrder, PageSize: l.DefaultPageSize(), MaxPageSize: l.MaxPageSize}
	for _, p := range o.Params {
		if p.In == flows.InQuery {
			schema.Others = append(schema.Others, p.Name)
		}
	}
	schema.OrderFields = []listing.Field[row]{}
	for _, field := range l.Order {
		schema.OrderFields = append(schema.OrderFields, fieldOf(field))
	}
	for _, field := range l.Filter {
		schema.Fields = append(schema.Fields, fieldOf(field))
	}
	q, err := listing.ParseParams(query, schema)
	if err != nil {
		return nil, err
	}
	if f.HTTP.Pushdown() && !f.HTTP.AnyFilter() {
		if _, err := q.Comparisons(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func fieldOf(f flows.ListingField) listing.Field[row] {
	return listing.Member(f.Name, f.Type, f.Operators, func(r *row) any { return r.members[f.Name] })
}

// listingValue is $listing: what the caller asked for, as data. The error is a
// *listing.Error for a field that is compared twice by one operator, when the
// flow itself filters.
func listingValue(f *flows.Flow, q *listing.Query[row]) (map[string]any, error) {
	order := []any{}
	for _, k := range q.Order() {
		direction := "asc"
		if k.Down {
			direction = "desc"
		}
		order = append(order, map[string]any{"field": k.Field, "direction": direction})
	}
	value := map[string]any{
		"filter": q.Tree(), "filters": nil, "where": nil, "order": order,
		"page": q.Page, "page_size": q.PageSize, "limit": q.PageSize, "offset": q.Offset(),
	}
	all, err := q.Comparisons()
	if err != nil { // it is more; then programs read filter, or nothing
		return value, nil
	}
	filters, where := []any{}, map[string]any{}
	for _, c := range all {
		filters = append(filters, map[string]any{"field": c.Field, "op": c.Operator, "value": c.Value})
		ops, _ := where[c.Field].(map[string]any)
		if ops == nil {
			ops = map[string]any{}
			where[c.Field] = ops
		}
		if _, twice := ops[c.Operator]; twice && f.HTTP.Pushdown() {
			return nil, &listing.Error{Param: listing.ParamFilter, Message: "compares " + c.Field + " twice by " + c.Operator}
		}
		ops[c.Operator] = c.Value
	}
	value["filters"], value["where"] = filters, where
	return value, nil
}

// page is the part of an output that the caller asked for.
type page struct {
	items   []json.RawMessage
	total   int
	atLeast bool // there may be more than total
}

// pageOf filters, orders and cuts an output, unless the flow has done so.
func pageOf(f *flows.Flow, o *flows.Operation, q *listing.Query[row], output []byte) (page, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(output, &items); err != nil {
		return page{}, fmt.Errorf("read output: %w", err)
	}
	if f.HTTP.Pushdown() {
		return pushedPage(o.Listing.Total, q, items)
	}
	rows := make([]row, len(items))
	needed := q.Names()
	for i, text := range items {
		rows[i] = row{text: text, members: membersOf(text, needed)}
	}
	found := q.Apply(rows)
	p := page{items: make([]json.RawMessage, len(found.Items)), total: found.Total}
	for i, r := range found.Items {
		p.items[i] = r.text
	}
	return p, nil
}

// membersOf decodes the members of an item that are needed; none of an item
// that is no object.
func membersOf(text json.RawMessage, names []string) map[string]any {
	if len(names) == 0 {
		return nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	members := make(map[string]any, len(names))
	for _, name := range names {
		dec := json.NewDecoder(bytes.NewReader(all[name]))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) == nil {
			members[name] = v
		}
	}
	return members
}

// pushedPage is a page that the flow has made. How many matches there are is
// in a member of its items, or it is known of the last page alone.
func pushedPage(member string, q *listing.Query[row], items []json.RawMessage) (page, error) {
	p := page{items: items, total: q.Offset() + len(items), atLeast: len(items) >= q.PageSize}
	if len(items) == 0 && q.Page > 1 {
		p.total, p.atLeast = 0, true
	}
	if member == "" {
		return p, nil
	}
	p.items = slices.Clone(items)
	for i, text := range items {
		var all map[string]json.RawMessage
		if json.Unmarshal(text, &all) != nil || all[member] == nil {
			continue
		}
		if n, err := strconv.Atoi(string(all[member])); err == nil && i == 0 {
			p.total, p.atLeast = n, false
		}
		delete(all, member)
		var rest bytes.Buffer
		enc := json.NewEncoder(&rest)
		enc.SetEscapeHTML(false) // the bytes of the members stay as they are
		if err := enc.Encode(all); err != nil {
			return page{}, fmt.Errorf("write item: %w", err)
		}
		p.items[i] = bytes.TrimSuffix(rest.Bytes(), []byte("\n"))
	}
	return p, nil
}
