package flows

import (
	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/suggest"
	"slices"
	"strings"
)

const (
	maxListingPage   = 1000
	maxListingOrder  = 8
	usualListingPage = 200
)

// listingMembers are the members of $listing.
var listingMembers = []string{"filter", "filters", "where", "order", "page", "page_size", "limit", "offset"}

func (c *compiler) listing(a *Args, o *Operation) *Listing {
	l := &Listing{MaxOrder: maxListingOrder, MaxPageSize: usualListingPage, Default: a.String("default_order"), Total: a.String("total")}
	if a.Has("page_size") {
		if l.MaxPageSize = a.Int("page_size"); l.MaxPageSize < 1 || l.MaxPageSize > maxListingPage {
			c.Add(mistake.OutOfRange, a.places["page_size"], "", "page_size: expected 1 to %d", maxListingPage)
			l.MaxPageSize = usualListingPage
		}
	}
	if a.Has("max_order") {
		if l.MaxOrder = a.Int("max_order"); l.MaxOrder < 1 || l.MaxOrder > maxListingOrder {
			c.Add(mistake.OutOfRange, a.places["max_order"], "", "max_order: expected 1 to %d", maxListingOrder)
		}
	}
	l.Filter, l.Order = c.listingFields(a, "filter", o, nil), c.listingFields(a, "order_by", o, a.Map("filter"))
	for part := range strings.SplitSeq(l.Default, ",") {
		name := strings.TrimPrefix(strings.TrimSpace(part), "-")
		if l.Default != "" && !slices.ContainsFunc(l.Order, func(f ListingField) bool { return f.Name == name }) {
			c.Add(mistake.UnknownName, a.places["default_order"], "", "default_order: %q is not in order_by", name)
		}
	}
	for _, name := range listingNames {
		if p := o.Param(name); p != nil && p.In == InQuery {
			c.Add(mistake.DuplicateName, a.place, "", "listing: %s is a parameter of the listing, and cannot be another one", name)
		}
	}
	if l.Total != "" && !c.flow.HTTP.pushdown {
		c.Add(mistake.MeaninglessKey, a.places["total"], "remove it", "total: no program reads $listing, so that the server counts the items itself")
	}
	return l
}

// listingFields reads the fields of filter or order_by. A type that is not given is that of the same field in known,
// or that of the output schema.
func (c *compiler) listingFields(a *Args, param string, o *Operation, known []Entry) []ListingField {
	var all []ListingField
	for _, e := range a.Map(param) {
		f := ListingField{Name: e.Name, Type: e.String("type"), Operators: nil}
		if !fieldForm.MatchString(f.Name) || slices.Contains([]string{"and", "or", "not"}, strings.ToLower(f.Name)) {
			c.Add(mistake.BadName, e.place, "", "%s: %q cannot be a field: letters, digits and _, beginning with no digit, at most 64, and not and, or, not", param, f.Name)
		}
		if i := slices.IndexFunc(known, func(k Entry) bool { return k.Name == e.Name && k.Has("type") }); f.Type == "" && i >= 0 {
			f.Type = known[i].String("type")
		}
		if f.Type == "" {
			f.Type = typeInSchema(o.Output, f.Name)
		}
		if param == "filter" && e.Has("operators") {
			f.Operators = e.Strings("operators")
			for _, op := range f.Operators {
				if !slices.Contains(operatorsOf(f.Type), op) {
					c.Add(mistake.MeaninglessKey, e.places["operators"], suggest.OneOf(operatorsOf(f.Type)), "operators: %s is of type %s and takes no %q", f.Name, f.Type, op)
				}
			}
		}
		all = append(all, f)
	}
	return all
}

// operatorsOf are the operators of a filter on a field of the type.
func operatorsOf(typ string) []string {
	switch typ {
	case "boolean":
		return []string{"eq", "ne"}
	case "string":
		return []string{"eq", "ne", "lt", "le", "gt", "ge", "in", "contains"}
	}
	return []string{"eq", "ne", "lt", "le", "gt", "ge", "in"}
}

// typeInSchema is the type of a property in a JSON Schema, "string" when it does not say.
func typeInSchema(schema any, name string) string {
	object, _ := schema.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	property, _ := properties[name].(map[string]any)
	types, ok := property["type"].([]any)
	if !ok {
		types = []any{property["type"]}
	}
	for _, t := range types {
		switch word, _ := t.(string); word {
		case "integer", "number", "boolean":
			return word
		case "string":
			if format, _ := property["format"].(string); format == "date" || format == "date-time" {
				return format
			}
		}
	}
	return "string"
}

// defaultListing is $listing of an event without one.
func (l *Listing) defaultListing() map[string]any {
	size, order := l.DefaultPageSize(), []any{}
	for part := range strings.SplitSeq(l.Default, ",") {
		field, down := strings.CutPrefix(strings.TrimSpace(part), "-")
		if field != "" {
			order = append(order, map[string]any{"field": field, "direction": direction(down)})
		}
	}
	return map[string]any{
		"filter": nil, "filters": []any{}, "where": map[string]any{}, "order": order, "page": 1, "page_size": size, "limit": size, "offset": 0,
	}
}

func direction(down bool) string {
	if down {
		return "desc"
	}
	return "asc"
}
