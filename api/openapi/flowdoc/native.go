package flowdoc

import (
	"strconv"

	"github.com/penstock/penstock/flows"
)

// native describes the native endpoint of a flow, with the schemas of its event and its output.
func (d *describer) native() Operation {
	number := strconv.FormatInt(d.flow.Number, 10)
	ways := []string{flows.AuthBearer, flows.AuthBasic, flows.AuthKey}
	out := Operation{ID: d.prefix + "_run", Method: "post", Path: "/v1/flows/" + number + "/runs", Ways: ways, schemas: map[string][]byte{}}
	all := d.samples(nil)
	text := "Runs the flow and answers with its output."
	if d.flow.Collects() {
		text = "Takes an event of the flow, whose run waits for further events."
	}
	op := d.described("", text+"\n\nScope `flows:run`, for flow "+number+".", d.scopes(nil), ways)
	op["operationId"] = out.ID
	params := []any{}
	var rule bodyRule
	if w := d.flow.Webhook; w != nil {
		rule = bodyRule{w.Schema, w.BodyForm, w.MaxBody > 0}
		for _, name := range w.Params {
			params = append(params, object{"name": name, "in": "query", "schema": object{"type": "string"}})
		}
	}
	op["parameters"] = append(params, ref("parameters", "IdempotencyKey"))
	op["requestBody"] = d.request(&out, "Event", rule, all)
	r := object{
		"400": ref("responses", "BadRequest"), "401": ref("responses", "Unauthorized"),
		"403": ref("responses", "Forbidden"), "422": ref("responses", "RunFailed"), "429": ref("responses", "TooManyRequests"), "503": ref("responses", "Unavailable"),
		"504": ref("responses", "RunOverdue"), "default": ref("responses", "ProblemAnswer"),
	}
	if d.flow.Collects() {
		r["202"] = ref("responses", "HandleAnswer")
	} else {
		r["200"] = d.nativeOutput(&out, all)
	}
	d.failures(r, all)
	op["responses"] = r
	out.object = flows.EncodeJSON(op)
	return out
}

func (d *describer) nativeOutput(out *Operation, all []sample) object {
	schema := d.flow.Output
	if schema == nil {
		schema = markInferred(d.flow.InferOutput(""))
	}
	item := any(object{})
	if schema != nil {
		item = out.component("Item", schema)
	}
	media := object{"schema": object{
		"type": "object", "required": []any{"success", "run_id", "output"},
		"properties": object{"success": object{"type": "boolean", "const": true}, "run_id": object{"type": "string"}, "output": object{"type": "array", "items": item}},
	}}
	if examples := examplesOf(all, nil, func(s sample) (any, bool) { return d.nativeAnswer(schema, s) }); len(examples) > 0 {
		media["examples"] = examples
	}
	description := "The items that the flow returned."
	if d.flow.Responds() {
		description += " A `respond` step may choose another body."
	}
	content := object{"application/json": media}
	if d.flow.RespondsWithFile() {
		content["*/*"] = binaryMedia()
	}
	return object{"description": description, "headers": object{"Penstock-Run-Id": ref("headers", "RunId")}, "content": content}
}

func (d *describer) nativeAnswer(schema any, s sample) (any, bool) {
	for _, item := range s.Output {
		if schema != nil && !fits(schema, item) {
			return nil, false
		}
	}
	return object{"success": true, "run_id": "default_3fCk0yJ8Zq", "output": append([]any{}, s.Output...)}, true
}
