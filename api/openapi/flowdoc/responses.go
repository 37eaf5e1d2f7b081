package flowdoc

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/penstock/penstock/flows"
)

// responses describes the answers of an operation.
func (d *describer) responses(o *flows.Operation, out *Operation, all []sample) object {
	r := object{
		"200": d.succeeded(o, out, all), "400": ref("responses", "BadRequest"),
		"422": ref("responses", "RunFailed"), "429": ref("responses", "TooManyRequests"), "503": ref("responses", "Unavailable"),
		"504": ref("responses", "RunOverdue"), "default": ref("responses", "ProblemAnswer"),
	}
	if len(o.Auth) > 0 {
		r["401"], r["403"] = ref("responses", "Unauthorized"), ref("responses", "Forbidden")
	}
	if o.Response == flows.ResponseOne {
		r["404"] = ref("responses", "NoItem")
	}
	if o.Response == flows.ResponseBody {
		r["204"] = object{"description": "No step of the flow has responded."}
	}
	if o.Method == http.MethodGet {
		r["304"] = object{"description": "The caller's copy, which `If-None-Match` names, is the current one."}
	}
	d.failures(r, all)
	return r
}

// failures adds the statuses with which tests expect runs to fail.
func (d *describer) failures(r object, all []sample) {
	for _, s := range all {
		number, err := strconv.Atoi(string(flows.EncodeJSON(s.Error["status"])))
		if err != nil || number < 400 || number > 599 || number == http.StatusUnprocessableEntity {
			continue
		}
		status := strconv.Itoa(number)
		if r[status] != nil {
			continue
		}
		r[status] = object{
			"description": "The run failed, as in: " + s.Name + ".",
			"headers":     object{"Penstock-Run-Id": ref("headers", "RunId")},
			"content":     object{"application/problem+json": object{"schema": ref("schemas", "Problem")}},
		}
	}
}

// succeeded describes the answer of a run that succeeded.
func (d *describer) succeeded(o *flows.Operation, out *Operation, all []sample) object {
	headers := object{"Penstock-Run-Id": ref("headers", "RunId")}
	if o.Method == http.MethodGet {
		headers["ETag"] = ref("headers", "ETag")
	}
	if o.Listing != nil {
		headers["Link"], headers["X-Total-Count"] = ref("headers", "Link"), ref("headers", "TotalCount")
	}
	r := object{"headers": headers, "description": map[string]string{
		flows.ResponseItems: "The items that the flow returned.", flows.ResponseOne: "The item.",
		flows.ResponsePage: "A page of the items.", flows.ResponseBody: "What a `respond` step of the flow says.",
	}[o.Response]}
	if o.Method == http.MethodHead {
		return r
	}
	schema := d.outputOf(o)
	item := visible(o, schema)
	switch {
	case item == nil && o.Response == flows.ResponseBody:
		media := object{"schema": object{}}
		if d.flow.RespondsWithFile() {
			media = binaryMedia()
		}
		r["content"] = object{"*/*": media}
		return r
	case item == nil:
		item = object{}
	default:
		item = out.component(map[bool]string{true: "Output", false: "Item"}[o.Response == flows.ResponseBody], item)
	}
	media := object{"schema": shaped(o, item)}
	if examples := examplesOf(all, nil, func(s sample) (any, bool) { return answer(o, schema, s) }); len(examples) > 0 {
		media["examples"] = examples
	}
	r["content"] = object{"application/json": media}
	return r
}

// outputOf is the JSON Schema of an item: the declared one, or one that is made from the tests; nil: neither is there.
func (d *describer) outputOf(o *flows.Operation) any {
	if o.Output != nil || o.Response == flows.ResponseBody {
		return o.Output
	}
	return markInferred(d.flow.InferOutput(o.Name))
}

// visible is the schema of an item as the caller gets it.
func visible(o *flows.Operation, schema any) any {
	if o.Listing == nil || o.Listing.Total == "" {
		return schema
	}
	return without(schema, o.Listing.Total)
}

// markInferred says of a schema where it comes from; nil when there is none.
func markInferred(schema object) any {
	if schema == nil {
		return nil
	}
	schema["x-penstock-inferred"] = true
	schema["description"] = "Inferred from the flow's tests: real output may differ."
	return schema
}

// without is an object's schema without a member, which the front door removes.
func without(schema any, member string) any {
	s, ok := schema.(object)
	properties, has := s["properties"].(object)
	if !ok || !has {
		return schema
	}
	s, properties = maps.Clone(s), maps.Clone(properties)
	delete(properties, member)
	s["properties"] = properties
	if required, ok := s["required"].([]any); ok {
		if required = slices.DeleteFunc(slices.Clone(required), func(v any) bool { return v == member }); len(required) == 0 {
			delete(s, "required")
		} else {
			s["required"] = required
		}
	}
	return s
}

// shaped is the schema of an answer with items of a schema.
func shaped(o *flows.Operation, item any) any {
	switch o.Response {
	case flows.ResponseOne, flows.ResponseBody:
		return item
	case flows.ResponsePage:
		whole := object{"type": "integer"}
		return object{
			"type": "object", "required": []any{"items", "page", "page_size", "total"},
			"properties": object{
				"items": object{"type": "array", "items": item}, "page": whole, "page_size": whole, "total": whole,
				"total_at_least": object{"type": "boolean", "description": "There are more than were counted."},
			},
		}
	}
	return object{"type": "array", "items": item}
}

// answer is the body of the answer to a test, if it is certain. Items that do not fit their schema are no example.
func answer(o *flows.Operation, schema any, s sample) (any, bool) {
	items := make([]any, len(s.Output))
	for i, item := range s.Output {
		if schema != nil && !fits(schema, item) {
			return nil, false
		}
		items[i] = item
		if members, ok := item.(object); ok && o.Listing != nil && o.Listing.Total != "" {
			members = maps.Clone(members)
			delete(members, o.Listing.Total)
			items[i] = members
		}
	}
	switch {
	case o.Response == flows.ResponseItems:
		return items, true
	case o.Response == flows.ResponseOne && len(items) == 1:
		return items[0], true
	case o.Response == flows.ResponsePage && len(items) <= o.Listing.DefaultPageSize():
		return object{"items": items, "page": 1, "page_size": o.Listing.DefaultPageSize(), "total": len(items)}, true
	}
	return nil, false
}
