package mcp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/penstock/penstock/api/httpx"
)

const runScheme = "penstock://runs/"

func runURI(run string) string { return runScheme + run }

// resourceTemplates are the templates of resources. Read only.
var resourceTemplates = []*mcp.ResourceTemplate{{
	Name: "run", Title: "A run", URITemplate: runScheme + "{run}", MIMEType: "application/json",
	Description: "The state of a run, its steps and, once it has succeeded, its output. Read it again until state is succeeded, failed, timed_out or cancelled.",
}}

// readResource answers resources/read with a run that the caller may read.
func (a *api) readResource(ctx context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	uri := ""
	if r.Params != nil {
		uri = r.Params.URI
	}
	run, ok := strings.CutPrefix(uri, runScheme)
	if !ok || run == "" {
		return nil, mcp.ResourceNotFoundError(uri)
	}
	answer, err := a.send(ctx, http.MethodGet, httpx.RunPath(url.PathEscape(run)), nil, nil)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.status == http.StatusNotFound:
		return nil, mcp.ResourceNotFoundError(uri)
	case answer.status != http.StatusOK:
		return nil, invalidParams("%s", problemText(answer))
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, MIMEType: "application/json", Text: string(answer.body)}}}, nil
}
