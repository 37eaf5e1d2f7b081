package flowdoc

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// http describes an operation of an http trigger.
func (d *describer) http(o *flows.Operation, id string) Operation {
	out := Operation{ID: id, Method: strings.ToLower(o.Method), Path: o.Path.String(), Ways: o.Auth, schemas: map[string][]byte{}}
	for _, s := range o.Scopes {
		out.Scopes = append(out.Scopes, s.Name)
	}
	all := d.samples(o)
	op := d.described(o.Summary, d.httpText(o), d.scopes(out.Scopes), o.Auth)
	op["operationId"] = id
	if o.Deprecated {
		op["deprecated"] = true
	}
	if params := append(d.params(o, all), d.common(o)...); len(params) > 0 {
		op["parameters"] = params
	}
	if body := d.body(o, &out, all); body != nil {
		op["requestBody"] = body
	}
	op["responses"] = d.responses(o, &out, all)
	out.object = flows.EncodeJSON(op)
	return out
}

// scopes are those that a caller must hold.
func (d *describer) scopes(own []string) []string {
	if len(own) == 0 {
		return []string{"flows:run"}
	}
	return own
}

// httpText is the description of an operation: its own, and what its caller must be allowed.
func (d *describer) httpText(o *flows.Operation) string {
	var parts []string
	if text := strings.TrimSpace(o.Description); text != "" {
		parts = append(parts, text)
	}
	switch {
	case len(o.Auth) == 0:
		parts = append(parts, "Anybody may call it.")
	case len(o.Scopes) == 0:
		parts = append(parts, "Scope `flows:run`, for flow "+strconv.FormatInt(d.flow.Number, 10)+".")
	default:
		for _, s := range o.Scopes {
			text := "Scope `" + s.Name + "`"
			if s.Description != "" {
				text += ": " + strings.TrimSuffix(s.Description, ".")
			}
			parts = append(parts, text+".")
		}
	}
	if o.Cache > 0 {
		parts = append(parts, "An answer may be "+o.Cache.String()+" old.")
	}
	return strings.Join(parts, "\n\n")
}

// common are the parameters that the front door itself reads.
func (d *describer) common(o *flows.Operation) []any {
	var all []any
	if o.Listing != nil {
		all = append(all, listingParams(o.Listing)...)
	}
	if !o.Safe() {
		all = append(all, ref("parameters", "IdempotencyKey"))
	}
	return all
}

// body describes the request's body; nil: there is none.
func (d *describer) body(o *flows.Operation, out *Operation, all []sample) object {
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, o.Method) && o.Body == nil && o.BodyForm == "" && o.MaxBody == 0 {
		return nil
	}
	return d.request(out, "Body", bodyRule{o.Body, o.BodyForm, o.MaxBody > 0}, all)
}
