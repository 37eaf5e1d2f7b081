package mcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
)

// flowResult makes a result of the response of the native API about a run; an empty id: it was not accepted.
func (a *api) flowResult(ctx context.Context, flow *flows.Flow, s sentCall, run string) *mcp.CallToolResult {
	switch {
	case errors.Is(s.err, errLarge):
		return failed("the output is larger than 8 MiB: read it at " + httpx.RunPath(run))
	case s.err != nil:
		return failed(s.err.Error())
	}
	answer := s.answer
	var problem httpx.Problem
	if answer.status >= http.StatusBadRequest && strings.HasPrefix(answer.header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(answer.body, &problem) == nil {
		if run != "" && (problem.Code == "waiting" || problem.Code == "handed_over") { // the API tells callers so that it does not tell 202
			return goesOn(run)
		}
		return failed(problemText(answer))
	}
	var handle struct {
		RunID string `json:"run_id"`
		HRef  string `json:"href"`
	}
	if answer.status == http.StatusAccepted && json.Unmarshal(answer.body, &handle) == nil && handle.RunID == run && handle.HRef != "" {
		return goesOn(run)
	}
	var native struct {
		Success bool            `json:"success"`
		RunID   string          `json:"run_id"`
		Output  json.RawMessage `json:"output"`
	}
	if answer.status == http.StatusOK && json.Unmarshal(answer.body, &native) == nil && native.Success && native.RunID == run && native.Output != nil {
		if wrong := checkOutput(ctx, flow, native.Output); wrong != "" {
			return failed(fmt.Sprintf("Run %s has succeeded, do not repeat it; but its output does not fit the output_schema of the flow: %s. The output: %s", run, wrong, native.Output))
		}
		return &mcp.CallToolResult{
			Content:           []mcp.Content{&mcp.TextContent{Text: string(native.Output)}},
			StructuredContent: map[string]any{"run_id": run, "output": native.Output},
		}
	}
	result := chosenResult(answer, run)
	if result.IsError = answer.status >= http.StatusBadRequest; result.IsError {
		result.Content = append(result.Content, &mcp.TextContent{Text: fmt.Sprintf("Run %s has answered with status %d.", run, answer.status)})
	}
	return result
}

// checkOutput returns how an output violates the output_schema that the tool announces; empty: it does not.
func checkOutput(ctx context.Context, flow *flows.Flow, output []byte) string {
	if _, announced := moveSchema(flow.Output, ""); flow.Output == nil || !announced {
		return ""
	}
	v, err := flows.DecodeJSON(output)
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	items, _ := v.([]any)
	if err := flow.CheckOutput(ctx, items); err != nil {
		return err.Error()
	}
	return ""
}

// goesOn returns the result of a call whose run goes on without it.
func goesOn(run string) *mcp.CallToolResult {
	return &mcp.CallToolResult{
		Content: []mcp.Content{
			&mcp.TextContent{Text: fmt.Sprintf("Run %s goes on. Its state and its output are in the resource %s; penstock_get_run reads it, too.", run, runURI(run))},
			&mcp.ResourceLink{URI: runURI(run), Name: run, Title: "The run", MIMEType: "application/json"},
		},
		StructuredContent: map[string]any{"run_id": run},
	}
}

// chosenResult makes a result of a response that a flow chose, or of one of the API.
func chosenResult(answer *response, run string) *mcp.CallToolResult {
	mediaType, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type"))
	isJSON := mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
	content := mcp.Content(&mcp.TextContent{Text: string(answer.body)})
	switch {
	case len(answer.body) == 0, isJSON, strings.HasPrefix(mediaType, "text/") && utf8.Valid(answer.body):
	case strings.HasPrefix(mediaType, "image/"):
		content = &mcp.ImageContent{Data: answer.body, MIMEType: mediaType}
	case strings.HasPrefix(mediaType, "audio/"):
		content = &mcp.AudioContent{Data: answer.body, MIMEType: mediaType}
	default:
		content = &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: runURI(run), MIMEType: mediaType, Blob: answer.body}}
	}
	result := &mcp.CallToolResult{Content: []mcp.Content{content}}
	if isJSON && bytes.HasPrefix(answer.body, []byte("{")) {
		result.StructuredContent = json.RawMessage(answer.body)
	}
	return result
}

// problemText says what is wrong, from a problem document (RFC 9457).
func problemText(answer *response) string {
	var p httpx.Problem
	if json.Unmarshal(answer.body, &p) != nil || p.Code == "" {
		return fmt.Sprintf("the server answered with status %d", answer.status)
	}
	detail := cmp.Or(p.Detail, p.Title)
	if len(p.Problems) > 0 { // which follow
		detail = "the flow has mistakes"
	}
	text := detail + " (code " + p.Code
	if p.Step != "" {
		text += ", step " + p.Step
	}
	if p.RunID != "" {
		text += ", run " + p.RunID
	}
	text += ")"
	if after := answer.header.Get("Retry-After"); after != "" {
		text += "; try again after " + after + " s"
	}
	for _, mistake := range p.Problems {
		text += "\n" + mistake.Error()
		if mistake.Code != "" {
			text += " [" + mistake.Code + "]"
		}
	}
	return text
}
