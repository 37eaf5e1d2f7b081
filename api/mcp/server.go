package mcp

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// instructions tell a model what the server is for.
const instructions = "Tools of this server are data flows that run at once and answer with their output: a list of items. " +
	"A run that takes longer than a minute goes on by itself; read its resource penstock://runs/{run} until its state is succeeded or failed. " +
	"To repeat a call whose answer was lost, send the same idempotency key in _meta: it has one run. " +
	"Tools whose names begin with penstock_ read, check and repair flows and runs."

// listAge is how long a client may keep a list of tools, in ms.
const listAge = 5000

// newServer returns the server of the protocol. Its tools and resources depend on the caller, so that they are no tools of the library:
// the methods that concern them are answered here.
func (a *api) newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "penstock", Title: "Penstock", Version: a.config.Version}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}, Resources: &mcp.ResourceCapabilities{}},
		Logger:       a.config.Log,
	})
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			switch r := req.(type) {
			case *mcp.ListToolsRequest:
				return a.listTools(ctx, r)
			case *mcp.CallToolRequest:
				return a.callTool(ctx, r)
			case *mcp.ListResourcesRequest:
				return &mcp.ListResourcesResult{Resources: []*mcp.Resource{}}, nil
			case *mcp.ListResourceTemplatesRequest:
				return &mcp.ListResourceTemplatesResult{ResourceTemplates: resourceTemplates}, nil
			case *mcp.ReadResourceRequest:
				return a.readResource(ctx, r)
			}
			return next(ctx, method, req)
		}
	})
	return server
}

// callTool runs the flow, or carries out the operation, that a client calls.
func (a *api) callTool(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if r.Params == nil {
		return nil, invalidParams("the name of a tool is missing")
	}
	if o := operationNamed(r.Params.Name); o != nil && o.allows(requestOf(ctx).principal) {
		return a.operate(ctx, o, r)
	}
	flow, err := a.toolNamed(ctx, r.Params.Name)
	if err != nil {
		return nil, err
	}
	return a.callFlow(ctx, r, flow)
}

func invalidParams(format string, args ...any) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}

// failed returns the result of a tool that failed: what the caller may tell its user, or correct.
func failed(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}, IsError: true}
}

// failedToSend returns the result for an error of send.
func failedToSend(err error) (*mcp.CallToolResult, error) {
	if errors.Is(err, errLarge) {
		return failed(err.Error()), nil
	}
	return nil, err
}
